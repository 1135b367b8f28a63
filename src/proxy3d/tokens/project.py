"""Carry proxies into a language model's embedding space, aware of one another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.tokens.position import EXTENT, PAIR_DIM, PLACE_DIM, VIEWER_DIM, pair_numbers, place_numbers, viewer_numbers
from proxy3d.values import Scene


@dataclass(frozen=True)
class SceneNumbers:
    """A scene as the learned parts read it: K proxies and the first camera, in the room's frame."""

    feature: Float[Tensor, "K D"]
    place: Float[Tensor, "K 42"]
    xyz_room_m: Float[Tensor, "K 3"]
    viewer: Float[Tensor, "4"]

    @property
    def extent_m(self) -> Float[Tensor, "K 3"]:
        """Half the size of each proxy along the room's axes."""
        return self.place[:, EXTENT].exp()

    @staticmethod
    def of(scene: Scene) -> SceneNumbers:
        viewer = viewer_numbers(scene.world_from_camera[int(scene.time_s.argmin())], scene.room_from_world)
        place, xyz = place_numbers(scene.proxies, scene.room_from_world, viewer)
        return SceneNumbers(scene.proxies.feature, place, xyz, viewer)


class Attend(nn.Module):
    """Pre-norm attention from x to itself, with a residual; where things lie to each other steers it and is part of what it carries.

    Spatial attention as in ViL3DRel (Chen et al. 2022, arXiv 2211.09646), with one addition: each head also passes on the mean of how
    what it looks at lies to the one who looks, so that "left of" need not be worked out from two absolute places.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm, self.query_key_value, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.steer = nn.Sequential(nn.Linear(PAIR_DIM, 16), nn.GELU(), nn.Linear(16, heads))
        self.lie = nn.Linear(heads * PAIR_DIM, width)

    def forward(
        self, x: Float[Tensor, "B n W"], pairs: Float[Tensor, "#B n n 10"], closed: Float[Tensor, "#B 1 1 n"] | None = None
    ) -> Float[Tensor, "B n W"]:
        """`pairs` are `position.pair_numbers`; `closed` is -inf on what nobody should look at and 0 elsewhere."""
        b, n, w = x.shape
        q, k, v = self.query_key_value(self.norm(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + self.steer(pairs).permute(0, 3, 1, 2)
        share = (logits if closed is None else logits + closed).softmax(-1)
        lies = torch.einsum("bhij,bijp->bihp", share, pairs.expand(b, -1, -1, -1)).flatten(2)
        return x + self.out((share @ v).transpose(1, 2).reshape(b, n, w)) + self.lie(lies)


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

    def forward(self, numbers: SceneNumbers) -> Float[Tensor, "1+K W"]:
        """Token 0 is the viewer, token 1 + k is proxy k."""
        feature = F.normalize(numbers.feature, dim=-1) * numbers.feature.shape[-1] ** 0.5
        x = torch.cat([self.viewer(numbers.viewer)[None], self.look(feature) + self.place(numbers.place)])[None]
        pairs = pair_numbers(*with_viewer(numbers.xyz_room_m, numbers.extent_m, numbers.viewer), numbers.viewer)[None]
        for attend, feed in self.layers:
            x = feed(attend(x, pairs))
        return self.norm(x)[0]


def with_viewer(
    centre_room_m: Float[Tensor, "K 3"], size_m: Float[Tensor, "K 3"], viewer: Float[Tensor, "4"]
) -> tuple[Float[Tensor, "1+K 3"], Float[Tensor, "1+K 3"]]:
    """The same places with the first camera in front: it stands above the room's origin and has no size."""
    eye = F.pad(viewer[3:], (2, 0))[None]
    return torch.cat([eye, centre_room_m]), torch.cat([torch.zeros(1, 3), size_m])
