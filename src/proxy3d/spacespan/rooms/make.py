"""Make furnished rooms with exact truth: one room from a seed, or a whole folder of them on a few processes.

    make_rooms(Path("rooms/train"), "train", 5000, bank_dir=Path("bank"), workers=2)
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from proxy3d.errors import BadInput
from proxy3d.spacespan.room import Room, RoomObject
from proxy3d.spacespan.rooms.camera import choose_cameras
from proxy3d.spacespan.rooms.colours import WORDS, colour_indices
from proxy3d.spacespan.rooms.kinds import KINDS
from proxy3d.spacespan.rooms.layout import Catalogue, Layout, Placed, furnish
from proxy3d.spacespan.rooms.model import Model
from proxy3d.spacespan.rooms.parametric import parametric_models
from proxy3d.spacespan.rooms.photo import Photo
from proxy3d.spacespan.rooms.render import render
from proxy3d.spacespan.rooms.scene import build_scene
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
    seed: int, split: str, models: Sequence[Model] | Catalogue, *, room_id: str | None = None, photo: Photo = PHOTO, frames: int = FRAMES
) -> RenderedRoom:
    """One furnished room and a clip through it; the same seed, split and models give the same bytes.

    A room nobody can stand in, or in which too little is seen, is made again from a sub-seed.

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


def make_rooms(out: Path, split: str, count: int, seed: int = 0, bank_dir: Path | None = None, workers: int = 2, progress: bool = True) -> None:
    """Rooms 0 .. count - 1 of a split in the folder `out`, one folder each; `dataset.json` is written last and means complete.

    Room i depends on split, seed, i and the bank only, so a run that was stopped goes on where it was, with any number of workers.
    From a script, call it under `if __name__ == "__main__":`, because the workers start as fresh interpreters.

    Args:
        bank_dir: a furniture bank; None furnishes with built-in boxes and tubes.

    Raises:
        BadInput: unknown split, a folder that holds other rooms, no bank there, or rendering cannot start.
    """
    out = Path(out)
    room_seed(split, max(count - 1, 0), seed)
    _, bank_hash = models_of(split, bank_dir)
    settings = {"version": VERSION, "split": split, "seed": seed, "bank": bank_hash}
    _claim(out, settings)
    missing = [i for i in range(count) if not (out / f"{split}-{i:06d}" / "room.json").is_file()]
    jobs = [(out, split, i, seed, bank_dir) for i in missing]
    for _ in _shown(_made(jobs, workers), len(jobs), progress):
        pass
    digest = hashlib.sha256()
    for i in range(count):
        digest.update((out / f"{split}-{i:06d}" / "room.json").read_bytes())
    _write_json(out / "dataset.json", {**settings, "count": count, "sha256": digest.hexdigest()})


def _claim(out: Path, settings: dict[str, object]) -> None:
    """Remember what the folder is for, so that rooms of different banks or seeds never mix in it."""
    file = out / "making.json"
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        if found != settings:
            differing = ", ".join(f"{k} {found.get(k)!r} instead of {v!r}" for k, v in settings.items() if found.get(k) != v)
            raise BadInput(f"{out}: holds other rooms ({differing}); name another folder, or remove this one")
    elif out.exists() and any(out.iterdir()):
        raise BadInput(f"{out}: not empty, and not a folder of rooms; name a new folder")
    out.mkdir(parents=True, exist_ok=True)
    _write_json(file, settings)


def _write_json(file: Path, value: object) -> None:
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, file)


@lru_cache(maxsize=1)
def _catalogue(split: str, bank_dir: Path | None) -> Catalogue:
    return Catalogue(models_of(split, bank_dir)[0])


def _make_one(job: tuple[Path, str, int, int, Path | None]) -> int:
    out, split, index, seed, bank_dir = job
    name = f"{split}-{index:06d}"
    write_room(out / name, make_room(room_seed(split, index, seed), split, _catalogue(split, bank_dir), room_id=name))
    return index


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next job for ever."""
    import threading
    from multiprocessing import parent_process

    def watch() -> None:
        parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _made(jobs: list, workers: int) -> Iterator[int]:
    if workers <= 1 or len(jobs) < 2:
        yield from map(_make_one, jobs)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Fresh interpreters: an OpenGL context or a thread pool must not be copied into a child.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        yield from pool.map(_make_one, jobs, chunksize=4)


def _shown(steps: Iterator[int], total: int, progress: bool) -> Iterator[int]:
    if not progress or not total:
        return steps
    from rich.console import Console
    from rich.progress import track

    return track(steps, "rooms", total=total, console=Console(stderr=True))
