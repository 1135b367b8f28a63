"""The space in which points are compared: unit-length meaning beside position in units of the clip's own spread."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from proxy3d.proxies.seeds import usable_weight


def joint_space(
    feature: Float[Tensor, "*b L D"],
    xyz: Float[Tensor, "*b L 3"],
    weight: Float[Tensor, "*b L"],
    *,
    beta: float | Tensor = 1.0,
    meaning_map: Float[Tensor, "M D"] | None = None,
) -> Float[Tensor, "*b L U"]:
    """u_j = [W f_j / |f_j| ; beta (p_j - mean) / s] (method.md 3.5); without a map W is the identity.

    Mean and root mean square spread s are weighted, so padding of weight 0 does not enter. Differentiable in everything.
    A feature of length 0 has no direction and lands at the origin of meanings.
    """
    share = usable_weight(weight)[..., None]
    offset = xyz - (share * xyz).sum(-2, keepdim=True)
    spread = (share * offset.square()).sum((-1, -2), keepdim=True).sqrt().clamp_min(1e-6)
    if meaning_map is None:
        meaning = functional.normalize(feature, dim=-1)
    else:  # first the map, which is narrow, then the length: no second copy of wide features
        length = torch.linalg.vector_norm(feature, dim=-1, keepdim=True).clamp_min(1e-12)
        meaning = functional.linear(feature, meaning_map) / length
    return torch.cat([meaning, beta * offset / spread], -1)


def projection(width: int, feature_dim: int) -> Float[Tensor, "W D"]:
    """A fixed random orthogonal map, scaled so that a projected difference is as long as the difference itself, on average."""
    start = torch.empty(width, feature_dim)
    nn.init.orthogonal_(start, generator=torch.Generator().manual_seed(0))
    return start * math.sqrt(max(feature_dim / width, 1.0))
