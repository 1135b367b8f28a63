"""Read TUM RGB-D folders, where colour, depth and poses are three lists that only their timestamps connect."""

from __future__ import annotations

import bisect
from pathlib import Path

from proxy3d.clips.cameras import PRIMESENSE_PX, find_camera, pose_from_numbers, read_numbers, read_text
from proxy3d.clips.capture import Capture, Layout
from proxy3d.clips.options import CaptureOptions
from proxy3d.clips.parts import Parts, join
from proxy3d.errors import BadInput

TOLERANCE_S = 0.02  # as in the data set's own association tool


def read_file_list(path: Path) -> list[tuple[float, Path]]:
    """`timestamp filename` rows in time order; # starts a comment.

    Raises:
        BadInput: a row of another form, or none at all.
    """
    rows = []
    for n, line in enumerate(read_text(path).splitlines(), 1):
        words = line.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        try:
            time_s = float(words[0])
            if not 0 <= time_s < 1e11:
                raise ValueError("no time in seconds")
            rows.append((time_s, path.parent / words[1].strip()))
        except (ValueError, IndexError) as error:
            raise BadInput(f"{path}, line {n}: expected `timestamp filename`, got {line.strip()[:40]!r}") from error
    if not rows:
        raise BadInput(f"{path}: lists no files; expected rows of `timestamp filename`")
    return sorted(rows)


def nearest(times: list[float], wanted: float, tolerance: float = TOLERANCE_S) -> int | None:
    """Index of the nearest of sorted times, or None when it is further away than the tolerance."""
    after = bisect.bisect_left(times, wanted)
    best = min((k for k in (after - 1, after) if 0 <= k < len(times)), key=lambda k: abs(times[k] - wanted))
    return best if abs(times[best] - wanted) <= tolerance + 1e-9 else None


def _recognises(path: Path) -> bool:
    return (path / "rgb.txt").is_file() and (path / "depth.txt").is_file()


def _open(path: Path, options: CaptureOptions) -> Capture:
    truth = path / "groundtruth.txt"
    if not truth.is_file():
        raise BadInput(f"{path}: depth found, but no poses: expected groundtruth.txt (timestamp tx ty tz qx qy qz qw) beside rgb.txt")
    color, depth, rows = read_file_list(path / "rgb.txt"), read_file_list(path / "depth.txt"), read_numbers(truth)
    for row in rows:
        if len(row) != 8:
            raise BadInput(f"{truth}: expected rows of 8 numbers (timestamp tx ty tz qx qy qz qw), got one of {len(row)}")
    rows.sort(key=lambda r: r[0])
    depth_times, pose_times = [t for t, _ in depth], [r[0] for r in rows]
    depth_of, pose_of = {}, {}
    for t, file in color:
        d, p = nearest(depth_times, t), nearest(pose_times, t)
        if d is not None:
            depth_of[file] = depth[d][1]
        if p is not None:
            pose_of[file] = pose_from_numbers(rows[p][1:], f"{truth}, time {rows[p][0]}")
    if not any(file in depth_of and file in pose_of for _, file in color):
        lists = (("rgb.txt", [t for t, _ in color]), ("depth.txt", depth_times), ("groundtruth.txt", pose_times))
        spans = ", ".join(f"{name} {times[0]:.2f}..{times[-1]:.2f}" for name, times in lists)
        raise BadInput(f"{path}: no picture has depth and a pose within {TOLERANCE_S} s; the times are {spans}")
    camera, notes = find_camera(path, options, PRIMESENSE_PX)
    start = color[0][0]
    parts = Parts([f for _, f in color], depth_of, pose_of, camera, time_s=[t - start for t, _ in color], depth_unit="tum", notes=notes)
    return join(path, "tum", parts, options)


TUM = Layout("rgb.txt, depth.txt, groundtruth.txt with timestamps (TUM RGB-D)", _recognises, _open)
