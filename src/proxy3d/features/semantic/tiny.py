"""A two-layer encoder with fixed random weights: the real contract, in a millisecond, for tests and for trying things out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from proxy3d.features.grid import Grid
from proxy3d.values import Clip, Semantics


class TinySemantics(nn.Module):
    """Patch means and deviations of colour, through one seeded random layer."""

    dim = 24
    takes_weights = False
    licence = "Apache-2.0"
    hash = "seeded"

    def __init__(self):
        super().__init__()
        self.weight = torch.randn(6, self.dim, generator=torch.Generator().manual_seed(0))

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Semantics:
        """Features (T, h, w, 24)."""
        mean = F.adaptive_avg_pool2d(clip.frame, (grid.h, grid.w))
        spread = (F.adaptive_avg_pool2d(clip.frame**2, (grid.h, grid.w)) - mean**2).clamp_min(0).sqrt()
        return Semantics(torch.tanh(torch.cat([mean * 2 - 1, spread * 4], 1).permute(0, 2, 3, 1) @ self.weight))
