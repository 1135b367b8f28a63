"""Predictions that other people's programs wrote, boxes and words, read without trusting them; what is wrong is counted and named."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from proxy3d.errors import BadInput
from proxy3d.evaluation.metrics.oriented import CORNERS, turned_zxy
from proxy3d.evaluation.scoring import Example, Predictions
from proxy3d.spacespan.sources.rows import LARGEST, decoded

NAMED = 3  # lines kept of each kind of trouble
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


@dataclass
class Reading:
    """Collects predictions for known examples; the first of several for one example counts."""

    wanted: Mapping[str, Example]
    found: dict[str, object] = field(default_factory=dict)
    troubles: Counter = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)

    def trouble(self, kind: str, where: str) -> None:
        self.troubles[kind] += 1
        if self.troubles[kind] <= NAMED:
            self.named.append(f"{kind}: {' '.join(where.split())[:120]}")

    def put(self, key: str, value: object, read: Callable[[object], object]) -> None:
        """One prediction; ValueError of `read` says what is wrong with it."""
        if key not in self.wanted:
            return self.trouble("ids that the benchmark does not have", key)
        if key in self.found:
            return self.trouble("ids that come twice", key)
        try:
            self.found[key] = read(value)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            self.trouble(str(error) if isinstance(error, ValueError) else "predictions of another kind", key)
            self.found[key] = Said(failed=True)

    def done(self) -> Predictions:
        for key in self.wanted:
            if key not in self.found:
                self.trouble("ids without a prediction", key)
        return Predictions(self.found, self.troubles, tuple(self.named))


def read_predictions(
    file: Path, examples: Iterable[Example], read: Callable[[object], object], key_of: Callable[[dict], str | None] = lambda row: None
) -> Predictions:
    """{id: prediction}, a list or JSON Lines of rows with an id; a folder holds one such file per scene.

    Raises:
        BadInput: no file, or nothing in it that could be predictions.
    """
    reading = Reading({e.id: e for e in examples})
    files = sorted(Path(file).glob("*.json")) if Path(file).is_dir() else [Path(file)]
    if not files:
        raise BadInput(f"{file}: no .json file in this folder; expected one per scene")
    for one in files:
        for key, value in entries(one, reading, key_of):
            reading.put(key, value, read)
    if not reading.found and reading.wanted and not reading.troubles:
        raise BadInput(f"{file}: no predictions in it; expected {{id: prediction}} or rows with an id")
    return reading.done()


def entries(file: Path, reading: Reading, key_of: Callable[[dict], str | None]) -> Iterator[tuple[str, object]]:
    """Every prediction of a file with its id."""
    text = decoded(file)
    if file.suffix == ".jsonl":
        rows = []
        for number, line in enumerate(text.split("\n"), 1):
            try:
                rows += [json.loads(line)] if line.strip() else []
            except (ValueError, RecursionError):
                reading.trouble("lines that are not JSON", f"{file.name}, line {number}")
        if not rows:
            raise BadInput(f"{file}: expected JSON Lines, one object with an id per line, and no line is one")
    else:
        try:
            rows = json.loads(text, object_pairs_hook=pairs)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{file}: not JSON: {error}; expected {{id: prediction}} or a list of rows with an id") from None
        if isinstance(rows, Pairs):
            yield from rows.all
            return
    if not isinstance(rows, list):
        raise BadInput(f"{file}: expected {{id: prediction}} or a list of rows with an id, got {type(rows).__name__}")
    for number, row in enumerate(rows, 1):
        own = None
        if isinstance(row, dict):
            own = key_of({**row, "_file": file.stem}) or next((row[k] for k in ("id", "question_id", "index", "ID") if k in row), None)
        if own is None or isinstance(own, bool) or not isinstance(own, str | int):
            reading.trouble("rows without an id", f"{file.name}, row {number}")
        else:
            yield str(own), row


class Pairs(dict):
    """A JSON object that still knows which keys came twice."""

    all: tuple[tuple[str, object], ...] = ()


def pairs(items: list[tuple[str, object]]) -> Pairs:
    found = Pairs(items)
    found.all = tuple(items)
    return found


def said(value: object) -> Said:
    """A prediction in any of the known forms: words, a number, boxes, or an object with some of these.

    Raises:
        ValueError: none of them; the message is a short phrase to be counted.
    """
    if isinstance(value, Said):
        return value
    if isinstance(value, bool) or value is None:
        raise ValueError("predictions of another kind")
    if isinstance(value, str):
        return Said(text=value)
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError("numbers that are NaN or infinite")
        return Said(text=str(value), ids=(value,) if isinstance(value, int) else None)
    if isinstance(value, list):
        return Said(shapes=shapes(value))
    if not isinstance(value, dict):
        raise ValueError("predictions of another kind")
    if any(k in value for k in ("centre_m", "centre")):
        return Said(shapes=(shape(value),))
    text = next((value[k] for k in WORDS if k in value and value[k] is not None), None)
    boxes = next((value[k] for k in BOXES if k in value), None)
    ids = next((value[k] for k in ("object_ids", "ids", "pred_id", "target_id") if k in value), None)
    scores = value.get("scores", ())
    if text is None and boxes is None and ids is None and not scores:
        raise ValueError("predictions without text, boxes or object ids")
    return Said(
        text=None if text is None else str(text) if isinstance(text, str | int | float) and not isinstance(text, bool) else wrong("text"),
        shapes=() if boxes is None else shapes(boxes),
        scores=tuple(float(v) for v in numbers(scores)),
        ids=None if ids is None else tuple(int(v) for v in numbers(ids if isinstance(ids, list) else [ids])),
    )


def wrong(what: str) -> str:
    raise ValueError(f"{what} of another kind")


def numbers(values: object) -> list[float]:
    """Finite numbers. Raises ValueError."""
    if not isinstance(values, list | tuple):
        raise ValueError("predictions of another kind")
    for v in values:
        if isinstance(v, str) and v.strip("-").isdecimal() and len(v) < 19:
            continue
        if isinstance(v, bool) or not isinstance(v, int | float):
            raise ValueError("predictions of another kind")
        if not abs(v) <= LARGEST:
            raise ValueError("numbers that are NaN or infinite")
    return [float(v) for v in values]


def shapes(value: object) -> tuple[Shape, ...]:
    """None, one or several boxes. Raises ValueError."""
    if not isinstance(value, list | tuple):
        raise ValueError("boxes of another kind")
    if not value:
        return ()
    if all(isinstance(v, int | float) for v in value) or (len(value) == 2 and all(_numbers(v, 3) for v in value)):
        return (shape(value),)
    if len(value) == 8 and all(_numbers(v, 3) for v in value):
        return (shape(value),)
    return tuple(shape(v) for v in value)


def shape(value: object) -> Shape:
    """One box: our Box, [least, greatest], eight corners, or 6, 7 or 9 numbers centre, size and angles. Raises ValueError."""
    if isinstance(value, dict):
        centre, size = (value.get(k + "_m", value.get(k)) for k in ("centre", "size"))
        if not _numbers(centre, 3) or not _numbers(size, 3):
            raise ValueError("boxes without centre and size")
        return turned([*centre, *size, value.get("yaw_rad", 0.0)])
    if not isinstance(value, list | tuple):
        raise ValueError("boxes of another kind")
    if len(value) in (2, 8) and all(_numbers(v, 3) for v in value):
        points = np.array([box_numbers(v) for v in value])
        low, high = points.min(0), points.max(0)
        if len(value) == 2 and (points[0] > points[1]).any():
            raise ValueError("boxes whose least corner is not the least")
        return Shape(tuple(np.concatenate([low, high]).tolist()), tuple(np.concatenate([(low + high) / 2, high - low, np.zeros(3)]).tolist()))
    if len(value) in (6, 7, 9):
        return turned(value)
    raise ValueError("boxes of another kind")


def turned(values: Iterable[float]) -> Shape:
    """A box from centre, full size and none, one or three angles. Raises ValueError."""
    nine = np.array((box_numbers(list(values)) + [0.0, 0.0, 0.0])[:9])
    if (nine[3:6] < 0).any():
        raise ValueError("boxes with a size below 0")
    half = nine[3:6] / 2 if not nine[6:].any() else (np.abs(turned_zxy(nine[None, 6:])[0]) * nine[3:6]).sum(1) / 2
    return Shape(tuple(np.concatenate([nine[:3] - half, nine[:3] + half]).tolist()), tuple(nine.tolist()))


def box_numbers(values: list[float]) -> list[float]:
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise ValueError("boxes of another kind")
    if not all(abs(v) <= LARGEST for v in values):
        raise ValueError("boxes with NaN, infinity or more than 1000 km")
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
