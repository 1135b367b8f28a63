"""No masks: what belongs together is left to the clusterer."""

from __future__ import annotations

from dataclasses import dataclass

from proxy3d.features.grid import Grid
from proxy3d.values import Clip


@dataclass(frozen=True)
class NoMasks:
    """None, which is not the same as "no object anywhere": that would be one group of everything."""

    licence = "Apache-2.0"
    hash = "none"
    takes_weights = False

    def __call__(self, clip: Clip, grid: Grid) -> None:
        """Nobody knows."""
        return None
