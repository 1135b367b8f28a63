"""Are proxies objects? Recall and purity against true instances."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.geometry import inside_box
from proxy3d.values import Box


def object_recall(
    xyz_world_m: Float[Tensor, "K 3"],
    shares: Float[Tensor, "K I"],
    boxes: dict[int, Box],
    *,
    margin_m: float = 0.05,
) -> float:
    """Share of objects that own a proxy: it lies in the object's box and at least half of its points are the object's."""
    if not boxes:
        return float("nan")
    found = [bool(((shares[:, i] >= 0.5) & inside_box(xyz_world_m, box, margin_m)).any()) for i, box in boxes.items()]
    return sum(found) / len(found)


def purity(shares: Float[Tensor, "K I"], size: Int[Tensor, "K"]) -> float:
    """Mean share of the commonest instance in a proxy, weighted by its points."""
    return float((shares.max(1).values * size).sum() / size.sum())
