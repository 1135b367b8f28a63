"""Make furnished rooms with exact truth: one room from a seed, or a whole folder of them on a few processes.

make_rooms(Path("rooms/train"), "train", 5000, bank_dir=Path("bank"), workers=2)
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from proxy3d.errors import BadInput
from proxy3d.spacespan.room import Room, RoomObject
from proxy3d.spacespan.rooms.camera import choose_cameras
from proxy3d.spacespan.rooms.colours import WORDS, colour_indices
from proxy3d.spacespan.rooms.engines import engine as engine_called
from proxy3d.spacespan.rooms.kinds import KINDS
from proxy3d.spacespan.rooms.layout import Catalogue, Layout, Placed, furnish
from proxy3d.spacespan.rooms.model import Model
from proxy3d.spacespan.rooms.parametric import parametric_models
from proxy3d.spacespan.rooms.photo import CLEAN, Corruption, Photo
from proxy3d.spacespan.rooms.render import render
from proxy3d.spacespan.rooms.scene import build_scene
from proxy3d.spacespan.rooms.shards import Ledger, MadeRoom, files_digest, write_json
from proxy3d.spacespan.rooms.variety import with_variety

VERSION = 3  # of the generator: raise it when the same seed gives another room
SPLITS = ("train", "val", "test")
FRAMES = 8
VISIBLE_PX = 60  # what an object must cover in some frame to count as seen
LEAST_SEEN = 5
ATTEMPTS = 40
PHOTO = Photo()
COPIES = 3  # stretched copies of each training model of a bank
BUILT_IN = 8  # built-in models per category that train beside a bank's; they never test


@dataclass(frozen=True)
class RenderedRoom:
    """A room with what its camera saw."""

    room: Room
    rgb: UInt8[np.ndarray, "T H W 3"]
    depth_m: Float[np.ndarray, "T H W"]  # along the optical axis; 0 = none
    instance: UInt8[np.ndarray, "T H W"]  # RoomObject.id, 0 = the room itself


def room_seed(split: str, index: int, seed: int = 0) -> int:
    """The seed of one room; no two rooms of any split, index below a million and dataset seed share one.

    Raises:
        BadInput: unknown split, or an index out of range.
    """
    if split not in SPLITS:
        raise BadInput(f"no split is called {split!r}; known: {', '.join(SPLITS)}")
    if not 0 <= index < 1_000_000 or seed < 0:
        raise BadInput(f"room {index} of dataset seed {seed}: expected an index from 0 to 999999 and a seed of at least 0")
    return (seed * 1_000_000 + index) * len(SPLITS) + SPLITS.index(split)


def make_room(
    seed: int,
    split: str,
    models: Sequence[Model] | Catalogue,
    *,
    room_id: str | None = None,
    photo: Photo = PHOTO,
    corruption: Corruption = CLEAN,
    frames: int = FRAMES,
) -> RenderedRoom:
    """One furnished room and a clip through it; the same seed, split and models give the same bytes.

    A room nobody can stand in, or in which too little is seen, is made again from a sub-seed. A corruption changes pictures and depth, and nothing
    else about the room.

    Raises:
        BadInput: rendering cannot start, or no attempt gave a usable room.
    """
    catalogue = models if isinstance(models, Catalogue) else Catalogue(models)
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng((seed, attempt))
        layout = furnish(rng, catalogue, sorted(KINDS)[rng.integers(len(KINDS))])
        cameras = choose_cameras(rng, layout, frames)
        if cameras is None:
            continue
        scene, textures = build_scene(rng, layout, split)
        rgb, depth_m, instance, colour = render(scene, cameras)
        if acceptable(depth_m, instance, len(layout.objects)):
            objects = tuple(describe(layout, instance, colour))
            room = Room(
                room_id=room_id or f"{split}-{seed:09d}",
                split=split,
                seed=seed,
                kind=layout.kind,
                size_m=layout.size_m,
                image_size_px=cameras.image_size_px,
                intrinsics_px=_nested(cameras.intrinsics_px),
                world_from_camera=_nested(cameras.world_from_camera),
                textures=textures,
                objects=objects,
            )
            rgb, depth_m = corruption(seed, rgb, depth_m, cameras)  # all of the truth was told before
            return RenderedRoom(room, photo(rng, rgb), depth_m, instance)
    raise BadInput(f"room {seed}: {ATTEMPTS} attempts gave no room that shows {LEAST_SEEN} objects; expected models of more or smaller furniture")


def acceptable(depth_m: Float[np.ndarray, "T H W"], instance: UInt8[np.ndarray, "T H W"], objects: int) -> bool:
    """Whether a clip shows enough: several objects, nothing right before the lens for long, no holes in the room."""
    most = np.max([np.bincount(frame.reshape(-1), minlength=objects + 1)[1:] for frame in instance], 0)
    near = ((depth_m > 0) & (depth_m < 0.4)).mean((1, 2))
    return int((most >= VISIBLE_PX).sum()) >= LEAST_SEEN and float((depth_m == 0).mean()) < 1e-3 and float(near.max()) < 0.3


def describe(layout: Layout, instance: UInt8[np.ndarray, "T H W"], colour: UInt8[np.ndarray, "T H W 3"]) -> Iterator[RoomObject]:
    """The truth about each object: its box from its placement, its pixels and colour from what is seen."""
    count = np.array([np.bincount(frame.reshape(-1), minlength=len(layout.objects) + 1) for frame in instance])
    words = _colours(layout, instance, colour)
    for number, placed in enumerate(layout.objects, 1):
        f = placed.footprint
        yield RoomObject(
            id=number,
            category=placed.model.category,
            model=placed.model.name,
            colour=words[number - 1],
            centre_m=(round(f.x_m, 5), round(f.y_m, 5), round((f.bottom_m + f.top_m) / 2, 5)),
            size_m=(round(2 * f.half_x_m, 5), round(2 * f.half_y_m, 5), round(f.top_m - f.bottom_m, 5)),
            yaw_rad=round(float((f.yaw_rad + np.pi) % (2 * np.pi) - np.pi), 6),
            relation=placed.relation,
            support=placed.support,
            pixels=tuple(int(c) for c in count[:, number]),
        )


def _colours(layout: Layout, instance: np.ndarray, colour: np.ndarray) -> list[str]:
    """The colour word most of an object's visible surface has; of all its faces where nothing of it is seen.

    A vote of pixels, not their mean: the mean of an orange seat and its steel legs is brown.
    """
    word = _word_table()[tuple(np.moveaxis(colour >> 3, -1, 0))]
    votes = np.bincount(instance.reshape(-1).astype(np.int64) * len(WORDS) + word.reshape(-1), minlength=256 * len(WORDS)).reshape(-1, len(WORDS))
    for number, placed in enumerate(layout.objects, 1):
        if not votes[number].any():
            votes[number] = _surface(placed)
    return [WORDS[vote.argmax()] for vote in votes[1 : len(layout.objects) + 1]]


def _surface(placed: Placed) -> np.ndarray:
    """Square millimetres of each colour word on an object, each texture taken as its mean."""
    model = placed.model
    edge = model.triangle_m[:, 1:] - model.triangle_m[:, :1]
    area = np.linalg.norm(np.cross(edge[:, 0], edge[:, 1]), axis=1) / 2
    mean = np.array([picture.reshape(-1, 3).mean(0) / 255 for picture in model.textures] + [np.ones(3)])
    level = (placed.rgb * mean[model.texture_layer] * 31.99).astype(int).clip(0, 31)
    return np.bincount(_word_table()[tuple(level.T)], area * 1e6, len(WORDS)).astype(np.int64)


@lru_cache(maxsize=1)
def _word_table() -> np.ndarray:
    """(32, 32, 32) positions in WORDS: one look-up per pixel instead of one search among all example colours."""
    grid = (np.indices((32, 32, 32)).reshape(3, -1).T + 0.5) / 32
    return colour_indices(grid).reshape(32, 32, 32)


def _nested(array: np.ndarray) -> tuple:
    return tuple(_nested(a) for a in array) if array.ndim else float(array)


def write_room(folder: Path, rendered: RenderedRoom) -> None:
    """`room.json`, color/00.jpg, depth/00.png (16 bit, millimetres) and instance/00.png; the folder appears complete or not at all."""
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name in ("color", "depth", "instance"):
            (fresh / name).mkdir()
        millimetres = np.round(rendered.depth_m * 1000).clip(0, 65535).astype(np.uint16)
        for i, (rgb, depth, instance) in enumerate(zip(rendered.rgb, millimetres, rendered.instance, strict=True)):
            Image.fromarray(rgb).save(fresh / "color" / f"{i:02d}.jpg", quality=92)
            Image.fromarray(depth).save(fresh / "depth" / f"{i:02d}.png", compress_level=3)
            Image.fromarray(instance).save(fresh / "instance" / f"{i:02d}.png", compress_level=6)
        (fresh / "room.json").write_text(rendered.room.to_json(), encoding="utf-8")
        fresh.chmod(0o755)
        os.replace(fresh, folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def models_of(split: str, bank_dir: Path | None) -> tuple[tuple[Model, ...], str]:
    """The models of a split and the hash of where they come from; without a bank, the built-in ones, other ones for each split.

    Training rooms get more than the bank's share of models: stretched copies of them, and built-in furniture of the same categories.
    """
    if bank_dir is None:
        return parametric_models(12, seed=SPLITS.index(split)), "parametric"
    from proxy3d.spacespan.rooms.bank import load_bank

    bank = load_bank(Path(bank_dir))
    models = bank.split(split).models
    if split == "train":
        words = {m.category for m in models}
        models = with_variety(models, COPIES) + tuple(m for m in parametric_models(BUILT_IN) if m.category in words)
    return models, bank.hash


@dataclass(frozen=True)
class RoomJob:
    """One room that has to be there, and how to make it if it is not."""

    out: Path
    split: str
    index: int
    seed: int
    bank_dir: Path | None
    corruption: Corruption = CLEAN

    @property
    def folder(self) -> Path:
        return self.out / f"{self.split}-{self.index:06d}"


def make_one(job: RoomJob) -> MadeRoom:
    """Make a room unless it is there, and say what its files hash to."""
    wall, cpu, fresh = time.monotonic(), time.process_time(), not (job.folder / "room.json").is_file()
    if fresh:
        seed, models = room_seed(job.split, job.index, job.seed), _catalogue(job.split, job.bank_dir)
        write_room(job.folder, make_room(seed, job.split, models, room_id=job.folder.name, corruption=job.corruption))
    digest = files_digest(job.folder)
    if not fresh:
        return MadeRoom(job.index, digest)
    return MadeRoom(job.index, digest, round(time.monotonic() - wall, 3), round(time.process_time() - cpu, 3))


def make_rooms(
    out: Path,
    split: str,
    count: int,
    seed: int = 0,
    bank_dir: Path | None = None,
    workers: int = 2,
    progress: bool = True,
    *,
    corruption: Corruption = CLEAN,
    engine: str = "processes",
) -> dict:
    """Rooms 0 .. count - 1 of a split in the folder `out`, one folder each; `dataset.json` is written last, means complete, and is returned.

    Room i depends on split, seed, i, the bank and the corruption only, so a run that was stopped goes on where it was, with any number of
    workers on any engine; at most the rooms in work are lost. From a script, call it under `if __name__ == "__main__":`, because the workers
    start as fresh interpreters.

    Args:
        bank_dir: a furniture bank; None furnishes with built-in boxes and tubes.

    Raises:
        BadInput: unknown split or engine, a folder that holds other rooms, no bank there, or rendering cannot start.
    """
    out, run = Path(out), engine_called(engine)
    room_seed(split, max(count - 1, 0), seed)
    _, bank_hash = models_of(split, bank_dir)
    settings = {"version": VERSION, "split": split, "seed": seed, "bank": bank_hash}
    settings |= {"corruption": asdict(corruption)} if corruption != CLEAN else {}  # clean rooms are described as they always were
    _claim(out, settings)
    ledger = Ledger(out, count)
    jobs = [RoomJob(out, split, i, seed, bank_dir, corruption) for i in range(count)]
    jobs = [job for job in jobs if job.index not in ledger.rooms or not (job.folder / "room.json").is_file()]
    ledger.expect(job.index for job in jobs)
    for room in _shown(run(make_one, jobs, workers), len(jobs), f"{split} rooms", progress):
        ledger.add(room)
    truth = hashlib.sha256()
    for i in range(count):
        truth.update((out / f"{split}-{i:06d}" / "room.json").read_bytes())
    facts = {**settings, "count": count, "sha256": truth.hexdigest(), "files_sha256": ledger.digest()}
    write_json(out / "dataset.json", facts)
    return facts


def _claim(out: Path, settings: dict[str, object]) -> None:
    """Remember what the folder is for, so that rooms of different banks or seeds never mix in it."""
    file = out / "making.json"
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        if found != settings:
            unlike = [k for k in {**settings, **found} if found.get(k) != settings.get(k)]
            differing = ", ".join(f"{k} {found.get(k)!r} instead of {settings.get(k)!r}" for k in unlike)
            raise BadInput(f"{out}: holds other rooms ({differing}); name another folder, or remove this one")
    elif out.exists() and any(out.iterdir()):
        raise BadInput(f"{out}: not empty, and not a folder of rooms; name a new folder")
    out.mkdir(parents=True, exist_ok=True)
    write_json(file, settings)


@lru_cache(maxsize=1)
def _catalogue(split: str, bank_dir: Path | None) -> Catalogue:
    return Catalogue(models_of(split, bank_dir)[0])


def _shown(steps: Iterator[MadeRoom], total: int, what: str, progress: bool) -> Iterator[MadeRoom]:
    """The same steps, with a bar and the time that is left on a terminal's error stream."""
    if not progress or not total:
        yield from steps
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield from bar.track(steps, total=total, description=what)
