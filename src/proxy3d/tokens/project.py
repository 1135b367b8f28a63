"""Carry proxies into a language model's embedding space, aware of one another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.tokens.position import PAIR_DIM, PLACE_DIM, VIEWER_DIM, pair_numbers, place_numbers, viewer_numbers
from proxy3d.values import Scene


@dataclass(frozen=True)
class SceneNumbers:
    """A scene as the learned parts read it: K proxies and the first camera, in the room's frame."""

    feature: Float[Tensor, "K D"]
    place: Float[Tensor, "K 42"]
    xyz_room_m: Float[Tensor, "K 3"]
    viewer: Float[Tensor, "4"]

    @staticmethod
    def of(scene: Scene) -> SceneNumbers:
        viewer = viewer_numbers(scene.world_from_camera[int(scene.time_s.argmin())], scene.room_from_world)
        place, xyz = place_numbers(scene.proxies, scene.room_from_world, viewer)
        return SceneNumbers(scene.proxies.feature, place, xyz, viewer)


class Attend(nn.Module):
    """Pre-norm attention from x to itself, with a residual."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm, self.query_key_value, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "B n W"], bias: Float[Tensor, "#B #H #n n"] | None = None) -> Float[Tensor, "B n W"]:
        """`bias` is added to the attention logits: what should not be looked at has -inf there."""
        b, n, w = x.shape
        q, k, v = self.query_key_value(self.norm(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return x + self.out(seen.transpose(1, 2).reshape(b, n, w))


class Feed(nn.Module):
    """Pre-norm MLP with a residual."""

    def __init__(self, width: int, growth: int = 3):
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, growth * width), nn.GELU(), nn.Linear(growth * width, width))

    def forward(self, x: Float[Tensor, "*b W"]) -> Float[Tensor, "*b W"]:
        return x + self.net(x)


class PairBias(nn.Module):
    """How much proxy i should look at proxy j because of how j lies to it: one number per layer and head.

    Spatial attention as in ViL3DRel (Chen et al. 2022, arXiv 2211.09646, eq. 3), with a small network instead of fixed features.
    """

    def __init__(self, layers: int, heads: int):
        super().__init__()
        self.layers, self.heads = layers, heads
        self.net = nn.Sequential(nn.Linear(PAIR_DIM, 32), nn.GELU(), nn.Linear(32, layers * heads))

    def forward(self, xyz_room_m: Float[Tensor, "K 3"], viewer: Float[Tensor, "4"]) -> Float[Tensor, "N 1 H 1+K 1+K"]:
        """One bias per layer; the viewer's token has none."""
        bias = self.net(pair_numbers(xyz_room_m, viewer)).permute(2, 0, 1)
        return F.pad(bias, (1, 0, 1, 0)).view(self.layers, 1, self.heads, *(2 * [len(xyz_room_m) + 1]))


class SceneTokens(nn.Module):
    """Proxies and the first camera -> K + 1 tokens that know of each other.

    Proxies carry no index, so their order does not matter: the same set gives the same tokens.
    """

    def __init__(self, proxy_dim: int, width: int, layers: int, heads: int):
        super().__init__()
        self.look, self.place, self.viewer = nn.Linear(proxy_dim, width), nn.Linear(PLACE_DIM, width), nn.Linear(VIEWER_DIM, width)
        self.pairs = PairBias(layers, heads)
        self.layers = nn.ModuleList(nn.ModuleList([Attend(width, heads), Feed(width)]) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, numbers: SceneNumbers) -> Float[Tensor, "1+K W"]:
        """Token 0 is the viewer, token 1 + k is proxy k."""
        feature = F.normalize(numbers.feature, dim=-1) * numbers.feature.shape[-1] ** 0.5
        x = torch.cat([self.viewer(numbers.viewer)[None], self.look(feature) + self.place(numbers.place)])[None]
        for (attend, feed), bias in zip(self.layers, self.pairs(numbers.xyz_room_m, numbers.viewer), strict=True):
            x = feed(attend(x, bias))
        return self.norm(x)[0]
