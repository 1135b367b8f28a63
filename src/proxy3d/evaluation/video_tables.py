"""Tables of geometry from pictures alone (`evaluation/video_alone.py`)."""

from __future__ import annotations

from collections.abc import Mapping

from proxy3d.errors import BadInput

SCORES = ("abs_rel", "within_1.25", "abs_rel_aligned", "within_1.25_aligned")
WAYS = {"embedded": "the network", "constant": "one depth everywhere", "floor": "a level floor"}
ANSWERED = {"vqa": "questions answered rightly", "ref_acc_025": "phrases, Acc@0.25", "nlvr": "statements judged rightly"}


def render_video_alone(result: Mapping) -> str:
    """Markdown: depth beside dull guesses on rooms and captures, then cameras and time, then answers beside those with a sensor's depth.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        rooms = result["rooms"]
        places = {f"{rooms['clips']} rooms": rooms["depth"], **{name: clip["depth"] for name, clip in result.get("captures", {}).items()}}
        lines = ["| depth of | AbsRel | within 1.25 | AbsRel, median aligned | within 1.25, aligned |", "|---|---|---|---|---|"]
        for place, depth in places.items():
            for way, words in WAYS.items():
                d = depth[way]
                cells = (f"{d[k]:.3f}" if k.startswith("abs") else f"{100 * d[k]:.0f} %" for k in SCORES)
                lines.append(f"| {place}: {words} | {' | '.join(cells)} |")
        cameras = []
        for place, found in {"the rooms": rooms, **result.get("captures", {})}.items():
            if (turn := found["rotation_deg"]) is not None:
                way = f", the way's direction {d['median']:.0f} degrees" if (d := found["direction_deg"]) is not None else ""
                still = found["rotation_deg_unmoved"]["median"]
                cameras.append(f"{place} {turn['median']:.1f} degrees (cameras taken to stand still: {still:.1f}){way}")
        points = f"Points of the rooms lie {rooms['point_m']:.2f} m off on average, at a median depth of {rooms['depth_true_m']:.1f} m."
        about = f"Cameras, median over pairs of frames: {'; '.join(cameras)}. {points} A clip takes {rooms['ms_median']:.0f} ms."
        return "\n".join([*lines, "", about, *_answers(result.get("answers"))])
    except (KeyError, TypeError) as error:
        raise BadInput(f"video alone: lacks {error}; expected what `python -m proxy3d.evaluation.video_alone` writes") from None


def render_video_sfm(result: Mapping) -> str:
    """Markdown: cameras, points, depth and time with structure from motion beside those without it.

    Raises:
        BadInput: a figure is missing.
    """
    lines = ["| clips | cameras by | turn, degrees | way, degrees | points, m | AbsRel | ms a clip |", "|---|---|---|---|---|---|---|"]
    try:
        for place, found in result["places"].items():
            for name, words in (("embedded", "the network"), ("embedded_sfm", "structure from motion")):
                one = found[name]
                clips = f"{one['clips']} {place}" if place.startswith("rooms") else place
                turn, way = (one[key]["median"] if one[key] else float("nan") for key in ("rotation_deg", "direction_deg"))
                lines.append(f"| {clips} | {words} | {turn:.1f} | {way:.0f} | {one['point_m']:.2f} | {one['abs_rel']:.3f} | {one['ms_median']:.0f} |")
        whole = {place: found for place, found in result["places"].items() if place != "rooms placed"}
        placed = ", ".join(f"{found['placed']} of {found['embedded']['clips']} {place}" for place, found in whole.items())
    except (KeyError, TypeError) as error:
        raise BadInput(f"video sfm: lacks {error}; expected what `python -m proxy3d.evaluation.video_sfm` writes") from None
    return "\n".join([*lines, "", f"All frames placed, and the network not contradicted: {placed}. Elsewhere both rows have the same cameras."])


def _answers(answers: Mapping | None) -> list[str]:
    if answers is None:
        return []
    rows = [f"| {words} | {100 * answers[key]['sensor']:.1f} | {100 * answers[key]['predicted']:.1f} |" for key, words in ANSWERED.items()]
    head = ["", "| in per cent | depth of a sensor | pictures alone |", "|---|---|---|"]
    return [*head, *rows, "", f"{answers['questions']} questions and statements, and the phrases, about the first {answers['rooms']} rooms."]
