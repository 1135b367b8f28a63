"""Where each patch is, from a depth sensor and known cameras."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.features.grid import PATCH_PX, Grid
from proxy3d.geometry import transform, unproject
from proxy3d.values import Clip, Geometry, Scale


@dataclass(frozen=True)
class SensorDepth:
    """The mean of a patch's nearer surface.

    A patch that straddles an edge would have its mean float in the air between two surfaces, so only the pixels within
    `spread` (relative) of the patch's lower-quartile depth count. Confidence is the share of pixels that count.
    """

    samples: int = 8  # depth samples per side of a patch of 16 px; a finer grid measures the same pixels, fewer for each patch
    spread: float = 0.10

    takes_weights = False
    licence = "Apache-2.0"
    unit = "metre"
    hash = "none"

    def __call__(self, clip: Clip, grid: Grid) -> Geometry:
        """Positions (T, h, w, 3) in the clip's world, in metres.

        Raises:
            BadInput: depth, poses or intrinsics are missing; says which.
        """
        missing = [
            words
            for words, value in (("depth", clip.depth_m), ("camera poses", clip.world_from_camera), ("intrinsics", clip.intrinsics_px))
            if value is None
        ]
        if missing:
            raise BadInput(
                f"this capture has no {' and no '.join(missing)}: 3D positions need depth, poses and intrinsics; "
                "give an RGB-D capture, or leave --geometric out to have depth and cameras guessed from pictures alone"
            )
        # Rays go through the very pixels that were measured: rays through the patch's own lattice would be half a pixel off.
        rows, columns = sampled_pixels(clip.depth_m.shape[1:], grid, self.per_side(grid))
        depth = clip.depth_m[:, rows[:, None], columns]
        xyz_camera = per_patch(unproject(depth, clip.intrinsics_px, rows=rows, columns=columns), grid)  # (T, h, w, S, 3)
        counts = nearer_surface(per_patch(depth[..., None], grid)[..., 0], self.spread)
        share = counts.float().mean(-1)
        mean = (xyz_camera * counts[..., None]).sum(-2) / counts.sum(-1).clamp_min(1)[..., None]
        frames = len(mean)
        xyz_world = transform(clip.world_from_camera, mean.reshape(frames, -1, 3)).reshape(mean.shape)
        return Geometry(xyz_world, share, Scale(1.0, "sensor", 0.01))

    def per_side(self, grid: Grid) -> int:
        """Samples per side of a patch of this grid."""
        return max(1, self.samples * grid.patch_px // PATCH_PX)


def sampled_pixels(size: tuple[int, int], grid: Grid, samples: int) -> tuple[Int[Tensor, "h*s"], Int[Tensor, "w*s"]]:
    """Rows and columns of a picture (H, W) that stand for its patches: `samples` per patch side, each in the middle of its share."""
    rows, columns = ((2 * torch.arange(n * samples) + 1) * length // (2 * n * samples) for n, length in zip((grid.h, grid.w), size, strict=True))
    return rows, columns


def per_patch(value: Float[Tensor, "T a b C"], grid: Grid) -> Float[Tensor, "T h w S C"]:
    """The S samples of each patch, of a picture whose sides are whole multiples of the grid's."""
    t, rows, columns, c = value.shape
    s, r = rows // grid.h, columns // grid.w
    return value.reshape(t, grid.h, s, grid.w, r, c).permute(0, 1, 3, 2, 4, 5).reshape(t, grid.h, grid.w, s * r, c)


def nearer_surface(depth: Float[Tensor, "T h w S"], spread: float) -> Tensor:
    """(T, h, w, S) booleans: the valid samples within `spread` (relative) of each patch's lower-quartile depth."""
    valid = depth > 0
    ordered = torch.where(valid, depth, torch.inf).sort(-1).values
    quartile = ordered.gather(-1, (valid.sum(-1, keepdim=True) // 4).clamp_max(depth.shape[-1] - 1))
    return valid & ((depth - quartile).abs() <= spread * quartile.where(quartile.isfinite(), torch.zeros(())))
