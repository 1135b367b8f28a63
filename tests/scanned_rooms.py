"""VSI-Bench's meta info with two invented rooms, in the exact format, simple enough to measure by hand."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

SQUARE = [1, 0, 0, 0, 1, 0, 0, 0, 1]
QUARTER_TURN = [0, 1, 0, -1, 0, 0, 0, 0, 1]  # its first axis lies along +y
# The side that is nearest to the vertical comes first and leans by 36.87 degrees (cosine 0.8).
LEANING = [0, 0.6, 0.8, 1, 0, 0, 0, 0.8, -0.6]


def box(centre: tuple[float, float, float], lengths: tuple[float, float, float], axes: list = SQUARE) -> dict:
    """A box with the min and max of its eight corners."""
    rows = [axes[i : i + 3] for i in (0, 3, 6)]
    corners = [
        [c + sum(sign * length / 2 * row[k] for sign, length, row in zip(signs, lengths, rows, strict=True)) for k, c in enumerate(centre)]
        for signs in product((-1, 1), repeat=3)
    ]
    low, high = ([pick(corner[k] for corner in corners) for k in range(3)] for pick in (min, max))
    return {"centroid": list(centre), "axesLengths": list(lengths), "normalizedAxes": list(axes), "min": low, "max": high}


def scene(name: str, room_size: float, boxes: dict[str, list[dict]], counts: dict[str, int] | None = None) -> dict:
    return {
        "dataset": "scannet",
        "video_path": f"/videos/{name}.mp4",
        "room_size": room_size,
        "room_center": [0.0, 0.0, 0.2],
        "object_counts": counts or {category: len(items) for category, items in boxes.items()},
        "object_bbox": boxes,
    }


def two_scenes() -> dict[str, dict]:
    """An office with its floor at z = -1, whose screen stands on the table, and one whose screen does not."""
    printer = box((2, -2, -0.8), (0.5, 0.4, 0.4))
    office = {
        "table": [box((0, 0, -0.64), (1.6, 0.8, 0.72))],
        "monitor": [box((0.4, 0, -0.03), (0.5, 0.2, 0.5))],
        "chair": [box((0, 1.5, -0.55), (0.5, 0.5, 0.9)), box((2, 1.5, -0.45), (0.5, 0.5, 1.1))],
        "door": [box((3, 0, 0), (0.9, 0.1, 2.0), QUARTER_TURN)],
        "sofa": [box((0, -3, -0.5), (0.8, 2.1, 0.9), LEANING)],
        "printer": [printer, printer],  # as the published file lists some
    }
    other = {
        "table": [box((0, 0, -0.6), (1.0, 1.0, 0.8))],
        "monitor": [box((3, 3, -0.75), (0.6, 0.2, 0.5))],
        "door": [box((-3, 0, 0), (0.9, 0.1, 2.0))],
        "piano": [box((0, 3, -0.4), (1.4, 0.6, 1.2))],
    }
    return {
        "scene0900_00": scene("scene0900_00", 17.6, office, {**{c: len(b) for c, b in office.items()}, "printer": 1}),
        "scene0901_00": scene("scene0901_00", 20.2, other),
    }


def written(folder: Path, scenes: object, name: str = "scannet_meta_info_val.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(scenes if isinstance(scenes, str) else json.dumps(scenes), encoding="utf-8")
    return file
