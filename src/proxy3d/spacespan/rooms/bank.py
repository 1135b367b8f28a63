"""The furniture bank: free household models, cleaned and cached once, read back as Model values and divided by model into train, val and test.

    build_bank(Path("bank"))                  # downloads two Debian packages; or debs=folder of .deb, .sh3f or .jar files
    bank = load_bank(Path("bank")).split("train")
    bank.by_category["chair"][0].triangle_m   # metres, z up, front towards -y, bottom centre at the origin

On disk: index.json (what each model is), geometry.npz and textures.npz (all models one after the other), ATTRIBUTION.md (must travel with the bank).
Texture row 0 is at v = 0 and column 0 at u = 0, as OpenGL reads an uploaded array; u and v repeat. Draw two-sided: windings are mixed.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from proxy3d.errors import BadInput
from proxy3d.spacespan.rooms.categories import category_of, mount_of
from proxy3d.spacespan.rooms.decimate import FEWEST_FACES, crease_normals, cut_out, face_budget, face_normals, level_area, simplify
from proxy3d.spacespan.rooms.model import Model
from proxy3d.spacespan.rooms.splits import Shape, signature, splits
from proxy3d.spacespan.rooms.sweethome import LICENCES, Entry, archives, decode_image, read_catalogue, read_mesh

FORMAT = 1
TEXTURE_PX = 256
LOWEST_SUPPORT_M = 0.03  # lower is a foot or the bottom itself
MOST_FACES = 15000  # a model that cannot be simplified to this many triangles is left out
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Bank:
    """Models with the split of each; `hash` names the whole bank this came from."""

    models: tuple[Model, ...]
    hash: str
    split_of: dict[str, str] = field(default_factory=dict)

    @cached_property
    def by_category(self) -> dict[str, tuple[Model, ...]]:
        """Models of each category, categories in alphabetical order."""
        names = sorted({m.category for m in self.models})
        return {name: tuple(m for m in self.models if m.category == name) for name in names}

    def split(self, name: str) -> Bank:
        """The part of the bank that belongs to train, val or test.

        Raises:
            BadInput: no such split.
        """
        if name not in SPLITS:
            raise BadInput(f"no split is called {name!r}; known: {', '.join(SPLITS)}")
        return Bank(tuple(m for m in self.models if self.split_of.get(m.name) == name), self.hash, self.split_of)

    def __len__(self) -> int:
        return len(self.models)


def build_bank(bank_dir: Path, debs: Path | None = None) -> None:
    """Make the bank: unpack the catalogues, clean every usable model, write the cache. Takes minutes; nothing is left behind if it fails.

    Args:
        bank_dir: folder to make; must not exist yet, or be empty.
        debs: folder of .deb (or .sh3f, .jar) files; None downloads them with apt-get (no root needed).

    Raises:
        BadInput: the folder is taken, the packages cannot be had or hold nothing usable, or the install that simplifies meshes is missing.
    """
    bank_dir = Path(bank_dir)
    if bank_dir.exists() and (not bank_dir.is_dir() or any(bank_dir.iterdir())):
        raise BadInput(f"{bank_dir}: already there and not empty; name a new folder, or remove it to build again")
    bank_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=bank_dir.parent, prefix=f".{bank_dir.name}-") as temporary:
        unpacked, fresh = Path(temporary) / "packages", Path(temporary) / "bank"
        unpacked.mkdir()
        fresh.mkdir()
        chosen = list(usable(entry for archive in archives(unpacked, debs) for entry in read_catalogue(archive)))
        if not chosen:
            raise BadInput(f"{debs or 'the packages'}: no usable furniture in the catalogues; expected sweethome3d-furniture 1.8 or later")
        models = [model for model in _made(chosen) if model is not None]
        if not models:
            raise BadInput(f"{debs or 'the packages'}: none of {len(chosen)} models could be read")
        write_bank(fresh, models)
        if bank_dir.exists():
            bank_dir.rmdir()
        os.replace(fresh, bank_dir)
    print(f"{len(models)} models in {bank_dir}", file=sys.stderr)


def usable(entries: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
    """Entries that a room can hold, with their category; a name that comes twice counts once."""
    seen: set[str] = set()
    for entry in entries:
        category = category_of(entry.section, entry.name, entry.library, entry.identifier)
        name = f"{entry.library}/{entry.identifier}"
        if category and name not in seen:
            seen.add(name)
            yield entry, category


def _made(chosen: list[tuple[Entry, str]]) -> Iterator[Model | None]:
    """Cleaned models in the given order, with progress on stderr; two processes when there is enough to do."""
    if len(chosen) < 16:
        made = map(_model_or_none, chosen)
        yield from made
        return
    workers = min(2, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done, model in enumerate(pool.map(_model_or_none, chosen, chunksize=4), 1):
            if done % 50 == 0 or done == len(chosen):
                print(f"furniture: {done}/{len(chosen)}", file=sys.stderr, flush=True)
            yield model


def _model_or_none(job: tuple[Entry, str]) -> Model | None:
    entry, category = job
    try:
        model = make_model(entry, category)
    except BadInput:
        raise  # a package is missing: a bank without every model that needs it would look whole
    except (ValueError, IndexError, OSError) as error:
        print(f"left out {entry.library}/{entry.identifier}: {error}", file=sys.stderr)
        return None
    if len(model.triangle_m) > MOST_FACES:
        print(f"left out {model.name}: still {len(model.triangle_m)} faces after simplification", file=sys.stderr)
        return None
    return model


def make_model(entry: Entry, category: str) -> Model:
    """One catalogue entry as a Model.

    Raises:
        ValueError: the mesh cannot be read or nothing visible is left of it.
    """
    mesh = read_mesh(entry)
    textures: list[np.ndarray] = []
    layer_of: dict[str, tuple[int, np.ndarray]] = {}
    parts = []
    faces_all = len(mesh.raw.corner)
    for group, material in enumerate(mesh.material):
        mine = mesh.raw.group == group
        if material.opacity <= 0.02 or not mine.any():
            continue
        corner_uv = mesh.raw.corner_uv[mine]
        texture = material.texture if material.texture and len(mesh.raw.uv) and (corner_uv >= 0).all() else None
        uv = mesh.raw.uv[corner_uv] * [1, -1] + [0, 1] if texture else np.zeros((*corner_uv.shape, 2))
        corners = np.concatenate([mesh.xyz_m[mesh.raw.corner[mine]], uv], 2)
        layer, alpha = -1, None
        if texture:
            if texture not in layer_of:
                picture = decode_image(mesh.image[texture], TEXTURE_PX)
                layer_of[texture] = (len(textures), picture[:, :, 3] / 255)
                textures.append(np.ascontiguousarray(picture[:, :, :3]))
            layer, alpha = layer_of[texture]
        budget = max(FEWEST_FACES, round(face_budget(entry.size_m) * mine.sum() / faces_all))
        corners = simplify(corners, texture is not None, budget, max(entry.size_m))
        if alpha is not None and (alpha < 0.5).mean() > 0.005:
            corners = cut_out(corners, alpha)
        if len(corners):
            rgb = (1.0, 1.0, 1.0) if texture else material.rgb
            parts.append((corners, rgb, material.opacity, layer))
    if not parts:
        raise ValueError("nothing visible")
    return _assembled(entry, category, parts, tuple(textures))


def _assembled(entry: Entry, category: str, parts: list, textures: tuple[np.ndarray, ...]) -> Model:
    count = [len(p[0]) for p in parts]
    corners = np.concatenate([p[0] for p in parts])
    rgb = np.repeat(np.array([p[1] for p in parts], np.float32), count, 0)
    opacity = np.repeat(np.array([p[2] for p in parts], np.float32), count)
    layer = np.repeat(np.array([p[3] for p in parts], np.int32), count)
    keep = face_normals(corners[:, :, :3])[1] > 1e-12
    corners, rgb, opacity, layer = corners[keep], rgb[keep], opacity[keep], layer[keep]
    if not len(corners):
        raise ValueError("nothing visible")
    low, high = corners[:, :, :3].min((0, 1)), corners[:, :, :3].max((0, 1))
    triangle = (corners[:, :, :3] - [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]).astype(np.float32)
    size = tuple(float(v) for v in np.maximum(high - low, 1e-3))
    area = face_normals(triangle)[1]
    mount = mount_of(category, entry.elevation_m, size[2])
    return Model(
        name=f"{entry.library}/{entry.identifier}", category=category, size_m=size, triangle_m=triangle,
        normal=crease_normals(triangle).astype(np.float32), uv=corners[:, :, 3:].astype(np.float32), rgb=rgb, opacity=opacity,
        texture_layer=layer, textures=textures, tintable=bool(area[layer >= 0].sum() < 0.05 * area.sum()),
        mount=mount, elevation_m=entry.elevation_m if mount in ("wall", "opening") else 0.0,
        support_height_m=support_height(triangle, size, entry.support_height_m, low[2]) if mount in ("floor", "table", "wall") else None,
        creator=entry.creator, licence=entry.licence,
    )  # fmt: skip


def support_height(triangle: np.ndarray, size_m: tuple[float, float, float], stated_m: float | None, dropped_m: float) -> float | None:
    """The catalogue's height if the mesh has a level surface there (15 % of the footprint), else the highest level with 40 % of it, else None.

    Args:
        dropped_m: how far the mesh was lowered to stand on z = 0 after the catalogue's height was measured.
    """
    footprint = size_m[0] * size_m[1]
    if stated_m is not None and stated_m - dropped_m >= LOWEST_SUPPORT_M and level_area(triangle, stated_m - dropped_m, 0.03) >= 0.15 * footprint:
        return round(stated_m - dropped_m, 4)
    levels = np.unique(np.round(triangle[:, :, 2].mean(1), 2))
    levels = levels[levels >= LOWEST_SUPPORT_M]
    for level in levels[::-1][:200]:
        if level_area(triangle, float(level), 0.015) >= 0.4 * footprint:
            return round(float(level), 4)
    return None


def write_bank(folder: Path, models: list[Model]) -> None:
    """index.json, geometry.npz, textures.npz and ATTRIBUTION.md of the given models, in the order of their names."""
    models = sorted(models, key=lambda m: m.name)
    split_of = splits([Shape(m.name, m.category, m.creator, m.size_m, signature(m.triangle_m)) for m in models])
    packed, records, textures = [], [], []
    layer_of: dict[str, int] = {}
    for model in models:
        arrays = _pack(model)
        mine = []
        for picture in model.textures:
            digest = hashlib.sha256(picture.tobytes()).hexdigest()
            if digest not in layer_of:
                layer_of[digest] = len(textures)
                textures.append(picture)
            mine.append(layer_of[digest])
        content = b"".join(np.ascontiguousarray(a).tobytes() for a in arrays.values()) + b"".join(t.tobytes() for t in model.textures)
        records.append(
            {
                "name": model.name, "category": model.category, "split": split_of[model.name], "size_m": [round(v, 5) for v in model.size_m],
                "faces": len(model.triangle_m), "textures": mine, "tintable": model.tintable, "mount": model.mount,
                "elevation_m": round(model.elevation_m, 4), "support_height_m": model.support_height_m, "creator": model.creator,
                "licence": model.licence, "sha256": hashlib.sha256(content).hexdigest(),
            }  # fmt: skip
        )
        packed.append(arrays)
    np.savez_compressed(folder / "geometry.npz", **{key: np.concatenate([a[key] for a in packed]) for key in packed[0]})
    stack = np.stack(textures) if textures else np.zeros((0, TEXTURE_PX, TEXTURE_PX, 3), np.uint8)
    np.savez_compressed(folder / "textures.npz", textures=stack)
    (folder / "ATTRIBUTION.md").write_text(attribution(models), encoding="utf-8")
    index = {"format": FORMAT, "models": records}
    (folder / "index.json").write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _pack(model: Model) -> dict[str, np.ndarray]:
    """Sixteen bits per coordinate (of the model's own box), eight per normal component and colour."""
    half = np.array([model.size_m[0] / 2, model.size_m[1] / 2, 0.0])
    unit = (model.triangle_m + half) / np.array(model.size_m)
    return {
        "position": np.round(unit * 65535).clip(0, 65535).astype(np.uint16),
        "normal": np.round(model.normal * 127).astype(np.int8),
        "uv": model.uv.astype(np.float32),
        "rgb": np.round(model.rgb * 255).astype(np.uint8),
        "opacity": np.round(model.opacity * 255).astype(np.uint8),
        "texture_layer": model.texture_layer.astype(np.int16),
    }


def load_bank(bank_dir: Path) -> Bank:
    """The bank in a folder that `build_bank` made; a second or two, a few hundred megabytes.

    Raises:
        BadInput: not a bank, an incomplete one, or one of another format.
    """
    folder = Path(bank_dir)
    if not (folder / "index.json").is_file():
        raise BadInput(f"{folder}: no furniture bank (index.json) here; make one with `proxy3d data bank {folder}`")
    try:
        text = (folder / "index.json").read_bytes()
        index = json.loads(text)
        if index["format"] != FORMAT:
            raise BadInput(f"{folder}: bank format {index['format']}, expected {FORMAT}; build it again")
        arrays = _arrays(folder / "geometry.npz")
        textures = _arrays(folder / "textures.npz")["textures"]
        models, start = [], 0
        for record in index["models"]:
            stop = start + record["faces"]
            models.append(_unpack(record, {key: a[start:stop] for key, a in arrays.items()}, textures))
            start = stop
        if start != len(arrays["position"]):
            raise ValueError(f"{start} faces in the index, {len(arrays['position'])} in geometry.npz")
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"{folder}: the furniture bank cannot be read ({type(error).__name__}: {error}); remove it and build it again") from None
    return Bank(tuple(models), hashlib.sha256(text).hexdigest(), {r["name"]: r["split"] for r in index["models"]})


def _arrays(file: Path) -> dict[str, np.ndarray]:
    with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as stored:  # opened here: numpy leaks it when the file is no zip
        return {key: stored[key] for key in stored.files}


def _unpack(record: dict, arrays: dict[str, np.ndarray], textures: np.ndarray) -> Model:
    size = np.array(record["size_m"], np.float32)
    half = np.array([size[0] / 2, size[1] / 2, 0.0], np.float32)
    normal = arrays["normal"].astype(np.float32)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-6)
    return Model(
        name=record["name"], category=record["category"], size_m=tuple(record["size_m"]),
        triangle_m=arrays["position"].astype(np.float32) * (size / 65535) - half, normal=normal, uv=arrays["uv"],
        rgb=arrays["rgb"].astype(np.float32) / 255, opacity=arrays["opacity"].astype(np.float32) / 255,
        texture_layer=arrays["texture_layer"].astype(np.int32), textures=tuple(textures[i] for i in record["textures"]),
        tintable=record["tintable"], mount=record["mount"], elevation_m=record["elevation_m"], support_height_m=record["support_height_m"],
        creator=record["creator"], licence=record["licence"],
    )  # fmt: skip


def attribution(models: Iterable[Model]) -> str:
    """Who made what under which licence, as the Creative Commons licences ask; Markdown."""
    lines = [
        "# Furniture models: attribution",
        "",
        "The models come from the furniture libraries of Sweet Home 3D (Emmanuel Puybaret / eTeks and contributors, <http://www.sweethome3d.com>),",
        f"as packaged by Debian ({LIBRARIES}).",
        "They were changed: scaled to their catalogue size, simplified, normals recomputed, textures resized.",
        "",
    ]
    for licence, address in LICENCES.items():
        mine = [m for m in models if m.licence == licence]
        if not mine:
            continue
        lines += [f"## {licence} ({address})", ""]
        for creator in sorted({m.creator for m in mine}):
            names = ", ".join(sorted(m.name for m in mine if m.creator == creator))
            lines.append(f"- **{OWNERS.get(creator, creator)}**: {names}")
        lines.append("")
    return "\n".join(lines)


LIBRARIES = "sweethome3d-furniture: BlendSwap-CC-0, BlendSwap-CC-BY, KatorLegaz, Reallusion, Scopia; sweethome3d: eTeks"
OWNERS = {
    "Scopia": "Emmanuel Puybaret / eTeks <info@eteks.com> and Scopia Visual Interfaces Systems, s.l. (http://www.scopia.es)",
    "Scopia & eTeks": "Emmanuel Puybaret / eTeks <info@eteks.com> and Scopia Visual Interfaces Systems, s.l. (http://www.scopia.es)",
    "eTeks": "Emmanuel Puybaret, eTeks <info@eteks.com>",
}
