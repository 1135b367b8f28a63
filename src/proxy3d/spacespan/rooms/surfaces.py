"""Procedural textures for walls, floors and ceilings: planks, tiles, carpet, plaster, wallpaper, by name and nothing else.

A texture's name ("planks-017") decides every pixel of it, and its split, so that test rooms never show a floor seen in training.
"""

from __future__ import annotations

import colorsys
import functools
import hashlib
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

from proxy3d.errors import BadInput

SIZE_PX = 256
PER_FAMILY = 40

Rng = np.random.Generator


def _smooth(rng: Rng, cells_x: int, cells_y: int) -> Float[np.ndarray, "S S"]:
    """Tileable noise of mean 0 and about unit spread: random values on a small grid, blown up by cosine weights."""
    grid = rng.normal(size=(cells_y, cells_x))
    for axis, cells in ((0, cells_y), (1, cells_x)):
        at = np.arange(SIZE_PX) * cells / SIZE_PX
        low, t = at.astype(int), (1 - np.cos((at % 1) * np.pi)) / 2
        t = t[:, None] if axis == 0 else t[None]
        grid = np.take(grid, low % cells, axis) * (1 - t) + np.take(grid, (low + 1) % cells, axis) * t
    return grid


def _colour(rng: Rng, hue: tuple[float, float], saturation: tuple[float, float], value: tuple[float, float]) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(rng.uniform(*hue) % 1, rng.uniform(*saturation), rng.uniform(*value)))


def _planks(rng: Rng) -> np.ndarray:
    rows, base = int(rng.integers(6, 13)), _colour(rng, (0.04, 0.11), (0.25, 0.65), (0.3, 0.85))
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] / SIZE_PX
    row = (y * rows).astype(int)
    shift, per_row = rng.random(rows), int(rng.integers(1, 3))
    along = (x + shift[row]) % 1 * per_row
    plank = row * per_row + along.astype(int)
    tone = rng.normal(1, 0.1, rows * per_row)[plank]
    grain = 0.05 * _smooth(rng, 6, 96) + 0.03 * _smooth(rng, 12, 128)
    gap = ((y * rows) % 1 < 0.05) | (along % 1 < 0.008)
    return base * (tone + grain)[..., None] * np.where(gap, 0.6, 1.0)[..., None]


def _tiles(rng: Rng) -> np.ndarray:
    count, base = int(rng.choice([2, 3, 4, 6, 8])), _colour(rng, (0.0, 1.0), (0.0, 0.35), (0.35, 0.95))
    other = base * rng.uniform(0.35, 0.8) if rng.random() < 0.35 else base
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] * count / SIZE_PX
    iy, ix = y.astype(int), x.astype(int)
    brick = rng.random() < 0.3 and count % 2 == 0
    x = (x + 0.5 * (iy % 2)) % count if brick else x
    tone = rng.normal(1, 0.03, (count, count))[iy, ix]
    chess = ((ix + iy) % 2 == 0)[..., None] & (not brick)
    grout = (np.minimum(x % 1, y % 1) < 0.012 * count + 0.01)[..., None]
    body = np.where(chess, other, base) * (tone + 0.03 * _smooth(rng, 12, 12) + 0.015 * _smooth(rng, 64, 64))[..., None]
    return np.where(grout, rng.uniform(0.4, 0.9), body)


def _carpet(rng: Rng) -> np.ndarray:
    base = _colour(rng, (0.0, 1.0), (0.05, 0.5), (0.2, 0.75))
    return base * (1 + 0.1 * rng.normal(size=(SIZE_PX, SIZE_PX)) + 0.05 * _smooth(rng, 32, 32) + 0.03 * _smooth(rng, 4, 4))[..., None]


def _plaster(rng: Rng) -> np.ndarray:
    base = _colour(rng, (0.0, 1.0), (0.0, 0.3), (0.55, 0.97))
    return base * (1 + 0.012 * _smooth(rng, 5, 5) + 0.012 * _smooth(rng, 90, 90) + 0.006 * rng.normal(size=(SIZE_PX, SIZE_PX)))[..., None]


def _wallpaper(rng: Rng) -> np.ndarray:
    base, ink = _colour(rng, (0.0, 1.0), (0.03, 0.4), (0.55, 0.95)), _colour(rng, (0.0, 1.0), (0.1, 0.6), (0.3, 0.9))
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] / SIZE_PX
    count, pattern = int(rng.integers(3, 11)), int(rng.integers(3))
    if pattern == 0:
        mask = (x * count) % 1 < rng.uniform(0.15, 0.5)
    elif pattern == 1:
        shifted = (x * count + 0.5 * ((y * count).astype(int) % 2)) % 1 - 0.5
        mask = shifted**2 + ((y * count) % 1 - 0.5) ** 2 < rng.uniform(0.02, 0.1)
    else:
        mask = np.abs((x * count) % 1 - 0.5) + np.abs((y * count) % 1 - 0.5) < rng.uniform(0.2, 0.4)
    strength = rng.uniform(0.2, 0.7) * mask[..., None]
    return (base * (1 - strength) + ink * strength) * (1 + 0.012 * _smooth(rng, 60, 60))[..., None]


def _bricks(rng: Rng) -> np.ndarray:
    base = _colour(rng, (0.0, 0.09), (0.1, 0.6), (0.4, 0.9))
    rows, columns = 16, 4
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] / SIZE_PX
    row = (y * rows).astype(int)
    along = (x * columns + 0.5 * (row % 2)) % columns
    tone = rng.normal(1, 0.09, (rows, columns))[row, along.astype(int)] + 0.05 * _smooth(rng, 50, 50)
    mortar = ((y * rows) % 1 < 0.14) | (along % 1 < 0.04)
    return np.where(mortar[..., None], rng.uniform(0.5, 0.8), base * tone[..., None])


def _marble(rng: Rng) -> np.ndarray:
    base, vein = _colour(rng, (0.05, 0.65), (0.0, 0.15), (0.6, 0.95)), rng.uniform(0.3, 0.7)
    flow = _smooth(rng, 3, 3) + 0.5 * _smooth(rng, 7, 7) + 0.25 * _smooth(rng, 15, 15)
    lines = np.exp(-((flow / 0.12) ** 2))
    return base * (1 - (1 - vein) * 0.6 * lines + 0.03 * _smooth(rng, 5, 5))[..., None]


FAMILIES: dict[str, Callable[[Rng], np.ndarray]] = {
    "planks": _planks,
    "tiles": _tiles,
    "carpet": _carpet,
    "plaster": _plaster,
    "wallpaper": _wallpaper,
    "bricks": _bricks,
    "marble": _marble,
}
FLOORS = ("planks", "planks", "tiles", "carpet", "marble")
WALLS = ("plaster", "plaster", "wallpaper", "tiles", "bricks", "planks")
REPEAT_M = {"planks": 1.4, "tiles": 1.2, "carpet": 1.0, "plaster": 1.5, "wallpaper": 1.1, "bricks": 1.0, "marble": 1.6}


def texture_split(name: str) -> str:
    """"train" (70 %), "val" (15 %) or "test" (15 %), by the hash of a texture's name."""
    share = int(hashlib.sha256(f"texture {name}".encode()).hexdigest()[:8], 16) / 2**32
    return "train" if share < 0.7 else "val" if share < 0.85 else "test"


def choose_texture(rng: Rng, families: tuple[str, ...], split: str) -> str:
    """The name of a texture of one of the families that belongs to a split."""
    family = families[rng.integers(len(families))]
    names = [name for name in (f"{family}-{i:03d}" for i in range(PER_FAMILY)) if texture_split(name) == split]
    return names[rng.integers(len(names))]


@functools.lru_cache(maxsize=512)
def texture(name: str) -> UInt8[np.ndarray, "S S 3"]:
    """The pixels of a texture, sRGB; it can be repeated in both directions.

    Raises:
        BadInput: no such texture.
    """
    family, _, number = name.partition("-")
    if family not in FAMILIES or not number.isdigit():
        raise BadInput(f"no texture is called {name!r}; expected a family ({', '.join(FAMILIES)}) and a number, such as planks-003")
    rng = np.random.default_rng((list(FAMILIES).index(family), int(number), 7))
    pixels = (FAMILIES[family](rng).clip(0, 1) * 255).astype(np.uint8)
    pixels.flags.writeable = False
    return pixels


@functools.lru_cache(maxsize=16)
def outside(number: int) -> UInt8[np.ndarray, "S S 3"]:
    """What one sees through a window, the horizon in the middle: sky with clouds, and trees, houses or fields."""
    rng = np.random.default_rng((number, 11))
    y = np.linspace(1, -1, SIZE_PX)[:, None]
    sky = np.array([0.55, 0.72, 0.95]) * (1 - 0.3 * y.clip(0, 1))[..., None] + 0.12
    clouds = (_smooth(rng, 4, 9) + 0.5 * _smooth(rng, 9, 18)).clip(0, 2)[..., None] * 0.3
    picture = sky + (1 - sky) * clouds
    ground = _colour(rng, (0.1, 0.35), (0.2, 0.5), (0.3, 0.6)) * (1 + 0.15 * _smooth(rng, 40, 30))[..., None]
    skyline = 0.1 * _smooth(rng, 24, 1)[:1] + 0.12 + (0.2 * (_smooth(rng, 8, 1)[:1] > 0.4) if number % 2 else 0.0)
    return ((np.where((y < skyline)[..., None], ground, picture)).clip(0, 1) * 255).astype(np.uint8)
