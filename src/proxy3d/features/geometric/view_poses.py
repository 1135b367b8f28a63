"""How frames lie to each other, in closed form from matched patches: one turn about the vertical and one way for each frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from proxy3d.features.geometric.view_network import Said, picture_places
from proxy3d.geometry import compose, rigid

GUESSED = 0.3  # what a guess without matches weighs, in matches at 1 m (matches weigh by inverse squared depth: 3 matches at 3 m)
OUTLIER = 0.12  # residual, relative to depth, at which a match counts one half
ROUNDS = 3


@dataclass(frozen=True)
class Pairs:
    """From the level frame of camera t to that of camera s: turned by `yaw` about z, then moved."""

    yaw: Float[Tensor, "B T T"]  # radians
    way: Float[Tensor, "B T T 3"]  # metres
    weight: Float[Tensor, "B T T"]  # how much matches it rests on


def level_from_camera(up: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation to a z-up frame in which the camera looks along y, from the direction of up in OpenCV camera axes."""
    forward = torch.tensor([0.0, 0.0, 1.0]).to(up)
    y = F.normalize(forward - up[..., 2:] * up + torch.tensor([0.0, 0.0, 1e-6]).to(up), dim=-1)
    return torch.stack([torch.linalg.cross(y, up), y, up], -2)


def rays(h: int, w: int, focal: Float[Tensor, "*b"], patch_px: int = 16) -> Float[Tensor, "*b N 3"]:
    """Directions of patches in the camera's frame, with z = 1."""
    places = picture_places(h, w, patch_px).flatten(0, 1) / focal[..., None, None]
    return torch.cat([places, torch.ones_like(places[..., :1])], -1)


def level_points(said: Said) -> tuple[Float[Tensor, "B T N 3"], Float[Tensor, "B T N"]]:
    """Where patches are in the level frame of their own camera, and their depth, both in metres."""
    h, w = (n // 2 for n in said.log_depth.shape[-2:])
    depth = F.avg_pool2d(said.log_depth, 2).flatten(2).exp()
    camera = rays(h, w, said.log_focal.exp())[:, None] * depth[..., None]
    return camera @ level_from_camera(said.up).transpose(-1, -2), depth


def matched_pairs(said: Said) -> Pairs:
    """Every pair of frames by itself: weighted least squares between matched points, with fewer and fewer outliers.

    The match of a patch is the mean of the other frame's points under its match probabilities. Both directions count.
    """
    xyz, depth = level_points(said)
    share = said.match.softmax(-1)[..., :-1]  # (B, T, T, N, N)
    sure = share.sum(-1)
    there = torch.einsum("bstij,btjc->bstic", share, xyz) / sure.clamp_min(1e-6)[..., None]
    b, t, n, _ = xyz.shape
    here = xyz[:, :, None].expand(b, t, t, n, 3)
    one, other = torch.cat([here, there.transpose(1, 2)], 3), torch.cat([there, here.transpose(1, 2)], 3)
    scale = depth[:, :, None].expand(b, t, t, n)
    scale = torch.cat([scale, scale.transpose(1, 2)], 3)
    sure = torch.cat([sure, sure.transpose(1, 2)], 3) / scale.detach() ** 2
    kept = sure
    for round in range(ROUNDS):
        pairs = _fitted(one, other, kept, said.guess)
        if round < ROUNDS - 1:
            with torch.no_grad():
                off = (one - turned(pairs.yaw, other) - pairs.way[..., None, :]).norm(dim=-1) / (OUTLIER * scale)
            kept = sure / (1 + off**2)
    return pairs


def _fitted(one: Tensor, other: Tensor, weight: Tensor, guess: Tensor) -> Pairs:
    """Turn and way that take `other` (B, T, T, M, 3) to `one` with the least squared error, drawn a little towards the guess."""
    total = weight.sum(-1)
    share = (weight / total.clamp_min(1e-9)[..., None])[..., None]
    middle_one, middle_other = (one * share).sum(-2), (other * share).sum(-2)
    a, b = (one - middle_one[..., None, :]) * weight[..., None], other - middle_other[..., None, :]
    direction = F.normalize(guess[..., :2], dim=-1) * GUESSED
    cosine = (a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]).sum(-1) + direction[..., 0]
    sine = (a[..., 1] * b[..., 0] - a[..., 0] * b[..., 1]).sum(-1) + direction[..., 1]
    yaw = torch.atan2(sine, cosine)
    way = middle_one - turned(yaw, middle_other[..., None, :])[..., 0, :]
    way = (way * total[..., None] + guess[..., 2:] * GUESSED) / (total + GUESSED)[..., None]
    return Pairs(yaw, way, total)


def turning(yaw: Float[Tensor, "*b"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation about z, counter-clockwise seen from above."""
    c, s, zero, one = yaw.cos(), yaw.sin(), torch.zeros_like(yaw), torch.ones_like(yaw)
    return torch.stack([c, -s, zero, s, c, zero, zero, zero, one], -1).unflatten(-1, (3, 3))


def turned(yaw: Float[Tensor, "*b"], xyz: Float[Tensor, "*b n 3"]) -> Float[Tensor, "*b n 3"]:
    """Points turned about z."""
    return xyz @ turning(yaw).transpose(-1, -2)


@torch.no_grad()
def joined(pairs: Pairs, log_height: Float[Tensor, "B T"]) -> tuple[Float[Tensor, "T"], Float[Tensor, "T 3"]]:
    """One turn and one place for each frame of a clip (the first of the batch) that agree best with all pairs; frame 0 looks along y from (0, 0).

    Turns are the leading eigenvector of the matrix of relative turns (Singer 2011, arXiv 0905.3174), places solve linear least squares;
    pairs that disagree with the rest then count less. The floor is z = 0, by the heights that all frames say.
    """
    yaw, way, weight = pairs.yaw[0].double(), pairs.way[0].double(), pairs.weight[0].double() + 0.01 * GUESSED
    frames = len(yaw)
    weight = weight * (1 - torch.eye(frames))
    if frames == 1:
        return torch.zeros(1), torch.tensor([[0.0, 0.0, float(log_height[0, 0].exp())]])
    kept = weight
    for _ in range(ROUNDS):
        relative = torch.polar(kept, yaw)
        turn = -torch.linalg.eigh((relative + relative.mH) / 2).eigenvectors[:, -1].angle()
        turn = turn - turn[0]
        moved = turned(turn, way)  # [s, t] = place of t minus place of s
        both = kept + kept.T
        laplacian = torch.diag(both.sum(1)) - both
        pull = (kept[..., None] * moved).sum(0) - (kept[..., None] * moved).sum(1)
        place = torch.zeros(frames, 3, dtype=torch.float64)
        place[1:] = torch.linalg.solve(laplacian[1:, 1:], pull[1:])
        off = (moved - (place[None] - place[:, None])).norm(dim=-1) / 0.3
        bent = (torch.polar(torch.ones_like(yaw), yaw - turn[None] + turn[:, None]).angle() / 0.15).abs()
        kept = weight / (1 + off**2 + bent**2)
    place[:, 2] += (log_height[0].double().exp() - place[:, 2]).mean()
    return turn.float(), place.float()


def cameras(up: Float[Tensor, "T 3"], turn: Float[Tensor, "T"], place: Float[Tensor, "T 3"]) -> Float[Tensor, "T 4 4"]:
    """world_from_camera of cameras held level by `up`, turned about the vertical and put in their places."""
    return compose(rigid(turning(turn), place), rigid(level_from_camera(up), torch.zeros_like(place)))


def world_points(said: Said, pairs: Pairs) -> Float[Tensor, "B T N 3"]:
    """Patches of every frame in the level frame of the first camera, by its own pair with it."""
    xyz, _ = level_points(said)
    return turned(pairs.yaw[:, 0], xyz) + pairs.way[:, 0, :, None]
