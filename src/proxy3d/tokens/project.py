"""Carry proxies into a language model's embedding space, aware of one another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.tokens.position import PLACE_DIM, VIEWER_DIM, place_numbers, viewer_numbers
from proxy3d.values import Scene


@dataclass(frozen=True)
class SceneNumbers:
    """A scene as the learned parts read it: K proxies and the first camera, in the room's frame."""

    feature: Float[Tensor, "K D"]
    place: Float[Tensor, "K 37"]
    xyz_room_m: Float[Tensor, "K 3"]
    viewer: Float[Tensor, "4"]

    @staticmethod
    def of(scene: Scene) -> SceneNumbers:
        place, xyz = place_numbers(scene.proxies, scene.room_from_world)
        first = int(scene.time_s.argmin())
        return SceneNumbers(scene.proxies.feature, place, xyz, viewer_numbers(scene.world_from_camera[first], scene.room_from_world))


class Attend(nn.Module):
    """Pre-norm attention from x to a memory (itself when there is none), then nothing else."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm, self.query, self.key_value, self.out = (
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.Linear(width, 2 * width),
            nn.Linear(width, width),
        )

    def forward(self, x: Float[Tensor, "B n W"], memory: Float[Tensor, "B m W"] | None = None, mask: Tensor | None = None) -> Float[Tensor, "B n W"]:
        """`mask` is (B, m), True where the memory may be looked at."""
        y = self.norm(x)
        source = y if memory is None else memory
        b, n, w = y.shape
        q = self.query(y).view(b, n, self.heads, -1).transpose(1, 2)
        k, v = self.key_value(source).view(b, source.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask[:, None, None, :])
        return x + self.out(seen.transpose(1, 2).reshape(b, n, w))


class Feed(nn.Module):
    """Pre-norm MLP with a residual."""

    def __init__(self, width: int, growth: int = 3):
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, growth * width), nn.GELU(), nn.Linear(growth * width, width))

    def forward(self, x: Float[Tensor, "*b W"]) -> Float[Tensor, "*b W"]:
        return x + self.net(x)


class SceneTokens(nn.Module):
    """Proxies and the first camera -> K + 1 tokens that know of each other.

    Proxies carry no index, so their order does not matter: the same set gives the same tokens.
    """

    def __init__(self, proxy_dim: int, width: int, layers: int, heads: int):
        super().__init__()
        self.look, self.place, self.viewer = nn.Linear(proxy_dim, width), nn.Linear(PLACE_DIM, width), nn.Linear(VIEWER_DIM, width)
        self.layers = nn.ModuleList(nn.ModuleList([Attend(width, heads), Feed(width)]) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, feature: Float[Tensor, "B K D"], place: Float[Tensor, "B K 37"], viewer: Float[Tensor, "B 4"]) -> Float[Tensor, "B 1+K W"]:
        """Token 0 is the viewer, token 1 + k is proxy k."""
        proxies = self.look(F.normalize(feature, dim=-1) * feature.shape[-1] ** 0.5) + self.place(place)
        x = torch.cat([self.viewer(viewer)[:, None], proxies], 1)
        for attend, feed in self.layers:
            x = feed(attend(x))
        return self.norm(x)
