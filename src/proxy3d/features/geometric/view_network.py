"""A small network that looks at all frames of a room at once: how far each quarter patch is, how each camera is held, and which patches match."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.values import Clip, Semantics

UNIT_PX = 224.0  # picture coordinates and focal lengths are in this many pixels of the grid: the root of a grid's area, whatever its shape
TYPICAL_DEPTH_M, TYPICAL_SPREAD, TYPICAL_HEIGHT_M, TYPICAL_FOCAL = 2.0, 0.3, 1.5, 0.85  # what an untrained network says
SURE = 0.1  # relative error of depth at which a position counts one half


@dataclass(frozen=True)
class ViewSettings:
    """Sizes of the network; widths of what it looks at are those of the semantic encoder."""

    feature_dim: int = 432
    detail_dim: int = 40  # 0 = the semantic encoder has none
    width: int = 192
    blocks: int = 4  # each looks within a frame, then over all frames
    heads: int = 6
    descriptor_dim: int = 64
    dropout: float = 0.0


@dataclass(frozen=True)
class Looks:
    """What the network sees of T frames: frozen features on h x w patches, detail and mean colour of each quarter."""

    feature: Float[Tensor, "B T h w F"]
    detail: Float[Tensor, "B T 2h 2w d"]  # no columns where there is none
    rgb: Float[Tensor, "B T 2h 2w 3"]  # 0..1

    @staticmethod
    def of(clip: Clip, semantics: Semantics) -> Looks:
        """A batch of one clip."""
        frames, h, w, _ = semantics.feature.shape
        detail = semantics.detail if semantics.detail is not None else torch.zeros(frames, 2 * h, 2 * w, 0)
        rgb = F.adaptive_avg_pool2d(clip.frame, (2 * h, 2 * w)).permute(0, 2, 3, 1)
        return Looks(semantics.feature[None], detail[None], rgb[None])


@dataclass(frozen=True)
class Said:
    """What the network says of T frames, N = h * w patches each."""

    log_depth: Float[Tensor, "B T 2h 2w"]  # of metres along the optical axis
    log_spread: Float[Tensor, "B T 2h 2w"]  # of the expected absolute error of log_depth
    up: Float[Tensor, "B T 3"]  # the unit vector that points up, in each camera's frame
    log_height: Float[Tensor, "B T"]  # of metres from the floor to the camera
    log_focal: Float[Tensor, "B"]  # of UNIT_PX; one camera takes all pictures
    match: Float[Tensor, "B T T N N+1"]  # [:, s, t, i, j]: logit that patch i of frame s is patch j of frame t; the last, that t does not show it
    guess: Float[Tensor, "B T T 5"]  # of the turn (cos, sin) and way (x, y, z) from level frame t to level frame s, without any match

    @property
    def confidence(self) -> Float[Tensor, "B T 2h 2w"]:
        """0..1: one half where a relative error of SURE is expected."""
        return SURE / (SURE + self.log_spread.exp())


class Block(nn.Module):
    """Pre-norm attention and a feed-forward layer, each with a residual."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.drop = heads, nn.Dropout(dropout)
        self.norm, self.query_key_value, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))

    def forward(self, x: Float[Tensor, "B n W"]) -> Float[Tensor, "B n W"]:
        b, n, w = x.shape
        q, k, v = self.query_key_value(self.norm(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        x = x + self.drop(self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, w)))
        return x + self.drop(self.feed(x))


class ViewNetwork(nn.Module):
    """Frozen features of a few frames in, depth, gravity, field of view and matches out.

    Attention alternates within a frame and over all frames, as in VGGT (Wang et al. 2025, arXiv 2503.11651). Unlike there, no frame is
    marked as the first and no camera is regressed in one piece: 16,000 training pictures do not suffice for that. What one picture tells
    (depth, which way is up, how high the camera is held) is said frame by frame in metres, and how frames lie to each other follows from
    matched patches in closed form (`view_poses`), which leaves one turn about the vertical and one way for each frame. Treats all frames
    alike, so their order does not matter.
    """

    def __init__(self, settings: ViewSettings):
        super().__init__()
        s = self.settings = settings
        self.register_buffer("feature_mean", torch.zeros(s.feature_dim))
        self.register_buffer("feature_std", torch.ones(s.feature_dim))
        self.register_buffer("detail_mean", torch.zeros(s.detail_dim))
        self.register_buffer("detail_std", torch.ones(s.detail_dim))
        self.what = nn.Linear(s.feature_dim, s.width)
        self.fine = nn.Linear(4 * (s.detail_dim + 3), s.width)
        self.where = nn.Sequential(nn.Linear(2, s.width), nn.GELU(), nn.Linear(s.width, s.width))
        self.around = nn.Conv2d(s.width, s.width, 5, padding=2, groups=s.width)
        self.camera = nn.Parameter(torch.randn(s.width) * 0.02)
        self.within = nn.ModuleList(Block(s.width, s.heads, s.dropout) for _ in range(s.blocks))
        self.across = nn.ModuleList(Block(s.width, s.heads, s.dropout) for _ in range(s.blocks))
        self.patch_norm, self.camera_norm = nn.LayerNorm(s.width), nn.LayerNorm(s.width)
        self.depth = nn.Sequential(nn.Linear(s.width, 2 * s.width), nn.GELU(), nn.Linear(2 * s.width, 8))
        self.descriptor = nn.Linear(s.width, s.descriptor_dim)
        self.lone = nn.Linear(s.width, 1)
        self.log_tau = nn.Parameter(torch.tensor(-2.3))
        self.held = nn.Sequential(nn.Linear(s.width, s.width), nn.GELU(), nn.Linear(s.width, 5))
        self.pair = nn.Sequential(nn.Linear(2 * s.width, s.width), nn.GELU(), nn.Linear(s.width, 5))
        for head in (self.depth, self.held, self.pair):
            nn.init.normal_(head[-1].weight, std=0.01)

    def forward(self, looks: Looks) -> Said:
        x, camera = self._tokens(looks)
        b, t, h, w, _ = looks.feature.shape
        x = torch.cat([camera, x], 2)  # (B, T, 1 + N, W)
        for within, across in zip(self.within, self.across, strict=True):
            x = within(x.flatten(0, 1)).view(x.shape)
            x = across(x.flatten(1, 2)).view(x.shape)
        camera, patch = self.camera_norm(x[:, :, 0]), self.patch_norm(x[:, :, 1:])
        depth = self.depth(patch).float().view(b, t, h, w, 2, 2, 2).permute(6, 0, 1, 2, 4, 3, 5).reshape(2, b, t, 2 * h, 2 * w)
        held, pair = self.held(camera).float(), self._pairs(camera).float()
        level = torch.tensor([0.0, -1.0, -0.35])  # cameras are held upright and look a little down
        return Said(
            log_depth=(depth[0] + torch.tensor(TYPICAL_DEPTH_M).log()).clamp(-3, 4),
            log_spread=(depth[1] + torch.tensor(TYPICAL_SPREAD).log()).clamp(-6, 1),
            up=F.normalize(held[..., :3] + level, dim=-1),
            log_height=held[..., 3] + torch.tensor(TYPICAL_HEIGHT_M).log(),
            log_focal=(held[..., 4].mean(1) + torch.tensor(TYPICAL_FOCAL).log()).clamp(-2, 2),
            match=self._match(patch),
            guess=torch.cat([pair[..., :2] + torch.tensor([1.0, 0.0]), pair[..., 2:]], -1),
        )

    def _tokens(self, looks: Looks) -> tuple[Float[Tensor, "B T N W"], Float[Tensor, "B T 1 W"]]:
        """One per patch, aware of where it is and of its neighbours, and one per camera."""
        b, t, h, w, _ = looks.feature.shape
        detail = (looks.detail - self.detail_mean) / self.detail_std
        quarters = torch.cat([detail, looks.rgb * 4 - 2], -1).view(b, t, h, 2, w, 2, -1).permute(0, 1, 2, 4, 3, 5, 6).flatten(4)
        x = self.what((looks.feature - self.feature_mean) / self.feature_std) + self.fine(quarters) + self.where(picture_places(h, w))
        x = x + self.around(x.flatten(0, 1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).view(x.shape)
        return x.flatten(2, 3), self.camera.expand(b, t, 1, -1).to(x.dtype)

    def _match(self, patch: Float[Tensor, "B T N W"]) -> Float[Tensor, "B T T N N+1"]:
        """Cosines of descriptors over a learned temperature, beside how much each patch looks like one that nobody else sees."""
        descriptor = F.normalize(self.descriptor(patch).float(), dim=-1) * (-self.log_tau / 2).exp()
        alike = torch.einsum("bsic,btjc->bstij", descriptor, descriptor)
        lone = self.lone(patch).float()[:, :, None].expand(*alike.shape[:-1], 1)
        return torch.cat([alike, lone], -1)

    def _pairs(self, camera: Float[Tensor, "B T W"]) -> Float[Tensor, "B T T 5"]:
        t = camera.shape[1]
        return self.pair(torch.cat([camera[:, :, None].expand(-1, -1, t, -1), camera[:, None].expand(-1, t, -1, -1)], -1))


def picture_places(h: int, w: int, patch_px: int = 16) -> Float[Tensor, "h w 2"]:
    """Where patches are in a picture (x right, y down), in UNIT_PX from its middle."""
    y, x = torch.meshgrid(torch.arange(h) - (h - 1) / 2, torch.arange(w) - (w - 1) / 2, indexing="ij")
    return torch.stack([x, y], -1) * (patch_px / UNIT_PX)
