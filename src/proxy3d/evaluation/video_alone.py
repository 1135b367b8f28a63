"""How good is geometry from pictures alone: depth, cameras and points of `--geometric embedded` beside dull baselines, and what answers lose.

    python -m proxy3d.evaluation.video_alone --rooms data/rooms/test [--capture FOLDER ...] -o results/video_alone.json
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.clips import open_capture
from proxy3d.errors import BadInput, command
from proxy3d.evaluation.benchmarks.spacespan import evaluate_rooms, scores
from proxy3d.evaluation.metrics.answers import right
from proxy3d.evaluation.metrics.camera_pairs import pair_errors_deg
from proxy3d.evaluation.metrics.depth import absolute_relative, median_aligned, within_ratio
from proxy3d.evaluation.run import write_result
from proxy3d.features.geometric.embedded import Embedded
from proxy3d.features.geometric.sensor_depth import SensorDepth
from proxy3d.features.geometric.view_network import picture_places
from proxy3d.features.grid import Grid, grid_for
from proxy3d.geometry import invert, transform
from proxy3d.pipeline import Pipeline
from proxy3d.presets import PRESETS, changed
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.training.recipes import data_hash, found_rooms, machine
from proxy3d.values import Clip, Geometry

FRAMES = 8
SURE = 0.5  # share of a quarter patch that is one surface, from which on its measured depth is a truth
STATEMENTS = "statement"  # the family that is judged true or false
BASELINES = ("constant", "floor")


def measured_clip(clip: Clip, encoder: Embedded) -> dict:
    """All numbers of one clip with depth and cameras, which the encoder does not get to see.

    Raises:
        BadInput: nothing to measure against.
    """
    grid = grid_for(clip.frame.shape[3], clip.frame.shape[2]).finer
    truth = SensorDepth()(clip, grid)
    started = time.perf_counter()
    guess = encoder(Clip(clip.frame, clip.time_s, clip.name), grid)
    spent = (time.perf_counter() - started) * 1000
    known = truth.confidence >= SURE
    true, said = depth_of(truth, clip.world_from_camera)[known], depth_of(guess, guess.world_from_camera)[known]
    if not len(true):
        raise BadInput("no depth to measure against")
    dull = {"constant": torch.full_like(true, encoder.typical["depth_m"]), "floor": floor_depth(grid, **encoder.typical).expand(known.shape)[known]}
    turn, way = pair_errors_deg(guess.world_from_camera, clip.world_from_camera)
    unmoved, _ = pair_errors_deg(torch.eye(4).expand_as(clip.world_from_camera), clip.world_from_camera)
    return {
        "depth": {"embedded": depth_scores(said, true), **{name: depth_scores(value, true) for name, value in dull.items()}},
        "rotation_deg": turn.tolist(),
        "rotation_deg_unmoved": unmoved.tolist(),
        "direction_deg": way.tolist(),
        "point_m": point_errors(guess, truth, clip, known).tolist(),
        "depth_true_m": float(true.median()),
        "ms": spent,
        "notes": guess.notes,
    }


def depth_of(geometry: Geometry, world_from_camera: Float[Tensor, "T 4 4"]) -> Float[Tensor, "T h w"]:
    """Along the optical axis of each patch's own camera."""
    xyz = geometry.xyz_world
    return transform(invert(world_from_camera), xyz.flatten(1, 2))[..., 2].view(xyz.shape[:3])


def floor_depth(grid: Grid, *, depth_m: float, height_m: float, pitch_rad: float, focal: float) -> Float[Tensor, "h w"]:
    """Of a level floor seen by the camera that training rooms have on average, and their median depth where that is nearer than the floor."""
    place = picture_places(grid.h, grid.w, grid.patch_px) / focal
    down = place[..., 1] * torch.tensor(pitch_rad).cos() + torch.tensor(pitch_rad).sin()  # metres down per metre along the optical axis
    return torch.where(down > height_m / depth_m, height_m / down.clamp_min(1e-6), depth_m)


def point_errors(guess: Geometry, truth: Geometry, clip: Clip, known: Tensor) -> Float[Tensor, "n"]:
    """Metres between guessed and true points, both in the frame of the earliest camera."""
    first = int(clip.time_s.argmin())
    said = transform(invert(guess.world_from_camera[first]), guess.xyz_world[known])
    return (said - transform(invert(clip.world_from_camera[first]), truth.xyz_world[known])).norm(dim=-1)


def depth_scores(guessed: Float[Tensor, "n"], true: Float[Tensor, "n"]) -> dict[str, float]:
    """As predicted, and with the median of the truth."""
    aligned = median_aligned(guessed, true)
    return {
        "abs_rel": absolute_relative(guessed, true),
        "within_1.25": within_ratio(guessed, true),
        "abs_rel_aligned": absolute_relative(aligned, true),
        "within_1.25_aligned": within_ratio(aligned, true),
    }


def summary(clips: Sequence[dict]) -> dict:
    """Depth and points: means over clips; cameras: over all pairs of frames; time: the median."""

    def over_pairs(name: str) -> dict[str, float] | None:
        values = torch.tensor([v for clip in clips for v in clip[name]])
        return {"mean": float(values.mean()), "median": float(values.median()), "pairs": len(values)} if len(values) else None

    depth = {
        way: {score: mean([clip["depth"][way][score] for clip in clips]) for score in clips[0]["depth"][way]} for way in ("embedded", *BASELINES)
    }
    return {
        "clips": len(clips),
        "depth": depth,
        **{name: over_pairs(name) for name in ("rotation_deg", "rotation_deg_unmoved", "direction_deg")},
        "point_m": mean([mean(clip["point_m"]) for clip in clips]),
        "depth_true_m": mean([clip["depth_true_m"] for clip in clips]),
        "ms_median": float(torch.tensor([clip["ms"] for clip in clips]).median()),
    }


def answers_by_geometry(rooms: Path, encoder: Embedded, limit: int | None) -> dict[str, dict[str, float]]:
    """The shipped reader on the same clips, seen with the depth of a sensor and with guessed geometry."""
    found = {}
    guessed = "embedded" if encoder.weights is None else f"embedded:{encoder.weights}"
    for way, named in (("sensor", "sensor_depth"), ("predicted", guessed)):
        pipeline = Pipeline(changed(PRESETS["laptop"], geometric=named))
        rows = evaluate_rooms(pipeline, rooms.parent, rooms.name, limit=limit)
        worded = [row for row in rows if row.record.answer_type not in ("boxes", "caption")]
        verdicts = [(row.record.family == STATEMENTS, float(right(row.text, row.record.answer, row.record.answer_type))) for row in worded]
        found[way] = {
            "vqa": mean([value for is_statement, value in verdicts if not is_statement]),
            "ref_acc_025": scores(rows, [])["summary"]["acc_at_025"],
            "nlvr": mean([value for is_statement, value in verdicts if is_statement]),
        }
    return {figure: {way: found[way][figure] for way in found} for figure in ("vqa", "ref_acc_025", "nlvr")} | {
        "questions": len(verdicts),
        "rooms": len({row.record.room_id for row in rows}),
    }


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def headlines(found: dict) -> dict:
    """The figures that pages quote: of rooms as predicted, of captures with the median depth of the truth."""
    out = {}
    if "rooms" in found:
        rooms = found["rooms"]
        depth, turn, way = rooms["depth"]["embedded"], rooms["rotation_deg"], rooms["direction_deg"]
        out = {"abs_rel": depth["abs_rel"], "delta_125": depth["within_1.25"], "point_m": rooms["point_m"], "ms_per_clip": rooms["ms_median"]}
        out |= {"rotation_deg": turn and turn["median"], "translation_deg": way and way["median"]}
        out |= {f"abs_rel_{name}": rooms["depth"][name]["abs_rel"] for name in BASELINES}
    for name, clip in found.get("captures", {}).items():
        out |= {f"abs_rel_aligned_{way}_{name}": clip["depth"][way]["abs_rel_aligned"] for way in ("embedded", *BASELINES)}
    return out | found.get("answers", {})


def video_alone(
    rooms: Path | None, captures: Sequence[Path], encoder: Embedded, *, limit: int | None = None, answer_rooms: int | None = None
) -> dict:
    """Rooms of one split, answers about the first `answer_rooms` of them, and captures one by one.

    Raises:
        BadInput: no rooms, or a capture that has nothing to measure against.
    """
    found, real = {}, {path.name: open_capture(path).clip(FRAMES) for path in captures}  # what cannot be read is said before minutes are spent
    if rooms is not None:
        clips = []
        for number, folder in enumerate(found_rooms(rooms)[:limit], 1):
            clips.append(measured_clip(load_clip(folder)[1], encoder))
            if number % 20 == 0:
                print(f"{rooms.name}: {number} rooms", file=sys.stderr, flush=True)
        found["rooms"] = {"split": rooms.name, "data": data_hash(rooms.parent), **summary(clips)}
    for name, clip in real.items():
        try:
            found.setdefault("captures", {})[name] = summary([measured_clip(clip, encoder)])
        except BadInput as error:
            raise BadInput(f"{name}: {error}") from None
    if rooms is not None and answer_rooms != 0:
        found["answers"] = answers_by_geometry(rooms, encoder, answer_rooms)
    return {"summary": headlines(found), **found, "weights": encoder.hash, "run": machine()}


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.video_alone", description=__doc__)
    parser.add_argument("--rooms", type=Path, help="the rooms of one split, made by `proxy3d data make`")
    parser.add_argument("--capture", type=Path, action="append", default=[], help="a capture with depth and poses; may be repeated")
    parser.add_argument("--weights", help="made by `proxy3d train views`, instead of those that ship")
    parser.add_argument("--limit", type=int, help="the first so many rooms only")
    parser.add_argument("--answer-rooms", type=int, help="questions about the first so many rooms only; 0 asks none")
    parser.add_argument("-o", "--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    if chosen.rooms is None and not chosen.capture:
        raise BadInput("nothing to measure: type --rooms FOLDER, --capture FOLDER, or both")
    found = video_alone(chosen.rooms, chosen.capture, Embedded(chosen.weights), limit=chosen.limit, answer_rooms=chosen.answer_rooms)
    write_result(chosen.out, found)


if __name__ == "__main__":
    sys.exit(main())
