"""Are proxies objects? Recall, purity, boxes and steadiness of a grouping, against true instances."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from proxy3d.evaluation.metrics.boxes import aligned_iou
from proxy3d.geometry import inside_box
from proxy3d.values import Box

HALF = 0.5  # a proxy is an object's when at least so much of it is made of the object


MARGIN_M = 0.05  # how far outside of a box its proxy may lie


def owned_objects(xyz_world_m: Float[Tensor, "K 3"], shares: Float[Tensor, "K I"], boxes: dict[int, Box]) -> dict[int, bool]:
    """Object id -> whether some proxy lies in its box (grown by MARGIN_M) and at least half of the proxy's points are the object's."""
    return {i: bool(((shares[:, i] >= HALF) & inside_box(xyz_world_m, box, MARGIN_M)).any()) for i, box in boxes.items()}


def purity(shares: Float[Tensor, "K I"], size: Int[Tensor, "K"]) -> float:
    """Mean share of the commonest instance in a proxy, weighted by its points."""
    return float((shares.max(1).values * size).sum() / size.sum())


def reachable_iou(
    xyz_room_m: Float[Tensor, "K 3"], extent_m: Float[Tensor, "K 3"], shares: Float[Tensor, "K I"], boxes: dict[int, Float[Tensor, "6"]]
) -> dict[int, float]:
    """Object id -> IoU of its true box (centre, size, along the room's axes) with the bounds of all proxies mostly made of it; 0 without any.

    What a reader that only joins proxies could draw at best; one that has learnt how large chairs are may do better.
    """
    found = {}
    for i, box in boxes.items():
        mine = shares[:, i] >= HALF
        if not bool(mine.any()):
            found[i] = 0.0
            continue
        low, high = (xyz_room_m - extent_m)[mine].min(0).values, (xyz_room_m + extent_m)[mine].max(0).values
        found[i] = float(aligned_iou(torch.cat([(low + high) / 2, high - low]).numpy(), box.numpy())[0, 0])
    return found


def adjusted_rand(a: Int[np.ndarray, "n"], b: Int[np.ndarray, "n"]) -> float:
    """How far two groupings of the same points agree beyond chance: 1 the same, 0 as chance has it (Hubert and Arabie 1985, eq. 5)."""
    table = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(table, (a, b), 1)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    rows, columns, total = pairs(table.sum(1)), pairs(table.sum(0)), len(a) * (len(a) - 1) / 2
    expected, most = rows * columns / max(total, 1), (rows + columns) / 2
    return 1.0 if most == expected else (pairs(table) - expected) / (most - expected)


def large_enough(pixels: Int[Tensor, "I T"] | np.ndarray, frame_px: int, share: float) -> Bool[np.ndarray, "I"]:
    """Which objects fill at least that share of some frame."""
    return np.asarray(pixels).max(1) >= share * frame_px
