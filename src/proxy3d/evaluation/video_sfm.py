"""What structure from motion adds to cameras from pictures alone: the same clips with and without it, in one run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from proxy3d.clips import open_capture
from proxy3d.errors import BadInput, command
from proxy3d.evaluation.run import write_result
from proxy3d.evaluation.video_alone import FRAMES, measured_clip, summary
from proxy3d.features.geometric.embedded import Embedded
from proxy3d.features.geometric.embedded_sfm import FOUND, EmbeddedSfm
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.training.recipes import data_hash, found_rooms, machine
from proxy3d.values import Clip

SHOWN = ("clips", "rotation_deg", "direction_deg", "point_m", "ms_median")


def video_sfm(rooms: Path, captures: Sequence[Path], weights: str | None = None, *, limit: int | None = None) -> dict:
    """Both encoders on the rooms of one split, on those of them that structure from motion placed, and on captures one by one.

    Raises:
        BadInput: no rooms, no pycolmap, or a capture that has nothing to measure against.
    """
    encoders, real = (Embedded(weights), EmbeddedSfm(weights)), {path.name: open_capture(path).clip(FRAMES) for path in captures}
    if len(real) < len(captures):
        raise BadInput("two captures with one name; rename one of them")
    pairs = []
    for number, folder in enumerate(found_rooms(rooms)[:limit], 1):
        pairs.append(both(load_clip(folder)[1], encoders))
        if number % 20 == 0:
            print(f"{rooms.name}: {number} rooms", file=sys.stderr, flush=True)
    placed = [pair for pair in pairs if FOUND in pair[1]["notes"]]
    places = {"rooms": pairs, "rooms placed": placed, **{name: [both(clip, encoders)] for name, clip in real.items()}}
    found = {}
    for place, of in places.items():
        if of:
            found[place] = {encoder.name: summarised(clips) for encoder, clips in zip(encoders, zip(*of, strict=True), strict=True)}
            found[place]["placed"] = sum(FOUND in pair[1]["notes"] for pair in of)
    return {"places": found, "split": rooms.name, "data": data_hash(rooms.parent), "weights": encoders[0].hash, "run": machine()}


def both(clip: Clip, encoders: Sequence[Embedded]) -> tuple[dict, ...]:
    """The figures of one clip by each encoder."""
    return tuple(measured_clip(clip, encoder) for encoder in encoders)


def summarised(clips: Sequence[dict]) -> dict:
    """Of `video_alone.summary` what cameras change."""
    found = summary(clips)
    return {key: found[key] for key in SHOWN} | {"abs_rel": found["depth"]["embedded"]["abs_rel"]}


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.video_sfm", description=__doc__)
    parser.add_argument("--rooms", type=Path, required=True, help="the rooms of one split, made by `proxy3d data make`")
    parser.add_argument("--capture", type=Path, action="append", default=[], help="a capture with depth and poses; may be repeated")
    parser.add_argument("--weights", help="made by `proxy3d train views`, instead of those that ship")
    parser.add_argument("--limit", type=int, help="the first so many rooms only")
    parser.add_argument("-o", "--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    write_result(chosen.out, video_sfm(chosen.rooms, chosen.capture, chosen.weights, limit=chosen.limit))


if __name__ == "__main__":
    sys.exit(main())
