"""Give the masks of single frames one number per object across frames, by where they overlap in space."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from proxy3d.geometry import invert, project, transform
from proxy3d.values import Clip, Geometry

SAME_SURFACE = 0.05  # relative difference of depth up to which a point of one frame is what another frame sees there


def across_frames(label: Int[Tensor, "T h w"], clip: Clip, geometry: Geometry, *, least_iou: float = 0.4) -> Int[Tensor, "T h w"]:
    """The same masks, with one number per object, 0.. by place; -1 stays -1, and so does a mask of which no patch has a position.

    Two masks are compared on what both frames see: the points of either are projected into the other's picture, and those that lie
    on the surface measured there count (method.md 3.3). Best overlaps join first. Two masks of one frame never join, not even
    through a third: a model that told two chairs apart once has said that they are two. No frame comes first, so the order of the
    frames does not matter. The clip has depth, poses and intrinsics; `geometry` says where its patches are.
    """
    frames = len(label)
    # Every mask of every frame is a segment, and what no mask holds in a frame is one too: it counts against the overlap of others.
    widest = int(label.max()) + 2
    name, segment = torch.unique(torch.arange(frames)[:, None, None] * widest + label + 1, return_inverse=True)
    frame, masked = name // widest, name % widest > 0
    place = places(segment, geometry, len(name))
    overlap = ious(landings(segment, geometry, clip, len(name)), frame)
    usable = masked & torch.isfinite(place[:, 0])
    overlap = overlap * (usable[:, None] & usable[None])
    return object_numbers(overlap, frame, place, usable, least_iou)[segment]


def places(segment: Int[Tensor, "T h w"], geometry: Geometry, count: int) -> Float[Tensor, "S 3"]:
    """Mean position of each segment in double precision; NaN where it has none."""
    known = geometry.confidence > 0
    total = torch.zeros(count, 3, dtype=torch.float64).index_add_(0, segment[known], geometry.xyz_world[known].double())
    return total / torch.bincount(segment[known], minlength=count)[:, None]


def landings(segment: Int[Tensor, "T h w"], geometry: Geometry, clip: Clip, count: int) -> Float[Tensor, "S S"]:
    """How many points of each segment lie on the surface of each other one, as the other's frame sees it."""
    frames, h, w = segment.shape
    height, width = clip.depth_m.shape[1:]
    camera_from_world, which = invert(clip.world_from_camera), torch.arange(frames)[:, None]
    total = torch.zeros(count * count, dtype=torch.float64)
    for t in range(frames):
        known = geometry.confidence[t] > 0
        xyz = geometry.xyz_world[t][known]
        uv, depth = project(transform(camera_from_world, xyz.expand(frames, *xyz.shape)), clip.intrinsics_px)
        column, row = uv.round().clamp(-1, 2**24).long().unbind(-1)
        inside = (depth > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        column, row = column.clamp(0, width - 1), row.clamp(0, height - 1)
        measured = clip.depth_m[which, row, column]
        seen = inside & (measured > 0) & ((depth - measured).abs() <= SAME_SURFACE * measured)
        there = segment[which, row * h // height, column * w // width]
        pair = segment[t][known].expand(frames, -1) * count + there
        total += torch.bincount(pair[seen], minlength=count * count)
    return total.view(count, count)


def ious(landed: Float[Tensor, "S S"], frame: Int[Tensor, "S"]) -> Float[Tensor, "S S"]:
    """Intersection over union of every two segments of different frames, over the points that both frames see, in both directions."""
    belongs = torch.nn.functional.one_hot(frame).to(landed)
    leaves, comes = landed @ belongs, landed.T @ belongs  # points of a segment that some frame sees; points of some frame that land on it
    either = leaves[:, frame] + comes[:, frame].T - landed
    both, either = landed + landed.T, either + either.T
    return torch.where(frame[:, None] == frame[None], 0.0, both / either.clamp_min(1))


def object_numbers(
    iou: Float[Tensor, "S S"], frame: Int[Tensor, "S"], place: Float[Tensor, "S 3"], usable: Tensor, least_iou: float
) -> Int[Tensor, "S"]:
    """Object of every segment; -1 for those that are not usable. Ties go by place, because frames may come in any order."""
    where, seen = [tuple(p) for p in place.tolist()], frame.tolist()
    pairs = [(a, b) for a, b in (iou.triu(1) >= least_iou).nonzero().tolist()]
    pairs.sort(key=lambda pair: (-float(iou[pair]), *sorted(where[i] for i in pair)))
    member = {i: [i] for i in range(len(seen))}
    home = list(range(len(seen)))
    for a, b in pairs:
        one, other = member[home[a]], member[home[b]]
        if one is not other and not {seen[i] for i in one} & {seen[i] for i in other}:
            gone = home[b]
            one += other
            for i in other:
                home[i] = home[a]
            del member[gone]
    objects = [group for group in member.values() if usable[group[0]]]
    number = torch.full((len(seen),), -1)
    for index, group in enumerate(sorted(objects, key=lambda group: min(where[i] for i in group))):
        number[group] = index
    return number
