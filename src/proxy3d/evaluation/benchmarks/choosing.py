"""From a model's words or scores to the proposals it means, by the rules of the public code bases."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from proxy3d.evaluation.benchmarks.box_files import LARGEST, Said, Shape, turned
from proxy3d.evaluation.metrics.oriented import angles_fixed_zxy, turned_fixed_zxy

OBJECT = re.compile(r"<OBJ(\d{3})>")
LOCATION = re.compile(r"<LOC(\d{3})>")
FIRST = 50  # Mask3D proposals that Video-3D-LLM looks at
TEMPERATURE, ENOUGH = 0.07, 0.4


def named_object(text: str, proposals: int) -> int:
    """Chat-Scene: the first <OBJddd> that is a proposal, and proposal 0 where there is none."""
    return next((int(d) for d in OBJECT.findall(text) if int(d) < proposals), 0)


def named_objects(text: str, proposals: int) -> list[int]:
    """Chat-Scene: every <OBJddd> in range; one named twice is there twice."""
    return [int(d) for d in OBJECT.findall(text) if int(d) < proposals]


def located(text: str) -> Shape | None:
    """Chat-Scene's other form: six <LOCddd> before </LOCATION>, centimetres from 500, are centre and size."""
    values = [(int(d) - 500) / 100 for d in LOCATION.findall(text.split("</LOCATION>")[0])]
    if "</LOCATION>" not in text or len(values) != 6:
        return None
    return _turned(values)


def scored_object(scores: Sequence[float], proposals: int) -> int | None:
    """Video-3D-LLM: the best of the first 50 proposals."""
    few = np.array(scores[: min(FIRST, proposals)])
    return int(few.argmax()) if len(few) else None


def likely_objects(scores: Sequence[float], proposals: int) -> list[int]:
    """Video-3D-LLM for 0 to k objects: the last score says "none"; else proposals in falling probability until they add up to 0.4."""
    if len(scores) < 2:
        return []
    share = np.exp((np.array(scores) - max(scores)) / TEMPERATURE)
    share /= share.sum()
    if int(share.argmax()) == len(share) - 1:
        return []
    order = np.argsort(-share[:-1], kind="stable")
    stop = int(np.searchsorted(np.cumsum(share[:-1][order]), ENOUGH)) + 1
    return [int(i) for i in order[:stop] if i < proposals]


def framed_box(text: str, cameras: Sequence[Float[np.ndarray, "4 4"]]) -> Shape | None:
    """VG-LLM: the first line that holds {"frame", "bbox_3d"}, moved by world_from_camera of that frame.

    The move reads the angles about fixed axes and the overlap about those of the box, as the public code does (≈).
    """
    for line in text.split("\n"):
        start, end = line.find("{"), line.rfind("}")
        try:
            item = json.loads(line[start : end + 1]) if 0 <= start < end else None
        except (ValueError, RecursionError):
            continue
        if isinstance(item, dict) and "frame" in item and "bbox_3d" in item:
            return _moved(item["bbox_3d"], item["frame"], cameras)
    return None


def _moved(values: object, frame: object, cameras: Sequence[Float[np.ndarray, "4 4"]]) -> Shape | None:
    whole = isinstance(frame, int) and not isinstance(frame, bool) and 0 <= frame < len(cameras)
    if not whole or not isinstance(values, list) or len(values) != 9:
        return None
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) <= LARGEST for v in values):
        return None
    nine, move = np.array(values, float), np.asarray(cameras[frame], float)
    centre = move[:3, :3] @ nine[:3] + move[:3, 3]
    angles = angles_fixed_zxy(move[None, :3, :3] @ turned_fixed_zxy(nine[None, 6:]))[0]
    return _turned([*centre, *nine[3:6], *angles])


def _turned(values: Sequence[float]) -> Shape | None:
    try:
        return turned([float(v) for v in values])
    except ValueError:
        return None


def chosen(said: Said, proposals: Sequence[Shape]) -> tuple[Shape, ...]:
    """Boxes as given, or those of the proposals whose numbers are given."""
    if said.shapes or said.ids is None:
        return said.shapes
    return tuple(proposals[i] for i in said.ids if 0 <= i < len(proposals))
