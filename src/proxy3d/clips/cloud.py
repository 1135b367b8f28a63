"""Read a point cloud from .ply or .pcd, with or without colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.values import check_finite, check_shape

CLOUD_SUFFIXES = (".ply", ".pcd")
BEGINNINGS = (b"ply\n", b"ply\r", b"# .PCD")
PLY_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
COLOUR_NAMES = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
SH_0 = 0.28209479177387814  # spherical harmonic of degree 0: how Gaussian-splat files store a colour as f_dc_0..2


@dataclass(frozen=True)
class Cloud:
    """Points of a place, in the unit of the file."""

    xyz: Float[Tensor, "N 3"]  # float64
    rgb: Float[Tensor, "N 3"] | None = None  # 0..1

    def __post_init__(self):
        check_shape(self, xyz=(None, 3), rgb=(len(self.xyz), 3))
        check_finite(self, "xyz", "rgb")

    def __len__(self) -> int:
        return len(self.xyz)


def read_cloud(path: Path) -> Cloud:
    """The points of a .ply (ascii, binary of either byte order) or .pcd (ascii, binary) file that have finite coordinates.

    Raises:
        BadInput: truncated, of an unknown form, or without points.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({type(error).__name__})") from error
    try:
        columns = (_ply if path.suffix.lower() == ".ply" or data.startswith(b"ply") else _pcd)(data, path)
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: damaged point cloud ({error})") from error
    absent = [n for n in "xyz" if n not in columns]
    if absent:
        raise BadInput(f"{path}: points need x, y and z; found {', '.join(columns) or 'nothing'}")
    xyz = np.stack([columns[n].astype(np.float64) for n in "xyz"], 1)
    rgb = _colour(columns)
    good = np.isfinite(xyz).all(1)
    if not good.any():
        raise BadInput(f"{path}: {len(xyz)} points, none with finite coordinates; expected at least one")
    return Cloud(torch.from_numpy(xyz[good]), torch.from_numpy(np.nan_to_num(rgb[good]).clip(0, 1).astype(np.float32)) if rgb is not None else None)


def begins_as_cloud(path: Path) -> bool:
    """Whether the first bytes are those of a .ply or .pcd file, whatever it is called."""
    try:
        with path.open("rb") as file:
            return file.read(6).startswith(BEGINNINGS)
    except OSError:
        return False


def _colour(columns: dict[str, np.ndarray]) -> np.ndarray | None:
    for names in COLOUR_NAMES:
        if all(n in columns for n in names):
            value = np.stack([columns[n] for n in names], 1)
            if value.dtype.kind in "iu":
                return value / (65535.0 if value.dtype.itemsize == 2 else 255.0)
            return value / 255.0 if np.nanmax(value, initial=0) > 1.0 else value.astype(np.float64)
    if all(f"f_dc_{k}" in columns for k in range(3)):
        return 0.5 + SH_0 * np.stack([columns[f"f_dc_{k}"] for k in range(3)], 1).astype(np.float64)
    packed = columns.get("rgb", columns.get("rgba"))
    if packed is not None:  # PCD: 0x00RRGGBB, as a whole number or as the bits of a float
        bits = packed.view(np.uint32) if packed.dtype == np.float32 else packed.astype(np.uint32)
        return np.stack([(bits >> s) & 255 for s in (16, 8, 0)], 1) / 255.0
    return None


def _header(data: bytes, end: bytes, path: Path) -> tuple[list[list[str]], int]:
    """Words of each header line up to the line that starts with `end`, and where the body starts."""
    lines, at = [], 0
    while True:
        stop = data.find(b"\n", at)
        if stop < 0 or stop - at > 10_000 or len(lines) > 10_000:
            raise BadInput(f"{path}: the header has no line {end.decode()}; not a {path.suffix.lower()} file, or cut off")
        line = data[at:stop].decode("ascii", "replace").split()
        at = stop + 1
        lines.append(line)
        if line and line[0] == end.decode():
            return lines, at


def _ply(data: bytes, path: Path) -> dict[str, np.ndarray]:
    if not data.startswith(b"ply"):
        raise BadInput(f"{path}: does not start with `ply`; not a PLY file")
    lines, at = _header(data, b"end_header", path)
    form, elements = "", []
    for words in lines[1:-1]:
        if words[:1] == ["format"]:
            form = words[1]
        elif words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            if not elements:
                raise BadInput(f"{path}: a property before any element")
            kind = words[1]
            if kind != "list" and kind not in PLY_TYPES:
                raise BadInput(f"{path}: unknown property type {kind!r}; known: {', '.join(PLY_TYPES)}, list")
            elements[-1][2].append((words[-1], kind))
    if form not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise BadInput(f"{path}: format {form or 'missing'}; expected ascii, binary_little_endian or binary_big_endian")
    names = [e[0] for e in elements]
    if "vertex" not in names or elements[names.index("vertex")][1] < 1:
        raise BadInput(f"{path}: holds no points (element vertex is {'empty' if 'vertex' in names else 'missing'})")
    before, (_, count, properties) = elements[: names.index("vertex")], elements[names.index("vertex")]
    if any(kind == "list" for e in (*before, elements[names.index("vertex")]) for _, kind in e[2]):
        raise BadInput(f"{path}: list properties in or before the points are not read; save it with vertices first, as plain numbers")
    if form == "ascii":
        return _ascii_columns(data[at:], sum(e[1] for e in before), count, [(n, "<" + PLY_TYPES[k]) for n, k in properties], path)
    order = "<" if "little" in form else ">"
    at += sum(n * np.dtype([(p, order + PLY_TYPES[k]) for p, k in props]).itemsize for _, n, props in before)
    return _binary_columns(data, at, count, np.dtype([(n, order + PLY_TYPES[k]) for n, k in properties]), path)


def _pcd(data: bytes, path: Path) -> dict[str, np.ndarray]:
    lines, at = _header(data, b"DATA", path)
    header = {words[0].upper(): words[1:] for words in lines if words and not words[0].startswith("#")}
    missing = [k for k in ("FIELDS", "SIZE", "TYPE") if k not in header] + ([] if {"POINTS", "WIDTH"} & set(header) else ["POINTS"])
    if missing:
        raise BadInput(f"{path}: the header lacks {', '.join(missing)}")
    count = int(header["POINTS"][0]) if "POINTS" in header else int(header["WIDTH"][0]) * int(header.get("HEIGHT", ["1"])[0])
    repeat = [int(c) for c in header.get("COUNT", ["1"] * len(header["FIELDS"]))]
    if not len(header["FIELDS"]) == len(header["SIZE"]) == len(header["TYPE"]) == len(repeat):
        raise BadInput(f"{path}: FIELDS, SIZE, TYPE and COUNT must have the same length")
    if count < 1:
        raise BadInput(f"{path}: holds no points")
    fields = []
    for k, (name, size, kind, n) in enumerate(zip(header["FIELDS"], header["SIZE"], header["TYPE"], repeat, strict=True)):
        code = {"F": "f", "U": "u", "I": "i"}.get(kind.upper())
        if code is None or size not in ("1", "2", "4", "8"):
            raise BadInput(f"{path}: unknown field type {kind}{size} of {name}; expected F, U or I of 1, 2, 4 or 8 bytes")
        fields += [(f"{name}" if n == 1 and name != "_" else f"{name}#{k}.{i}", f"<{code}{size}") for i in range(n)]
    form = (header["DATA"] or [""])[0].lower()
    if form == "binary_compressed":
        raise BadInput(f"{path}: compressed PCD is not read; type pcl_convert_pcd_ascii_binary {path.name} out.pcd 1")
    if form == "ascii":
        return _ascii_columns(data[at:], 0, count, fields, path)
    if form != "binary":
        raise BadInput(f"{path}: DATA {form or 'missing'}; expected ascii or binary")
    return _binary_columns(data, at, count, np.dtype(fields), path)


def _binary_columns(data: bytes, at: int, count: int, kind: np.dtype, path: Path) -> dict[str, np.ndarray]:
    need, have = count * kind.itemsize, max(0, len(data) - at)
    if have < need:
        raise BadInput(f"{path}: cut off: {count} points need {need} bytes, {have} are there; copy the file again")
    rows = np.frombuffer(data, kind, count, at)
    return {name: rows[name].astype(rows[name].dtype.newbyteorder("=")) for name in kind.names}


def _ascii_columns(body: bytes, skip: int, count: int, fields: list[tuple[str, str]], path: Path) -> dict[str, np.ndarray]:
    lines = body.decode("ascii", "replace").split("\n")[skip : skip + count]
    words = [w for line in lines for w in line.split()]
    if len(words) != count * len(fields):
        raise BadInput(f"{path}: cut off or uneven: {count} points of {len(fields)} numbers expected, got {len(words)} numbers")
    columns = {}
    for k, (name, kind) in enumerate(fields):
        dtype = np.dtype(kind)
        texts = words[k :: len(fields)]
        # Whole numbers are read as such: a packed colour has more digits than a float keeps.
        columns[name] = np.array([_whole(t) for t in texts]).astype(dtype) if dtype.kind in "iu" else np.array(texts, dtype)
    return columns


def _whole(text: str) -> int:
    return int(float(text)) if "." in text or "e" in text else int(text)
