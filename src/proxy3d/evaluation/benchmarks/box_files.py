"""Predictions that other people's programs wrote, boxes and words, read without trusting them; what is wrong is counted and named."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float

from proxy3d.errors import BadInput
from proxy3d.evaluation.metrics.oriented import CORNERS, turned_zxy
from proxy3d.evaluation.prediction_files import read_predictions
from proxy3d.evaluation.prediction_files import said as said_in
from proxy3d.evaluation.scoring import Example, Predictions
from proxy3d.spacespan.sources.rows import LARGEST, Unusable

WORDS = ("text", "answer", "prediction", "pred_answer", "response", "output")
BOXES = ("boxes", "aabb", "bbox", "box", "bbox_3d", "predicted_boxes")


@dataclass(frozen=True)
class Shape:
    """One box as its reader found it: square to the axes (what most scorers compare) and as it is turned."""

    span: tuple[float, ...]  # least x, y, z, greatest x, y, z
    nine: tuple[float, ...]  # centre, size, angles about z, x, y (EmbodiedScan)

    @property
    def corners(self) -> list[list[float]]:
        """The eight corners of the span, as upload files have them."""
        low, high = np.array(self.span[:3]), np.array(self.span[3:])
        return ((low + high) / 2 + CORNERS * (high - low)).tolist()


@dataclass(frozen=True)
class Said:
    """What one prediction says; every part may be missing, and then it is wrong rather than an error."""

    text: str | None = None
    shapes: tuple[Shape, ...] = ()
    scores: tuple[float, ...] = ()  # of the shapes, or of all proposals where there are no shapes
    ids: tuple[int, ...] | None = None  # proposals or objects chosen
    failed: bool = False  # nothing usable: an empty answer that nobody gave, so not "there is none"


def read_boxes(
    file: Path,
    examples: Sequence[Example],
    *,
    ids: Sequence[str] = ("id", "question_id", "index", "ID"),
    own_id: Callable[[object, object, str], object] = lambda key, row, stem: key,
    take: Callable[[object], object] | None = None,
) -> Predictions:
    """`read_predictions` of boxes and words, also from a folder with one file per scene, whose name `own_id` gets.

    Raises:
        BadInput: no file, or nothing in it that could be predictions.
    """
    files = sorted(Path(file).glob("*.json")) if Path(file).is_dir() else [Path(file)]
    if not files:
        raise BadInput(f"{file}: no .json file in this folder; expected one per scene")
    rows = chain.from_iterable(said_in(one, ids, lambda key, row, stem=one.stem: own_id(key, row, stem)) for one in files)
    return read_predictions(Path(file), {e.id for e in examples}, take or said, ids=ids, rows=rows)


def said(value: object) -> Said:
    """A prediction in any of the known forms: words, a number, boxes, or an object with some of these.

    Raises:
        Unusable: none of them; the message is a short phrase to be counted.
    """
    if isinstance(value, Said):
        return value
    if isinstance(value, bool) or value is None:
        raise Unusable("predictions of another kind")
    if isinstance(value, str):
        return Said(text=value)
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise Unusable("numbers that are NaN or infinite")
        return Said(text=str(value), ids=(value,) if isinstance(value, int) else None)
    if isinstance(value, list):
        return Said(shapes=shapes(value))
    if not isinstance(value, dict):
        raise Unusable("predictions of another kind")
    if any(k in value for k in ("centre_m", "centre")):
        return Said(shapes=(shape(value),))
    text = next((value[k] for k in WORDS if k in value and value[k] is not None), None)
    boxes = next((value[k] for k in BOXES if k in value), None)
    ids = next((value[k] for k in ("object_ids", "ids", "pred_id", "target_id") if k in value), None)
    scores = value.get("scores", ())
    if text is None and boxes is None and ids is None and not scores:
        raise Unusable("predictions without text, boxes or object ids")
    return Said(
        text=None if text is None else str(text) if isinstance(text, str | int | float) and not isinstance(text, bool) else wrong("text"),
        shapes=() if boxes is None else shapes(boxes),
        scores=tuple(float(v) for v in numbers(scores)),
        ids=None if ids is None else tuple(int(v) for v in numbers(ids if isinstance(ids, list) else [ids])),
    )


def wrong(what: str) -> str:
    raise Unusable(f"{what} of another kind")


def numbers(values: object) -> list[float]:
    """Finite numbers. Raises Unusable."""
    if not isinstance(values, list | tuple):
        raise Unusable("predictions of another kind")
    for v in values:
        if isinstance(v, str) and v.strip("-").isdecimal() and len(v) < 19:
            continue
        if isinstance(v, bool) or not isinstance(v, int | float):
            raise Unusable("predictions of another kind")
        if not abs(v) <= LARGEST:
            raise Unusable("numbers that are NaN or infinite")
    return [float(v) for v in values]


def shapes(value: object) -> tuple[Shape, ...]:
    """None, one or several boxes. Raises Unusable."""
    if not isinstance(value, list | tuple):
        raise Unusable("boxes of another kind")
    if not value:
        return ()
    if all(isinstance(v, int | float) for v in value) or (len(value) == 2 and all(_numbers(v, 3) for v in value)):
        return (shape(value),)
    if len(value) == 8 and all(_numbers(v, 3) for v in value):
        return (shape(value),)
    return tuple(shape(v) for v in value)


def shape(value: object) -> Shape:
    """One box: our Box, [least, greatest], eight corners, or 6, 7 or 9 numbers centre, size and angles. Raises Unusable."""
    if isinstance(value, dict):
        centre, size = (value.get(k + "_m", value.get(k)) for k in ("centre", "size"))
        if not _numbers(centre, 3) or not _numbers(size, 3):
            raise Unusable("boxes without centre and size")
        return turned([*centre, *size, value.get("yaw_rad", 0.0)])
    if not isinstance(value, list | tuple):
        raise Unusable("boxes of another kind")
    if len(value) in (2, 8) and all(_numbers(v, 3) for v in value):
        points = np.array([box_numbers(v) for v in value])
        low, high = points.min(0), points.max(0)
        if len(value) == 2 and (points[0] > points[1]).any():
            raise Unusable("boxes whose least corner is not the least")
        return Shape(tuple(np.concatenate([low, high]).tolist()), tuple(np.concatenate([(low + high) / 2, high - low, np.zeros(3)]).tolist()))
    if len(value) in (6, 7, 9):
        return turned(value)
    raise Unusable("boxes of another kind")


def turned(values: Iterable[float]) -> Shape:
    """A box from centre, full size and none, one or three angles. Raises Unusable."""
    nine = np.array((box_numbers(list(values)) + [0.0, 0.0, 0.0])[:9])
    if (nine[3:6] < 0).any():
        raise Unusable("boxes with a size below 0")
    half = nine[3:6] / 2 if not nine[6:].any() else (np.abs(turned_zxy(nine[None, 6:])[0]) * nine[3:6]).sum(1) / 2
    return Shape(tuple(np.concatenate([nine[:3] - half, nine[:3] + half]).tolist()), tuple(nine.tolist()))


def box_numbers(values: list[float]) -> list[float]:
    """Finite numbers of a box, none of them absurd. Raises Unusable."""
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise Unusable("boxes of another kind")
    if not all(abs(v) <= LARGEST for v in values):
        raise Unusable("boxes with NaN, infinity or more than 1000 km")
    return [float(v) for v in values]


def spans(many: Iterable[Shape]) -> Float[np.ndarray, "n 6"]:
    return np.array([s.span for s in many], float).reshape(-1, 6)


def nines(many: Iterable[Shape]) -> Float[np.ndarray, "n 9"]:
    return np.array([s.nine for s in many], float).reshape(-1, 9)


def usable(value: object) -> Said:
    """`said`, with nothing in place of an error: what a scorer compares."""
    try:
        return Said(failed=True) if value is None else said(value)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Said(failed=True)


def _numbers(value: object, count: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == count and all(isinstance(v, int | float) for v in value)
