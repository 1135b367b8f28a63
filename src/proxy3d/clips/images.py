"""Find pictures in a folder, put them in order, and decode one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from proxy3d.errors import BadInput

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
NOMINAL_FPS = 30.0  # only to give untimed frames an order and a spacing


def natural_key(name: str) -> tuple:
    """frame2 comes before frame10."""
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", name.lower()) if part)


def files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files with one of the suffixes in natural order of their names; hidden ones (macOS leaves ._x.png) are not seen."""
    if not folder.is_dir():
        return []
    found = [p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith(".") and p.is_file()]
    return sorted(found, key=lambda p: (natural_key(p.name), p.name))


def timestamps(files: Sequence[Path]) -> list[float] | None:
    """Seconds from the first, when every name is a time: with a decimal point, or an epoch in ms, us or ns; else None."""
    stems = [f.name[: -len(f.suffix)] for f in files]
    if len(files) < 2 or not all(re.fullmatch(r"\d+(\.\d+)?", s) for s in stems) or len(set(stems)) < len(stems):
        return None
    if not all("." in s or len(s) in (13, 16, 19) for s in stems):
        return None
    # Whole numbers stay whole until the first is subtracted: nanoseconds of an epoch do not fit a double.
    unit = 1.0 if "." in stems[0] else {13: 1e3, 16: 1e6, 19: 1e9}[len(stems[0])]
    value = [float(s) if "." in s else int(s) for s in stems]
    return [(v - min(value)) / unit for v in value]


def frame_times(files: Sequence[Path]) -> tuple[list[float], tuple[str, ...]]:
    """Seconds of each file, and a note when they are only assumed."""
    told = timestamps(files)
    if told is not None:
        return told, ()
    note = f"no timestamps: frames are taken to be 1/{NOMINAL_FPS:.0f} s apart"
    return [k / NOMINAL_FPS for k in range(len(files))], (note,) if len(files) > 1 else ()


def pair(first: Sequence[Path], second: Sequence[Path]) -> dict[Path, Path]:
    """Which file of the second list belongs to which of the first, by the part of the name they share.

    Tried in turn: the stem without the words color, rgb, image, depth, pose; its last number; its first number. The first that tells
    all files apart and finds any partner is used. Empty when none does.
    """
    for key in (_bare_stem, _last_number, _first_number):
        left, right = [key(p) for p in first], [key(p) for p in second]
        if None in left or None in right or len(set(left)) < len(left) or len(set(right)) < len(right):
            continue
        partner = dict(zip(right, second, strict=True))
        pairs = {p: partner[k] for p, k in zip(first, left, strict=True) if k in partner}
        if pairs:
            return pairs
    return {}


def read_image(path: Path, *, upright: bool = False) -> UInt8[Tensor, "3 H W"]:
    """An RGB picture as stored, or turned the way the camera was held (`upright`), if it says so.

    Raises:
        BadInput: missing, damaged or no picture.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about large pictures and odd metadata; we shrink and ignore them
            with Image.open(path) as picture:
                picture.load()
                picture = ImageOps.exif_transpose(picture) if upright else picture
                if picture.mode.startswith("I"):  # 16-bit grey: convert("RGB") would clip it to white
                    grey = np.asarray(picture).astype(np.float64) / 256
                    picture = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
                rgb = np.array(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such picture") from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise BadInput(f"{path}: damaged or not a picture ({error}); copy it again or leave it out") from error
    return torch.from_numpy(rgb).permute(2, 0, 1).contiguous()


def _bare_stem(path: Path) -> str | None:
    stem = path.name[: -len(path.suffix)] if path.suffix else path.name
    return re.sub(r"(?<![a-z])(colou?r|rgb|images?|img|depth|pose)(?![a-z])", "", stem.lower()).strip("._- ") or None


def _last_number(path: Path) -> int | None:
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[-1]) if numbers else None


def _first_number(path: Path) -> int | None:
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[0]) if numbers else None
