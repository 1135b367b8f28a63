"""Choose T frames that are spread over what was seen, not only over time."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from proxy3d.clips.capture import FrameRef


def choose(frames: Sequence[FrameRef], count: int) -> tuple[FrameRef, ...]:
    """`count` frames in time order, or all of them when there are no more.

    With poses, farthest-point selection (Gonzalez 1985) over camera position in metres and viewing direction as a unit
    vector: a metre of walking counts as much as a turn of 60 degrees. Without poses, the middles of `count` equal spans
    of time, because the first and last moments of a hand-held video show the floor. The order in which frames are
    given does not matter; ties go to the earlier frame, then to the lower name.
    """
    ordered = sorted(frames, key=lambda f: (f.time_s, f.name))
    if len(ordered) <= count:
        return tuple(ordered)
    posed = all(f.world_from_camera is not None for f in ordered)
    picked = _spread_over_views(ordered, count) if posed else _spread_over_time(ordered, count)
    return tuple(ordered[i] for i in sorted(picked))


def _spread_over_views(frames: list[FrameRef], count: int) -> list[int]:
    pose = torch.stack([f.world_from_camera for f in frames]).double()
    view = torch.cat([pose[:, :3, 3], pose[:, :3, 2]], 1)  # column 2 is the optical axis
    # Rounded so that a difference of one bit between two equal views cannot decide a tie.
    from_middle = (view - view.mean(0)).norm(dim=1).mul(1e6).round()
    picked = [int(from_middle.argmin())]
    distance = torch.full((len(frames),), torch.inf, dtype=torch.float64)
    while len(picked) < count:
        distance = torch.minimum(distance, (view - view[picked[-1]]).norm(dim=1).mul(1e6).round())
        distance[picked] = -1  # never twice, even when all poses are the same
        picked.append(int(distance.argmax()))
    return picked


def _spread_over_time(frames: list[FrameRef], count: int) -> list[int]:
    time = torch.tensor([f.time_s for f in frames], dtype=torch.float64)
    free = torch.ones(len(frames), dtype=torch.bool)
    picked = []
    for k in range(count):
        wanted = time[0] + (time[-1] - time[0]) * (k + 0.5) / count
        off = (time - wanted).abs().masked_fill(~free, torch.inf)
        picked.append(int(off.argmin()))
        free[picked[-1]] = False
    return picked
