"""What answers lose when a scene is saved in a smaller form: the same rooms and questions from scenes in each.

    python -m proxy3d.evaluation.answers_by_form --rooms data/rooms -o results/answers_by_form.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from proxy3d.errors import BadInput, command
from proxy3d.evaluation.benchmarks.spacespan import Row, records_by_room, room_rows, scores
from proxy3d.evaluation.proxy_forms import tensor_bytes
from proxy3d.evaluation.run import write_result
from proxy3d.pipeline import Pipeline
from proxy3d.presets import PRESETS
from proxy3d.scene_file import from_bytes, to_bytes
from proxy3d.spacespan.record import read_records
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.training.recipes import data_hash, machine
from proxy3d.training.representations import say

EXACT, SHOWN = "float32", ("float32", "float16", "int8", "int4")
FIGURES = {"accuracy": "answers right", "acc_at_025": "Acc@0.25"}


def answers_by_form(rooms: Path, pipeline: Pipeline, *, forms: Sequence[str] = SHOWN, split: str = "test", limit: int | None = None) -> dict:
    """Accuracy, grounding and bytes of each form, and how many answers are other than those from exact scenes.

    Raises:
        BadInput: no rooms or no questions there.
    """
    by_room = records_by_room(Path(rooms), split, pipeline.weights)
    rows: dict[str, list[Row]] = {form: [] for form in forms}
    size: dict[str, list[tuple[int, int]]] = {form: [] for form in forms}
    least = float(pipeline.weights.facts.get("least_score", 0.5))
    for number, (name, records) in enumerate(sorted(by_room.items())[:limit], 1):
        room, clip, _ = load_clip(Path(rooms) / split / name)
        scene = pipeline.encode_clip(clip, clip_id=name)
        for form in forms:
            data = to_bytes(scene, form)
            size[form].append((len(data), tensor_bytes(data)))
            rows[form] += room_rows(pipeline.weights.reader, from_bytes(data), room, records, None, (), ((1.0, 1.0, 1.0),), least)
        if number % 10 == 0:
            say(f"{split}: {number} rooms in {len(forms)} forms")
    train, found = read_records(Path(rooms) / "train.jsonl"), {}
    for form in forms:
        summary, bytes_of = scores(rows[form], train)["summary"], np.array(size[form]).mean(0).tolist()
        other = np.mean([a.text != b.text for a, b in zip(rows[form], rows[EXACT], strict=True) if a.record.answer_type != "boxes"])
        found[form] = {key: summary[key] for key in FIGURES} | {"file_bytes": bytes_of[0], "tensor_bytes": bytes_of[1], "other_answers": float(other)}
    lost = {f"{key}_lost_{form}": found[EXACT][key] - found[form][key] for form in forms if form != EXACT for key in FIGURES}
    run = {"weights": pipeline.weights.hash, "data": data_hash(Path(rooms)), **machine()}
    return {"summary": lost, "forms": found, "rooms": len(size[EXACT]), "questions": len(rows[EXACT]), "split": split, "run": run}


def render_answers_by_form(result: Mapping) -> str:
    """Markdown: a row per form.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        head = ["form", *FIGURES.values(), "other answers than from exact scenes", "bytes", "without its header"]
        lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        for form, row in result["forms"].items():
            shares = [f"{100 * row[key]:.1f}" for key in (*FIGURES, "other_answers")]
            lines.append(f"| `{form}` | {' | '.join(shares)} | {row['file_bytes']:.0f} | {row['tensor_bytes']:.0f} |")
        asked = f"{result['questions']} questions and phrases about {result['rooms']} test rooms"
        about = f"In per cent; {asked}, 32 proxies each; {result['run']['machine']}."
    except KeyError as error:
        raise BadInput(f"answers by form: lacks {error}; expected what `python -m proxy3d.evaluation.answers_by_form` writes") from None
    return "\n".join([*lines, "", about])


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.answers_by_form", description=__doc__)
    parser.add_argument("--rooms", type=Path, default=Path("data/rooms"), help="folder made by `proxy3d data make`")
    parser.add_argument("--limit", type=int, help="only so many rooms")
    parser.add_argument("-o", "--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    write_result(chosen.out, answers_by_form(chosen.rooms, Pipeline(PRESETS["laptop"]), limit=chosen.limit))


if __name__ == "__main__":
    sys.exit(main())
