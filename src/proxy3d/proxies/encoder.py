"""The learned part before clustering: patches of one object move together, and each says how much it matters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.geometry import fourier, transform
from proxy3d.values import Points

LEAST_SALIENCE = 0.05  # walls and floors keep a voice: rooms are measured by them


@dataclass(frozen=True)
class EncoderSettings:
    """Sizes of a ProxyEncoder."""

    feature_dim: int = 432  # of the frozen semantic encoder
    width: int = 192
    layers: int = 3
    heads: int = 6
    out_dim: int = 96  # of the features that proxies carry
    dropout: float = 0.2  # of the frozen features, while training: a few hundred furniture models are learnt by heart otherwise


class Block(nn.Module):
    """Pre-norm self-attention and MLP; keys of weight 0 are not attended to."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))

    def forward(self, x: Float[Tensor, "B L W"], mask: Tensor | None) -> Float[Tensor, "B L W"]:
        b, n, w = x.shape
        q, k, v = self.qkv(self.norm_1(x)).view(b, n, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[:, None, None, :])
        x = x + self.out(seen.transpose(1, 2).reshape(b, n, w))
        return x + self.mlp(self.norm_2(x))


class ProxyEncoder(nn.Module):
    """A small transformer over all patches of a clip (method.md 4.1: stage 1 makes clusters stable and object-pure).

    It sees what each patch looks like, its colour and where it is in the room's own frame, and returns a feature per patch
    in which patches of one object are close, and a salience 0..1 that tells things from walls. The order of patches and
    frames does not enter: there is no index embedding.
    """

    def __init__(self, settings: EncoderSettings | None = None):
        super().__init__()
        self.settings = s = settings or EncoderSettings()
        self.register_buffer("feature_mean", torch.zeros(s.feature_dim))
        self.register_buffer("feature_std", torch.ones(s.feature_dim))
        self.drop = nn.Dropout(s.dropout)
        self.look = nn.Linear(s.feature_dim, s.width)
        self.place = nn.Linear(33 + 3 + 1, s.width)
        self.blocks = nn.ModuleList(Block(s.width, s.heads) for _ in range(s.layers))
        self.norm = nn.LayerNorm(s.width)
        self.head = nn.Linear(s.width, s.out_dim)
        self.salience = nn.Linear(s.width, 1)

    def forward(
        self,
        feature: Float[Tensor, "B L F"],
        rgb: Float[Tensor, "B L 3"],
        xyz_room_m: Float[Tensor, "B L 3"],
        weight: Float[Tensor, "B L"],
    ) -> tuple[Float[Tensor, "B L D"], Float[Tensor, "B L"]]:
        """Features and salience logits. Patches of weight 0 are padding: nobody looks at them."""
        look = self.look(self.drop((feature - self.feature_mean) / self.feature_std))
        x = look + self.place(torch.cat([fourier(xyz_room_m), rgb * 2 - 1, weight[..., None]], -1))
        mask = None if bool((weight > 0).all()) else weight > 0
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        return self.head(x), self.salience(x)[..., 0]

    @torch.no_grad()
    def encode(self, points: Points, room_from_world: Float[Tensor, "4 4"]) -> Points:
        """The same points with learned features; their weight is confidence times salience."""
        xyz_room = transform(room_from_world, points.xyz_world_m)
        feature, salience = self(points.feature[None], points.rgb[None], xyz_room[None], points.weight[None])
        return replace(points, feature=feature[0].float(), weight=salient(points.weight, salience[0].float()))


def salient(confidence: Float[Tensor, "*b L"], salience_logit: Float[Tensor, "*b L"]) -> Float[Tensor, "*b L"]:
    """How much a patch counts in clustering: how well its place is known times how much of a thing it is."""
    return confidence * (LEAST_SALIENCE + (1 - LEAST_SALIENCE) * salience_logit.sigmoid())
