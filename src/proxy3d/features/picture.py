"""Pictures as a model wants them, and its map of vectors back on the grid of the clip."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from proxy3d.features.grid import Grid
from proxy3d.values import Clip

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and deviation that pictures are brought to, by who trained on them
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def shown(frame: Float[Tensor, "T 3 H W"], height: int, width: int, colours: tuple[tuple[float, ...], ...]) -> Float[Tensor, "T 3 a b"]:
    """Frames stretched to a size and brought to a mean and deviation of colour."""
    picture = F.interpolate(frame, (height, width), mode="bilinear", antialias=True, align_corners=False)
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in colours)
    return (picture - mean) / deviation


def longest_side(clip: Clip, side_px: int, step_px: int) -> tuple[int, int]:
    """Height and width of the clip's frames, resized so that the longer side is `side_px`, in whole steps."""
    height, width = clip.frame.shape[-2:]
    factor = side_px / max(height, width)
    return max(1, round(height * factor / step_px)) * step_px, max(1, round(width * factor / step_px)) * step_px


def as_map(token: Float[Tensor, "T n D"], rows: int, columns: int) -> Float[Tensor, "T D rows columns"]:
    """The last rows x columns tokens of each frame where they were in the picture; class and register tokens come before them."""
    patch = token[:, -rows * columns :]
    return patch.transpose(1, 2).unflatten(2, (rows, columns))


def on_grid(feature: Float[Tensor, "T D a b"], grid: Grid) -> Float[Tensor, "T h w D"]:
    """A model's own map, resampled bilinearly to the patches of the clip."""
    if feature.shape[-2:] != (grid.h, grid.w):
        feature = F.interpolate(feature, (grid.h, grid.w), mode="bilinear", antialias=True, align_corners=False)
    return feature.permute(0, 2, 3, 1).contiguous()
