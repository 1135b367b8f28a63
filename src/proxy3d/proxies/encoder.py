"""The learned part before clustering: patches of one object move together, and each says how much it matters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.errors import BadInput
from proxy3d.geometry import fourier, transform
from proxy3d.values import Points

LEAST_SALIENCE = 0.05  # walls and floors keep a voice: rooms are measured by them


@dataclass(frozen=True)
class EncoderSettings:
    """Sizes of a ProxyEncoder."""

    feature_dim: int = 432  # of the frozen semantic encoder
    detail_dim: int = 0  # of its features of quarters of patches; 0 = points are whole patches
    width: int = 192
    layers: int = 3
    heads: int = 6
    out_dim: int = 96  # of the features that proxies carry
    tells_things: bool = False  # the last feature is the salience: walls and the windows in them part, however alike they look
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


class Refine(nn.Module):
    """Pre-norm MLP: what a quarter of a patch makes of what its whole patch has learnt about the clip."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(width), nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Float[Tensor, "B L W"]) -> Float[Tensor, "B L W"]:
        return x + self.mlp(self.norm(x))


class ProxyEncoder(nn.Module):
    """A small transformer over all patches of a clip (method.md 4.1: stage 1 makes clusters stable and object-pure).

    It sees what each patch looks like, its colour and where it is in the room's own frame, and returns a feature per point
    in which points of one object are close, and a salience 0..1 that tells things from walls. Patches look at each other; their quarters,
    where there are any, only at their own patch, which keeps four times as many points affordable. The order of patches and frames does
    not enter: there is no index embedding.
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
        if s.detail_dim:
            self.register_buffer("detail_mean", torch.zeros(s.detail_dim))
            self.register_buffer("detail_std", torch.ones(s.detail_dim))
            self.detail = nn.Linear(s.detail_dim + 33 + 3 + 1 + 6, s.width)
            self.refine = nn.Sequential(Refine(s.width), Refine(s.width))
        self.norm = nn.LayerNorm(s.width)
        self.head = nn.Linear(s.width, s.out_dim - s.tells_things)
        self.salience = nn.Linear(s.width, 1)

    def forward(self, seen: Seen) -> tuple[Float[Tensor, "B L D"], Float[Tensor, "B L"]]:
        """Features and salience logits of all points. What has weight 0 is padding: nobody looks at it."""
        rgb, xyz, weight = seen.of_cells()
        x = self.look(self.drop((seen.feature - self.feature_mean) / self.feature_std)) + self.place(placed(rgb, xyz, weight))
        mask = None if bool((weight > 0).all()) else weight > 0
        for block in self.blocks:
            x = block(x, mask)
        if self.settings.detail_dim:
            own = torch.cat([(seen.detail - self.detail_mean) / self.detail_std, placed(seen.rgb, seen.xyz_room_m, seen.weight)], -1)
            offset = torch.cat([seen.xyz_room_m - gather(xyz, seen.cell), seen.rgb - gather(rgb, seen.cell)], -1)
            x = self.refine(gather(x, seen.cell) + self.detail(torch.cat([own, offset], -1)))
        x = self.norm(x)
        feature, salience = self.head(x), self.salience(x)
        if self.settings.tells_things:
            feature = torch.cat([F.normalize(feature, dim=-1), salience.sigmoid()], -1)
        return feature, salience[..., 0]

    @torch.no_grad()
    def encode(self, points: Points, room_from_world: Float[Tensor, "4 4"]) -> Points:
        """The same points with learned features; their weight is confidence times salience.

        Raises:
            BadInput: the points are not of the kind that it was trained on.
        """
        s = self.settings
        if points.feature.shape[1] != s.feature_dim or (0 if points.detail is None else points.detail.shape[1]) != s.detail_dim:
            raise BadInput(
                f"this proxy encoder was trained on {s.feature_dim} features with {s.detail_dim} details, "
                f"not on {points.feature.shape[1]} with {0 if points.detail is None else points.detail.shape[1]}"
            )
        feature, salience = self(Seen.of(points, transform(room_from_world, points.xyz_world_m)))
        return replace(points, feature=feature[0].float(), weight=salient(points.weight, salience[0].float()), detail=None)


@dataclass(frozen=True)
class Seen:
    """What a ProxyEncoder looks at: points, and the patches (cells) whose features they share. B clips, filled up with weight 0."""

    feature: Float[Tensor, "B C F"]
    detail: Float[Tensor, "B L d"]
    cell: Int[Tensor, "B L"]  # which of the C
    rgb: Float[Tensor, "B L 3"]
    xyz_room_m: Float[Tensor, "B L 3"]
    weight: Float[Tensor, "B L"]

    @staticmethod
    def of(points: Points, xyz_room_m: Float[Tensor, "L 3"]) -> Seen:
        """The points of one clip."""
        cell, cells = cells_of(points)
        feature = points.feature.new_zeros(cells, points.feature.shape[1]).index_copy_(0, cell, points.feature)
        detail = points.feature.new_zeros(len(points), 0) if points.detail is None else points.detail
        columns = (feature, detail, cell, points.rgb, xyz_room_m, points.weight)
        return Seen(*(column[None] for column in columns))

    def of_cells(self) -> tuple[Float[Tensor, "B C 3"], Float[Tensor, "B C 3"], Float[Tensor, "B C"]]:
        """Colour, place and weight of each cell: weighted means over its points, and their mean weight (0 where it has none)."""
        if self.cell.shape[1] == self.feature.shape[1] and not self.detail.shape[-1]:
            return self.rgb, self.xyz_room_m, self.weight
        count = self.feature.shape[:2]
        mass = self.weight.new_zeros(count).scatter_add(1, self.cell, self.weight)
        share = (self.weight / mass.gather(1, self.cell).clamp_min(1e-9))[..., None]
        both = torch.cat([self.rgb, self.xyz_room_m], -1) * share
        mean = both.new_zeros(*count, 6).scatter_add(1, self.cell[..., None].expand_as(both), both)
        points = mass.new_zeros(count).scatter_add(1, self.cell, (self.weight > 0).to(mass))
        return mean[..., :3], mean[..., 3:], mass / points.clamp_min(1)


def cells_of(points: Points) -> tuple[Int[Tensor, "L"], int]:
    """Which patch each point belongs to, and how many there are: points with detail are quarters of patches, others whole ones."""
    if points.detail is None or points.patch is None:
        return torch.arange(len(points)), len(points)
    names, cell = torch.unique(torch.cat([points.frame[:, None], points.patch // 2], 1), dim=0, return_inverse=True)
    return cell, len(names)


def placed(rgb: Float[Tensor, "B L 3"], xyz_room_m: Float[Tensor, "B L 3"], weight: Float[Tensor, "B L"]) -> Float[Tensor, "B L 37"]:
    """Where something is, its colour, and how far to trust that, as numbers for a layer."""
    return torch.cat([fourier(xyz_room_m), rgb * 2 - 1, weight[..., None]], -1)


def gather(value: Float[Tensor, "B C W"], cell: Int[Tensor, "B L"]) -> Float[Tensor, "B L W"]:
    """The row of each point's cell."""
    return value.gather(1, cell[..., None].expand(*cell.shape, value.shape[-1]))


def salient(confidence: Float[Tensor, "*b L"], salience_logit: Float[Tensor, "*b L"]) -> Float[Tensor, "*b L"]:
    """How much a patch counts in clustering: how well its place is known times how much of a thing it is."""
    return confidence * (LEAST_SALIENCE + (1 - LEAST_SALIENCE) * salience_logit.sigmoid())
