"""Divide the furniture among train, val and test so that no model, and no near copy of it, is on two sides."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

TEST_SHARE, VAL_SHARE = 0.25, 0.15
SAMPLES = 16384
# Bounds on the distance of two signatures, set by looking at all close pairs of the real catalogues.
SAME_MESH = 0.05  # whoever made it, and whatever its proportions: a re-mesh, a mirror image, a stretched copy
SAME_DESIGN = 0.13  # by one creator, in proportions at most SAME_ASPECT apart
SAME_SERIES = 0.3  # by one creator, and ids differ only in a number, side, size or colour
SAME_ASPECT = 0.25
_STATE = r"left|right|open(?:ed)?|closed"  # one piece of furniture photographed twice, however different the shape
_VARIANT = re.compile(
    rf"{_STATE}|small|large|big|little|medium|double|triple|quadruple|single|low(er)?|upper|high|arched|regular|rounded|round|square|seats?"
    r"|white|black|gr[ae]y|brown|beige|red|green|blue|yellow|pear|teak|alder|[^a-z]"
)


@dataclass(frozen=True)
class Shape:
    """What is compared between two models."""

    name: str
    category: str
    creator: str
    size_m: tuple[float, float, float]
    signature: Float[np.ndarray, "N"]


def signature(triangle_m: Float[np.ndarray, "F 3 3"]) -> Float[np.ndarray, "256"]:
    """Where the surface is: share of the area in each cell of the bounding box (4 x 8 x 8 cells; x is folded, so mirrored twins agree).

    Area is sampled at evenly spaced positions along the running total of triangle areas, so equal meshes give equal signatures.
    """
    corner = triangle_m.astype(np.float64)
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    if area.sum() <= 0:
        return np.zeros(256)
    step = (np.arange(SAMPLES) + 0.5) / SAMPLES
    face = np.searchsorted(np.cumsum(area) / area.sum(), step).clip(0, len(area) - 1)
    # Two additive-recurrence sequences (golden ratio and its plastic cousin) spread the points inside the triangles.
    r, s = (np.arange(SAMPLES) * 0.7548776662) % 1.0, (np.arange(SAMPLES) * 0.5698402910) % 1.0
    flip = r + s > 1
    r, s = np.where(flip, 1 - r, r), np.where(flip, 1 - s, s)
    a, b, c = corner[face, 0], corner[face, 1], corner[face, 2]
    point = a + r[:, None] * (b - a) + s[:, None] * (c - a)
    low, high = corner.reshape(-1, 3).min(0), corner.reshape(-1, 3).max(0)
    unit = (point - low) / np.maximum(high - low, 1e-9)
    folded = np.abs(unit[:, 0] - 0.5) * 2
    cell = (np.stack([folded, unit[:, 1], unit[:, 2]], 1) * [4, 8, 8]).astype(int).clip(0, [3, 7, 7])
    return np.bincount(cell[:, 0] * 64 + cell[:, 1] * 8 + cell[:, 2], minlength=256) / SAMPLES


def distance(a: Float[np.ndarray, "N"], b: Float[np.ndarray, "N"]) -> float:
    """Total variation of two signatures, 0 (alike) to 1."""
    return float(np.abs(a - b).sum() / 2)


def near_copies(a: Shape, b: Shape) -> bool:
    """Whether two models are one design: the same mesh, close relatives by one creator, or variants in one creator's series."""
    apart = distance(a.signature, b.signature)
    if apart <= SAME_MESH and (a.creator == b.creator or _aspect(a, b) <= SAME_ASPECT):
        return True
    if a.creator != b.creator:
        return False
    if stem(a.name, state_only=True) == stem(b.name, state_only=True):
        return True
    if apart <= SAME_DESIGN and _aspect(a, b) <= SAME_ASPECT:
        return True
    return apart <= SAME_SERIES and _aspect(a, b) <= 2 * SAME_ASPECT and stem(a.name) == stem(b.name)


def _aspect(a: Shape, b: Shape) -> float:
    ratio = np.array(a.size_m) / np.array(b.size_m)
    return float(ratio.max() / ratio.min()) - 1


def stem(name: str, state_only: bool = False) -> str:
    """A model's id without its variant words: "Scopia/window_2x4_arched" -> "windowx"; with `state_only` just without left, right, open, closed."""
    words = re.compile(rf"{_STATE}|[-_ ]") if state_only else _VARIANT
    return words.sub("", name.split("/")[-1].lower())


def families(shapes: list[Shape]) -> list[list[str]]:
    """Groups of near copies (transitively closed), each in name order, the groups ordered by their first name."""
    parent = list(range(len(shapes)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, a in enumerate(shapes):
        for j in range(i):
            if near_copies(a, shapes[j]):
                parent[root(i)] = root(j)
    groups = defaultdict(list)
    for i, shape in enumerate(shapes):
        groups[root(i)].append(shape.name)
    return sorted(sorted(group) for group in groups.values())


def assign(category: str, groups: list[list[str]]) -> dict[str, str]:
    """The split of every model of one category; groups are never divided, and order depends on names alone.

    Four models or more: about 60 / 15 / 25 % train / val / test, at least one each if there are three groups. Two or three models: one group to test,
    the rest to train. One model or one group: train.
    """
    count = sum(map(len, groups))
    order = sorted(groups, key=lambda g: hashlib.sha256(f"{category}/{g[0]}".encode()).hexdigest())
    largest = max(order, key=len)
    candidates = [g for g in order if g is not largest]  # the largest group always trains
    split = {name: "train" for group in groups for name in group}
    wanted = {"test": max(1, round(TEST_SHARE * count))}
    if count >= 4 and len(groups) >= 3:
        wanted["val"] = max(1, round(VAL_SHARE * count))
    for side, goal in wanted.items():
        taken = 0
        reserved = 0 if side == "val" else len(wanted) - 1  # test leaves a group for val
        for group in sorted(candidates, key=len) if goal == 1 else list(candidates):
            fits = taken + len(group) <= goal or taken == 0
            if taken < goal and fits and len(candidates) > reserved:
                split.update(dict.fromkeys(group, side))
                candidates.remove(group)
                taken += len(group)
    return split


def splits(shapes: list[Shape]) -> dict[str, str]:
    """train, val or test for every model, by name."""
    by_category = defaultdict(list)
    for shape in shapes:
        by_category[shape.category].append(shape)
    out: dict[str, str] = {}
    for category in sorted(by_category):
        out.update(assign(category, families(by_category[category])))
    return out
