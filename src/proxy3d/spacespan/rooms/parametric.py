"""Built-in furniture made of boxes and tubes: no files, no download, the same models for the same seed.

It is what rooms are furnished with when no furniture bank is installed, and what the tests use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from proxy3d.spacespan.rooms.model import Model

Rng = np.random.Generator
Colour = tuple[float, float, float]

WOOD: tuple[Colour, ...] = ((0.55, 0.36, 0.2), (0.72, 0.55, 0.36), (0.36, 0.22, 0.13), (0.82, 0.7, 0.52))
PAINT: tuple[Colour, ...] = ((0.93, 0.93, 0.92), (0.12, 0.12, 0.13), (0.5, 0.5, 0.52), (0.78, 0.12, 0.1), (0.13, 0.27, 0.62), (0.15, 0.5, 0.22))
CLOTH: tuple[Colour, ...] = PAINT + ((0.9, 0.75, 0.15), (0.85, 0.45, 0.1), (0.45, 0.2, 0.55), (0.85, 0.72, 0.55), (0.88, 0.5, 0.6))
METAL: Colour = (0.62, 0.63, 0.65)
CERAMIC: Colour = (0.93, 0.93, 0.94)
LEAF: Colour = (0.16, 0.42, 0.14)
DARK: Colour = (0.06, 0.06, 0.07)


@dataclass(frozen=True)
class Part:
    """Triangles of one colour."""

    triangle_m: Float[np.ndarray, "F 3 3"]
    normal: Float[np.ndarray, "F 3 3"]
    rgb: Colour
    opacity: float = 1.0


def box(w: float, d: float, h: float, rgb: Colour, x: float = 0, y: float = 0, z: float = 0, opacity: float = 1.0) -> Part:
    """A box of width w (x), depth d (y) and height h, its bottom centre at (x, y, z)."""
    corner = np.array([[i, j, k] for i in (-0.5, 0.5) for j in (-0.5, 0.5) for k in (0, 1)]) * (w, d, h) + (x, y, z)
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    normals = ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1))
    triangle = np.array([corner[[q[0], q[i], q[i + 1]]] for q in quads for i in (1, 2)])
    return Part(triangle, np.repeat(np.array(normals, float), 2, 0)[:, None].repeat(3, 1), rgb, opacity)


def tube(bottom: float, top: float, h: float, rgb: Colour, x: float = 0, y: float = 0, z: float = 0, sides: int = 14) -> Part:
    """A closed cone frustum with the radii `bottom` and `top`, standing at (x, y, z); a radius of 0 makes a cone."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], 1)
    low, high = ring * bottom, ring * top + (0, 0, h)
    side = np.concatenate([np.stack([low[:-1], low[1:], high[1:]], 1), np.stack([low[:-1], high[1:], high[:-1]], 1)])
    slope = ring * (1, 1, 0) + (0, 0, (bottom - top) / h)
    slope /= np.linalg.norm(slope, axis=1, keepdims=True)
    side_normal = np.concatenate([np.stack([slope[:-1], slope[1:], slope[1:]], 1), np.stack([slope[:-1], slope[1:], slope[:-1]], 1)])
    lids, lid_normal = [], []
    for circle, z_lid, up in ((low, 0.0, -1.0), (high, h, 1.0)):
        centre = np.broadcast_to([0, 0, z_lid], (sides, 3))
        lids.append(np.stack([centre, circle[:-1], circle[1:]], 1))
        lid_normal.append(np.broadcast_to([0, 0, up], (sides, 3, 3)))
    return Part(np.concatenate([side, *lids]) + (x, y, z), np.concatenate([side_normal, *lid_normal]), rgb)


def legs(w: float, d: float, h: float, thick: float, rgb: Colour, rng: Rng) -> list[Part]:
    """Four legs that end inside a w x d outline, square or round."""
    at = [(sx * (w - thick) / 2, sy * (d - thick) / 2) for sx in (-1, 1) for sy in (-1, 1)]
    round_leg = rng.random() < 0.5
    return [tube(thick * 0.35, thick / 2, h, rgb, x, y, sides=8) if round_leg else box(thick, thick, h, rgb, x, y) for x, y in at]


def _pick(rng: Rng, colours: tuple[Colour, ...]) -> Colour:
    return colours[rng.integers(len(colours))]


def _chair(rng: Rng) -> list[Part]:
    w, d, seat, back = rng.uniform(0.4, 0.52), rng.uniform(0.42, 0.52), rng.uniform(0.42, 0.48), rng.uniform(0.35, 0.55)
    wood, cloth = _pick(rng, WOOD + PAINT), _pick(rng, WOOD + CLOTH)
    parts = legs(w, d, seat, 0.045, wood, rng) + [box(w, d, 0.05, cloth, z=seat)]
    if rng.random() < 0.5:
        return parts + [box(w, 0.04, back, cloth, y=d / 2 - 0.02, z=seat + 0.05)]
    posts = [box(0.04, 0.04, back, wood, x, d / 2 - 0.02, seat + 0.05) for x in (-w / 2 + 0.02, w / 2 - 0.02)]
    return parts + posts + [box(w, 0.03, 0.09, cloth, y=d / 2 - 0.02, z=seat + 0.05 + back * f) for f in (0.3, 0.62, 0.94)]


def _stool(rng: Rng) -> list[Part]:
    r, h, rgb = rng.uniform(0.16, 0.22), rng.uniform(0.4, 0.6), _pick(rng, CLOTH)
    return legs(1.5 * r, 1.5 * r, h, 0.035, _pick(rng, WOOD), rng) + [tube(r, r, 0.04, rgb, z=h)]


def _table(rng: Rng, low: bool = False) -> list[Part]:
    w, d, h = rng.uniform(0.8, 1.8), rng.uniform(0.7, 0.95), rng.uniform(0.7, 0.77)
    if low:
        w, d, h = rng.uniform(0.6, 1.2), rng.uniform(0.45, 0.7), rng.uniform(0.33, 0.46)
    rgb = _pick(rng, WOOD + PAINT[:2])
    if rng.random() < 0.3:
        return [tube(d * 0.3, d * 0.3, 0.03, rgb), tube(0.05, 0.05, h, rgb), tube(d / 2, d / 2, 0.035, rgb, z=h, sides=24)]
    return legs(w, d, h, 0.06, rgb, rng) + [box(w, d, 0.035, rgb, z=h)]


def _desk(rng: Rng) -> list[Part]:
    w, d, h, rgb = rng.uniform(1.0, 1.6), rng.uniform(0.55, 0.75), rng.uniform(0.7, 0.75), _pick(rng, WOOD + PAINT[:2])
    side = rng.choice((-1, 1))
    drawers = [box(0.36, 0.012, 0.14, METAL if i == 1 else rgb, side * (w / 2 - 0.2), -d / 2 + 0.02, h - 0.17 - 0.17 * i) for i in range(3)]
    body = [box(0.4, d - 0.06, h - 0.15, rgb, side * (w / 2 - 0.2), 0, 0.15), box(0.04, d - 0.04, h, rgb, -side * (w / 2 - 0.03))]
    return [*body, *drawers, box(w, d, 0.03, rgb, z=h)]


def _seat(rng: Rng, w: float) -> list[Part]:
    d, seat, h, rgb = rng.uniform(0.78, 0.95), rng.uniform(0.38, 0.45), rng.uniform(0.72, 0.9), _pick(rng, CLOTH)
    arm, arm_h, places = rng.uniform(0.1, 0.2), rng.uniform(0.52, 0.64), max(1, round((w - 0.3) / 0.65))
    inner = (w - 2 * arm) / places
    parts = [box(w, d, 0.2, rgb, z=0.05), box(w, 0.2, h - 0.25, rgb, y=d / 2 - 0.1, z=0.25), *legs(w - 0.1, d - 0.1, 0.05, 0.05, DARK, rng)]
    parts += [box(arm, d, arm_h - 0.25, rgb, x=s * (w - arm) / 2, z=0.25) for s in (-1, 1)]
    cushions = [(i + 0.5) * inner - places * inner / 2 for i in range(places)]
    return parts + [box(inner - 0.015, d - 0.22, seat - 0.25, tuple(min(1.0, 1.12 * c) for c in rgb), x, -0.1, 0.25) for x in cushions]


def _sofa(rng: Rng) -> list[Part]:
    return _seat(rng, rng.uniform(1.5, 2.3))


def _armchair(rng: Rng) -> list[Part]:
    return _seat(rng, rng.uniform(0.75, 0.95))


def _bed(rng: Rng) -> list[Part]:
    w, d, wood, cloth = rng.uniform(0.9, 1.7), rng.uniform(1.95, 2.1), _pick(rng, WOOD + PAINT[:2]), _pick(rng, CLOTH)
    pillows = [0.0] if w < 1.3 else [-w / 4, w / 4]
    parts = [box(w, d, 0.14, wood, z=0.14), *legs(w, d, 0.14, 0.08, wood, rng), box(w - 0.06, d - 0.06, 0.18, CERAMIC, z=0.28)]
    parts += [box(w - 0.02, d * 0.68, 0.2, cloth, y=-d * 0.15, z=0.28), box(w, 0.05, rng.uniform(0.5, 0.8), wood, y=d / 2 - 0.02, z=0.28)]
    return parts + [box(0.55, 0.36, 0.1, CERAMIC, x, d / 2 - 0.28, 0.46) for x in pillows]


def _bookcase(rng: Rng) -> list[Part]:
    w, d, h, rgb = rng.uniform(0.6, 1.2), rng.uniform(0.26, 0.36), rng.uniform(0.8, 2.0), _pick(rng, WOOD + PAINT[:2])
    boards = max(2, round(h / 0.36))
    sides = [box(0.03, d, h, rgb, x=s * (w - 0.03) / 2) for s in (-1, 1)] + [box(w, 0.015, h, rgb, y=d / 2 - 0.008)]
    return sides + [box(w, d, 0.025, rgb, z=(h - 0.025) * i / boards) for i in range(boards + 1)]


def _cabinet(rng: Rng, w: float, d: float, h: float, doors: int, rows: int = 1) -> list[Part]:
    rgb = _pick(rng, WOOD + PAINT)
    front, parts = tuple(0.86 * c for c in rgb), [box(w, d - 0.02, h - 0.06, rgb, y=0.01, z=0.06), box(w - 0.06, d - 0.06, 0.06, DARK)]
    for i in range(doors):
        x = (i + 0.5) * w / doors - w / 2
        for j in range(rows):
            z, tall = 0.08 + j * (h - 0.1) / rows, (h - 0.1) / rows
            parts += [box(w / doors - 0.02, 0.02, tall - 0.02, front, x, -d / 2 + 0.01, z)]
            parts += [box(0.1, 0.02, 0.015, METAL, x, -d / 2 - 0.005, z + 0.7 * tall)]
    return parts


def _sideboard(rng: Rng) -> list[Part]:
    return _cabinet(rng, rng.uniform(0.6, 1.4), rng.uniform(0.38, 0.5), rng.uniform(0.7, 1.1), int(rng.integers(2, 4)))


def _wardrobe(rng: Rng) -> list[Part]:
    return _cabinet(rng, rng.uniform(0.9, 1.8), rng.uniform(0.52, 0.62), rng.uniform(1.8, 2.15), int(rng.integers(2, 4)))


def _dresser(rng: Rng) -> list[Part]:
    return _cabinet(rng, rng.uniform(0.7, 1.2), rng.uniform(0.4, 0.5), rng.uniform(0.75, 1.0), 1, int(rng.integers(3, 5)))


def _bedside(rng: Rng) -> list[Part]:
    return _cabinet(rng, rng.uniform(0.38, 0.5), rng.uniform(0.34, 0.42), rng.uniform(0.42, 0.6), 1, 2)


def _tv_stand(rng: Rng) -> list[Part]:
    w, d, h, rgb = rng.uniform(1.0, 1.6), rng.uniform(0.36, 0.45), rng.uniform(0.4, 0.55), _pick(rng, WOOD + PAINT[:2])
    return [box(w, d, 0.03, rgb, z=z) for z in (0, h - 0.03)] + [box(0.03, d, h, rgb, x=x) for x in (-w / 2 + 0.015, 0, w / 2 - 0.015)]


def _fridge(rng: Rng) -> list[Part]:
    w, d, h, rgb = rng.uniform(0.55, 0.7), rng.uniform(0.58, 0.68), rng.uniform(1.4, 1.9), _pick(rng, (CERAMIC, METAL, PAINT[1], PAINT[3]))
    doors = [box(w, 0.03, f * h - 0.02, rgb, y=-d / 2 + 0.015, z=z * h + 0.01) for z, f in ((0, 0.66), (0.66, 0.34))]
    handles = [box(0.02, 0.03, 0.25, DARK, -w / 2 + 0.06, -d / 2 - 0.012, z * h) for z in (0.45, 0.7)]
    return [box(w, d - 0.04, h, rgb, y=0.02), *doors, *handles]


def _stove(rng: Rng) -> list[Part]:
    w, d, h, rgb = 0.6, 0.6, rng.uniform(0.84, 0.9), _pick(rng, (CERAMIC, METAL, DARK))
    rings = [tube(0.08, 0.08, 0.008, DARK if rgb != DARK else METAL, x, y, h) for x in (-0.14, 0.14) for y in (-0.13, 0.13)]
    return [box(w, d, h, rgb), box(0.46, 0.01, 0.32, DARK, y=-d / 2 - 0.003, z=0.22), box(0.46, 0.03, 0.02, METAL, y=-d / 2 - 0.01, z=0.58), *rings]


def _toilet(rng: Rng) -> list[Part]:
    lid = tube(0.2, 0.2, 0.03, _pick(rng, (CERAMIC, DARK, *WOOD)), z=0.4, sides=20)
    return [tube(0.11, 0.18, 0.4, CERAMIC), lid, box(0.38, 0.18, 0.36, CERAMIC, y=0.26, z=0.4), box(0.2, 0.3, 0.38, CERAMIC, y=0.2)]


def _bathtub(rng: Rng) -> list[Part]:
    w, d, h = rng.uniform(1.5, 1.75), rng.uniform(0.68, 0.8), rng.uniform(0.5, 0.6)
    rim = [box(w, 0.07, h, CERAMIC, y=s * (d - 0.07) / 2) for s in (-1, 1)] + [box(0.07, d, h, CERAMIC, x=s * (w - 0.07) / 2) for s in (-1, 1)]
    return [*rim, box(w, d, 0.15, CERAMIC), box(0.04, 0.04, 0.18, METAL, x=w / 2 - 0.04, z=h)]


def _washbasin(rng: Rng) -> list[Part]:
    w, d, h = rng.uniform(0.45, 0.65), rng.uniform(0.38, 0.48), rng.uniform(0.8, 0.88)
    rim = [box(w, 0.05, 0.12, CERAMIC, y=s * (d - 0.05) / 2, z=h - 0.12) for s in (-1, 1)]
    rim += [box(0.05, d, 0.12, CERAMIC, x=s * (w - 0.05) / 2, z=h - 0.12) for s in (-1, 1)]
    return [*rim, box(w, d, 0.03, CERAMIC, z=h - 0.13), tube(0.09, 0.07, h - 0.12, CERAMIC), box(0.03, 0.12, 0.15, METAL, y=d / 2 - 0.08, z=h)]


def _lamp(rng: Rng, h: float) -> list[Part]:
    r, shade = 0.12 * h + 0.05, rng.uniform(0.2, 0.3)
    pole = METAL if rng.random() < 0.5 else DARK
    top = h * (1 - shade)
    return [tube(r * 0.8, r * 0.7, 0.02, pole), tube(0.012, 0.012, top, pole, sides=6), tube(r, r * 0.65, h * shade, _pick(rng, CLOTH), z=top)]


def _plant(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.12, 0.2), rng.uniform(0.2, 0.35)
    parts = [tube(r * 0.75, r, h, _pick(rng, ((0.6, 0.3, 0.18), *PAINT)))]
    for i in range(int(rng.integers(8, 14))):
        angle, reach, tall = i * 2.4, rng.uniform(0.3, 1.2) * r, rng.uniform(0.25, 0.8)
        green = tuple(c * rng.uniform(0.75, 1.25) for c in LEAF)
        parts += [tube(0.01, 0.0, tall, green, reach * np.cos(angle) * 0.4, reach * np.sin(angle) * 0.4, h, sides=5)]
        parts += [tube(0.0, rng.uniform(0.05, 0.11), 0.12, green, reach * np.cos(angle), reach * np.sin(angle), h + tall * 0.6, sides=6)]
    return parts


def _tv(rng: Rng) -> list[Part]:
    w = rng.uniform(0.6, 1.2)
    foot = [box(0.4 * w, 0.2, 0.02, DARK), box(0.08, 0.04, 0.08, DARK)]
    return [*foot, box(w, 0.04, 0.57 * w, DARK, z=0.06), box(0.95 * w, 0.01, 0.52 * w, (0.1, 0.13, 0.2), y=-0.02, z=0.075)]


def _laptop(rng: Rng) -> list[Part]:
    rgb = _pick(rng, (METAL, DARK, CERAMIC))
    base = [box(0.33, 0.23, 0.018, rgb), box(0.3, 0.12, 0.003, DARK, y=0.03, z=0.018)]
    return [*base, box(0.33, 0.015, 0.22, rgb, y=0.12, z=0.01), box(0.3, 0.004, 0.19, (0.15, 0.25, 0.4), y=0.112, z=0.025)]


def _cup(rng: Rng) -> list[Part]:
    r, rgb = rng.uniform(0.035, 0.045), _pick(rng, CLOTH)
    return [tube(r * 0.85, r, rng.uniform(0.08, 0.11), rgb), box(0.03, 0.01, 0.05, rgb, x=r + 0.01, z=0.02)]


def _bottle(rng: Rng) -> list[Part]:
    r, h, rgb = rng.uniform(0.03, 0.045), rng.uniform(0.16, 0.22), _pick(rng, CLOTH)
    return [tube(r, r, h, rgb), tube(r, 0.013, 0.05, rgb, z=h), tube(0.013, 0.014, 0.04, _pick(rng, PAINT), z=h + 0.05)]


def _book(rng: Rng) -> list[Part]:
    w, d, h, rgb = rng.uniform(0.14, 0.22), rng.uniform(0.2, 0.28), rng.uniform(0.02, 0.05), _pick(rng, CLOTH)
    covers = [box(w, d, 0.004, rgb), box(w, d, 0.004, rgb, z=h - 0.004)]
    return [*covers, box(w - 0.008, d - 0.01, h - 0.008, (0.9, 0.88, 0.8), z=0.004), box(0.004, d, h, rgb, x=-w / 2)]


def _bowl(rng: Rng) -> list[Part]:
    r = rng.uniform(0.08, 0.14)
    return [tube(r * 0.45, r, r * 0.6, _pick(rng, CLOTH), sides=18)]


def _vase(rng: Rng) -> list[Part]:
    r, h, rgb = rng.uniform(0.05, 0.09), rng.uniform(0.15, 0.3), _pick(rng, CLOTH)
    return [tube(r * 0.6, r, h * 0.5, rgb), tube(r, r * 0.45, h * 0.35, rgb, z=h * 0.5), tube(r * 0.45, r * 0.6, h * 0.15, rgb, z=h * 0.85)]


def _toy(rng: Rng) -> list[Part]:
    a = rng.uniform(0.06, 0.1)
    blocks = [box(a, a, a, _pick(rng, CLOTH), x, 0, z) for x, z in ((-0.55 * a, 0), (0.55 * a, 0), (0, a))]
    return blocks + [tube(0.5 * a, 0, a, _pick(rng, CLOTH), z=2 * a)]


def _carton(rng: Rng) -> list[Part]:
    w, d, h, rgb = rng.uniform(0.25, 0.45), rng.uniform(0.22, 0.36), rng.uniform(0.18, 0.32), _pick(rng, CLOTH + WOOD)
    return [box(w, d, h, rgb), box(w + 0.02, d + 0.02, 0.05, tuple(0.85 * c for c in rgb), z=h - 0.05)]


def _trash_can(rng: Rng) -> list[Part]:
    r, h = rng.uniform(0.11, 0.16), rng.uniform(0.26, 0.38)
    return [tube(r * 0.8, r, h, _pick(rng, CLOTH + (METAL,))), tube(r * 1.05, r * 1.05, 0.02, DARK, z=h)]


def _rug(rng: Rng) -> list[Part]:
    w, d, rgb = rng.uniform(1.0, 2.0), rng.uniform(0.7, 1.4), _pick(rng, CLOTH)
    return [box(w, d, 0.01, rgb), box(0.8 * w, 0.75 * d, 0.002, _pick(rng, CLOTH), z=0.01), box(0.7 * w, 0.62 * d, 0.001, rgb, z=0.012)]


def _picture(rng: Rng) -> list[Part]:
    w, h = rng.uniform(0.3, 0.8), rng.uniform(0.3, 0.7)
    at = ((-w / 5, 0.2), (w / 6, 0.45))
    spots = [box(rng.uniform(0.1, 0.4) * w, 0.002, rng.uniform(0.1, 0.4) * h, _pick(rng, CLOTH), x, -0.013, z * h) for x, z in at]
    return [box(w, 0.02, h, _pick(rng, WOOD + PAINT[:2])), box(w - 0.06, 0.006, h - 0.06, _pick(rng, CLOTH), y=-0.01, z=0.03), *spots]


def _mirror(rng: Rng) -> list[Part]:
    w, h = rng.uniform(0.4, 0.7), rng.uniform(0.6, 0.9)
    return [box(w, 0.02, h, _pick(rng, WOOD + PAINT)), box(w - 0.07, 0.006, h - 0.07, (0.72, 0.78, 0.82), y=-0.01, z=0.035)]


def _ceiling_light(rng: Rng) -> list[Part]:
    r, drop = rng.uniform(0.12, 0.25), rng.uniform(0.1, 0.5)
    cord = tube(0.008, 0.008, drop, DARK, z=0.15, sides=5)
    return [tube(r, r * 0.6, 0.15, _pick(rng, CLOTH), sides=18), cord, tube(0.05, 0.05, 0.02, DARK, z=0.15 + drop)]


def _door(rng: Rng) -> list[Part]:
    w, h, rgb = rng.uniform(0.78, 0.95), rng.uniform(2.0, 2.1), _pick(rng, WOOD + PAINT)
    frame = [box(0.06, 0.15, h, CERAMIC, x=s * (w - 0.06) / 2) for s in (-1, 1)] + [box(w, 0.15, 0.06, CERAMIC, z=h - 0.06)]
    panels = [box(0.6 * w, 0.01, 0.34 * h, tuple(0.85 * c for c in rgb), y=-0.03, z=z * h) for z in (0.1, 0.54)]
    return [*frame, box(w - 0.12, 0.05, h - 0.06, rgb), *panels, box(0.12, 0.05, 0.02, METAL, w / 2 - 0.16, -0.045, 1.0)]


def _window(rng: Rng) -> list[Part]:
    w, h, rgb = rng.uniform(0.8, 1.6), rng.uniform(0.9, 1.4), _pick(rng, (CERAMIC, CERAMIC, *WOOD))
    posts = [box(0.06, 0.12, h, rgb, x=x) for x in (-w / 2 + 0.03, 0, w / 2 - 0.03)]
    return [*posts, *(box(w, 0.12, 0.06, rgb, z=z) for z in (0, h - 0.06)), box(w - 0.1, 0.01, h - 0.1, (0.8, 0.9, 1.0), z=0.05, opacity=0.2)]


@dataclass(frozen=True)
class Recipe:
    """How one category is built and how it is mounted."""

    build: Callable[[Rng], list[Part]]
    mount: str = "floor"
    elevation_m: float = 0.0


RECIPES: dict[str, Recipe] = {
    "chair": Recipe(_chair),
    "stool": Recipe(_stool),
    "table": Recipe(_table),
    "coffee table": Recipe(lambda rng: _table(rng, low=True)),
    "desk": Recipe(_desk),
    "sofa": Recipe(_sofa),
    "armchair": Recipe(_armchair),
    "bed": Recipe(_bed),
    "bookcase": Recipe(_bookcase),
    "cabinet": Recipe(_sideboard),
    "wardrobe": Recipe(_wardrobe),
    "dresser": Recipe(_dresser),
    "bedside table": Recipe(_bedside),
    "tv stand": Recipe(_tv_stand),
    "refrigerator": Recipe(_fridge),
    "stove": Recipe(_stove),
    "toilet": Recipe(_toilet),
    "bathtub": Recipe(_bathtub),
    "washbasin": Recipe(_washbasin),
    "floor lamp": Recipe(lambda rng: _lamp(rng, rng.uniform(1.3, 1.7))),
    "plant": Recipe(_plant),
    "trash can": Recipe(_trash_can),
    "box": Recipe(_carton),
    "rug": Recipe(_rug),
    "desk lamp": Recipe(lambda rng: _lamp(rng, rng.uniform(0.35, 0.5)), "table"),
    "tv": Recipe(_tv, "table"),
    "laptop": Recipe(_laptop, "table"),
    "cup": Recipe(_cup, "table"),
    "bottle": Recipe(_bottle, "table"),
    "book": Recipe(_book, "table"),
    "bowl": Recipe(_bowl, "table"),
    "vase": Recipe(_vase, "table"),
    "toy": Recipe(_toy, "table"),
    "picture frame": Recipe(_picture, "wall", 1.3),
    "mirror": Recipe(_mirror, "wall", 1.1),
    "ceiling light": Recipe(_ceiling_light, "ceiling"),
    "door": Recipe(_door, "opening"),
    "window": Recipe(_window, "opening", 0.9),
}


def assemble(name: str, category: str, parts: list[Part], mount: str, elevation_m: float = 0.0) -> Model:
    """One model of some parts, moved so that its bottom centre is the origin."""
    triangle = np.concatenate([p.triangle_m for p in parts])
    low, high = triangle.reshape(-1, 3).min(0), triangle.reshape(-1, 3).max(0)
    triangle = triangle - ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2])
    count = [len(p.triangle_m) for p in parts]
    faces = len(triangle)
    return Model(
        name=name,
        category=category,
        size_m=tuple(float(v) for v in high - low),
        triangle_m=triangle.astype(np.float32),
        normal=np.concatenate([p.normal for p in parts]).astype(np.float32),
        uv=np.zeros((faces, 3, 2), np.float32),
        rgb=np.clip(np.repeat([p.rgb for p in parts], count, 0), 0, 1).astype(np.float32),
        opacity=np.repeat([p.opacity for p in parts], count).astype(np.float32),
        texture_layer=np.full(faces, -1, np.int32),
        tintable=mount != "opening",
        mount=mount,
        elevation_m=elevation_m,
        creator="proxy3d",
        licence="Apache-2.0",
    )


def parametric_models(per_category: int = 8, seed: int = 0) -> tuple[Model, ...]:
    """`per_category` models of every category in RECIPES, named "parametric/<category>-<seed>-<number>"."""
    models = []
    for index, (category, recipe) in enumerate(RECIPES.items()):
        for number in range(per_category):
            rng = np.random.default_rng((seed, index, number))
            models.append(assemble(f"parametric/{category}-{seed}-{number}", category, recipe.build(rng), recipe.mount, recipe.elevation_m))
    return tuple(models)
