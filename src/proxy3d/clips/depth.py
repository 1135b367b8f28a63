"""Read one depth picture, whatever its file and unit, as metres with 0 where nothing was measured."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.errors import BadInput

DEPTH_SUFFIXES = (".png", ".pgm", ".tif", ".tiff", ".npy", ".npz", ".exr")
SHALLOWEST_M, DEEPEST_M = 0.05, 50.0  # medians outside are a wrong unit, not a room


def _sun(raw: np.ndarray) -> np.ndarray:
    # SUN RGB-D stores millimetres with the 16 bits rotated left by three.
    word = raw.astype(np.uint32)
    return (((word >> 3) | (word << 13)) & 0xFFFF) / 1000.0


def _kinect_raw(raw: np.ndarray) -> np.ndarray:
    # NYU Depth v2 raw dumps: byte-swapped Kinect disparity; constants as published with that data set.
    disparity = raw.astype(np.uint16).byteswap().astype(np.float64)
    return 351.3 / np.where(disparity < 1092, 1092.5 - disparity, np.inf)


DEPTH_UNITS = {
    "metres": lambda raw: raw.astype(np.float64),
    "millimetres": lambda raw: raw / 1000.0,
    "tum": lambda raw: raw / 5000.0,
    "sun": _sun,
    "kinect_raw": _kinect_raw,
}


def units_per_metre(unit: str | float) -> float | None:
    """The number in `--depth-unit 5000`, or None when it is not a number."""
    try:
        return float(unit)
    except (TypeError, ValueError):
        return None


def check_depth_unit(unit: str | float | None) -> None:
    """The unit is None, a known name or a positive number of units in a metre.

    Raises:
        BadInput: it is none of these.
    """
    if unit is None or unit in DEPTH_UNITS:
        return
    number = units_per_metre(unit)
    if number is None or not (number > 0 and math.isfinite(number)):
        raise BadInput(f"--depth-unit: expected {', '.join(DEPTH_UNITS)} or how many units make a metre (e.g. 1000), got {unit!r}")


def read_depth(path: Path, unit: str | float | None = None) -> Float[Tensor, "H W"]:
    """Metres along the optical axis, 0 where there is no measurement (0, 65535, NaN, infinite and negative values).

    Whole numbers are millimetres and floating-point numbers are metres unless `unit` says otherwise.

    Raises:
        BadInput: the file is missing, damaged, of an unknown kind, or not a depth map.
    """
    raw = _raw_depth(path)
    whole = raw.dtype.kind in "iu"
    if raw.ndim == 3 and 1 in (raw.shape[0], raw.shape[-1]):
        raw = raw.reshape([n for n in raw.shape if n != 1] if raw.size > max(raw.shape) else raw.shape[:2])
    if raw.ndim != 2 or raw.size == 0:
        raise BadInput(f"{path}: a depth map has one number per pixel (height x width), got an array of shape {raw.shape}")
    if raw.dtype.kind not in "iuf" or raw.dtype.itemsize == 1:
        raise BadInput(f"{path}: {raw.dtype} is a picture of depth, not depth; expected 16-bit whole numbers or floating-point metres")
    unit = unit if unit is not None else ("millimetres" if whole else "metres")
    if unit in ("sun", "kinect_raw") and not whole:
        raise BadInput(f"{path}: --depth-unit {unit} is for 16-bit pictures, and this file holds {raw.dtype}")
    absent = (raw == 0) | ((raw == 65535) if whole else False)
    with np.errstate(all="ignore"):
        metres = DEPTH_UNITS[unit](raw) if unit in DEPTH_UNITS else raw / units_per_metre(unit)
    good = (metres > 0) & (metres < 1e6) & ~absent  # NaN is in neither
    return torch.from_numpy(np.where(good, metres, 0).astype(np.float32))


def check_plausible(depth_m: list[Float[Tensor, "H W"]], path: Path) -> None:
    """Some pixel has depth, and the median is that of a place people walk through.

    Raises:
        BadInput: no valid depth at all, or a median that means another unit.
    """
    valid = torch.cat([d[d > 0] for d in depth_m])
    if len(valid) == 0:
        raise BadInput(f"{path}: not one valid depth value in the {len(depth_m)} frames chosen; check the files, or type --depth-unit")
    median = float(valid.median())
    if not SHALLOWEST_M <= median <= DEEPEST_M:
        raise BadInput(
            f"{path}: the median depth would be {median:.3g} m, which is no room: the unit is another one; "
            f"type --depth-unit with {', '.join(DEPTH_UNITS)} or how many units make a metre"
        )


def _raw_depth(path: Path) -> np.ndarray:
    if not path.is_file():
        raise BadInput(f"{path}: no such depth file")
    suffix = path.suffix.lower()
    if suffix == ".exr":
        raise BadInput(f"{path}: .exr depth is not read; convert it to .npy (floating-point metres) or 16-bit .png (millimetres)")
    if suffix not in DEPTH_SUFFIXES:
        raise BadInput(f"{path}: depth is read from {', '.join(s for s in DEPTH_SUFFIXES if s != '.exr')}, not {suffix or 'a file without suffix'}")
    try:
        if suffix in (".npy", ".npz"):
            return _numpy_depth(path)
        if suffix == ".pgm":
            return _pgm(path)
        return _picture(path)
    except (OSError, ValueError, SyntaxError, EOFError, KeyError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: damaged or not a depth file ({error}); copy it again or leave the frame out") from error


def _numpy_depth(path: Path) -> np.ndarray:
    # allow_pickle=False: a capture from a stranger must never run code.
    try:
        loaded = np.load(path, allow_pickle=False)
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise BadInput(f"{path}: holds pickled objects, which are never opened; save a plain array with numpy.save(file, depth)") from error
        raise
    if path.suffix.lower() == ".npy":
        return loaded
    with loaded:
        names = loaded.files
        if "depth" not in names and len(names) != 1:
            raise BadInput(f"{path}: expected one array, or one called depth, got {', '.join(names) or 'none'}")
        return loaded["depth" if "depth" in names else names[0]]


def _picture(path: Path) -> np.ndarray:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as picture:
            picture.load()
            if len(picture.getbands()) > 1 or picture.mode in ("P", "1"):
                raise BadInput(f"{path}: a coloured picture of depth, not depth; expected one channel of 16-bit millimetres")
            return np.asarray(picture)


def _pgm(path: Path) -> np.ndarray:
    """Binary or plain PGM. Pillow is not used because it rescales values whenever the stated maximum is not 65535."""
    data = path.read_bytes()
    fields, at = [], 2
    while len(fields) < 3:
        while at < len(data) and (data[at : at + 1].isspace() or data[at : at + 1] == b"#"):
            at = data.find(b"\n", at) if data[at : at + 1] == b"#" else at + 1
            if at < 0:
                raise ValueError("header without end")
        start = at
        while at < len(data) and not data[at : at + 1].isspace():
            at += 1
        fields.append(int(data[start:at]))
    width, height, top = fields
    if data[:2] == b"P2":
        return np.array(data[at:].split()[: width * height], np.uint16 if top > 255 else np.uint8).reshape(height, width)
    if data[:2] != b"P5":
        raise ValueError("not a grey PGM file")
    kind = np.dtype(">u2") if top > 255 else np.dtype("u1")
    return np.frombuffer(data, kind, width * height, at + 1).reshape(height, width).astype(kind.newbyteorder("="))
