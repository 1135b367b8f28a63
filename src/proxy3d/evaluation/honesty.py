"""What a reader's doubts are worth: do true numbers lie in their ranges, and is what is not there said to be not seen.

    python -m proxy3d.evaluation.honesty --rooms data/rooms -o results/honesty.json

Each question about things that are there is asked once as it is, and once with one named thing swapped for a kind that the room does not have.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from proxy3d.answers.batch import answer_many, understand
from proxy3d.answers.evidence import ABOUT_PRESENCE, not_seen, number_range
from proxy3d.answers.nouns import named_things, seen_things
from proxy3d.errors import BadInput, command
from proxy3d.evaluation.benchmarks.spacespan import records_by_room
from proxy3d.evaluation.run import write_result
from proxy3d.pipeline import Pipeline
from proxy3d.presets import PRESETS, changed
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.tokens.project import SceneNumbers
from proxy3d.training.nouns import vague_names
from proxy3d.training.recipes import data_hash, found_rooms, machine
from proxy3d.training.representations import say

MEASURED = ("metres", "square_metres")


def honesty(rooms: Path, pipeline: Pipeline, *, split: str = "test", limit: int | None = None) -> dict:
    """Coverage of ranges, and shares of questions that are refused, over the rooms of a split.

    Raises:
        BadInput: no rooms, or weights that were never calibrated.
    """
    facts = pipeline.weights.facts
    if "least_seen" not in facts or "range" not in facts:
        raise BadInput(f"the weights {pipeline.weights.name} were never calibrated; see `python -m proxy3d.training.calibrate --help`")
    by_room = records_by_room(Path(rooms), split, pipeline.weights)
    inside, wide, refused = defaultdict(list), defaultdict(list), defaultdict(list)
    for number, folder in enumerate(found_rooms(Path(rooms) / split)[:limit], 1):
        mine = [r for r in by_room.get(folder.name, ()) if r.answer_type not in ("boxes", "caption")]
        if not mine:
            continue
        room, clip, _ = load_clip(folder)
        there = {o.category for o in room.objects}
        for record, asked, text, between, seen in replies(pipeline, SceneNumbers.of(pipeline.encode_clip(clip)), mine, there):
            if asked == record.question and between is not None and record.answer_type in MEASURED:
                true = float(record.answer.split()[0])
                inside[record.answer_type].append(between[0] <= true <= between[1])
                wide[record.answer_type].append(between[1] / between[0])
            if seen and record.answer not in ABOUT_PRESENCE:
                refused[asked == record.question].append(bool(not_seen(seen, float(facts["least_seen"]), text)))
        if number % 20 == 0:
            say(f"{split}: {number} rooms")
    share = {True: mean(refused[True]), False: mean(refused[False])}
    return {
        "summary": {
            **{f"{unit}_inside": mean(inside[unit]) for unit in MEASURED},
            **{f"{unit}_high_over_low": mean(wide[unit]) for unit in MEASURED},
            "refused_of_answerable": share[True],
            "refused_of_absent": share[False],
        },
        "asked": {**{unit: len(inside[unit]) for unit in MEASURED}, "answerable": len(refused[True]), "absent": len(refused[False])},
        "split": split,
        "rooms": number,
        "weights": pipeline.weights.hash,
        "run": {"data": data_hash(Path(rooms)), **machine()},
    }


def replies(pipeline: Pipeline, numbers: SceneNumbers, records: Sequence[Record], there: set[str]) -> Iterator[tuple]:
    """(record, question as asked, answer, range or None, what is seen), first of each question as it is, then of its swapped form."""
    reader, facts = pipeline.weights.reader, pipeline.weights.facts
    categories = reader.settings.categories
    swapped = [(r, question) for r in records if (question := with_absent(r, categories, there)) is not None]
    pairs = [(r, r.question) for r in records] + swapped
    questions = [question for _, question in pairs]
    texts = answer_many(reader, numbers, questions).text
    read = understand(reader, numbers, questions)
    for row, (record, question) in enumerate(pairs):
        seen = seen_things(question, read.asked[row], read.fused.match[row], categories)
        yield record, question, texts[row], number_range(read.fused, row, texts[row], facts["range"]), seen


def with_absent(record: Record, categories: tuple[str, ...], there: set[str]) -> str | None:
    """The question with one named thing swapped for a kind that the room has nothing of, not even by a looser word; None where it names none."""
    named = named_things(record.question, categories)
    vague = {categories[i]: {categories[j] for j in others} for i, others in enumerate(vague_names(categories))}
    absent = [c for c in categories if c not in there and not vague[c] & there and not any(c in vague.get(t, ()) for t in there)]
    if not named or not absent:
        return None
    draw = random.Random(record.question_id)
    start, end, _ = draw.choice(named)
    return record.question[:start] + draw.choice(absent) + record.question[end:]


def mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.honesty", description=__doc__)
    parser.add_argument("--rooms", type=Path, default=Path("data/rooms"), help="folder made by `proxy3d data make`")
    parser.add_argument("--weights", help="calibrated weights instead of those that ship")
    parser.add_argument("--limit", type=int, help="only so many rooms")
    parser.add_argument("-o", "--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    preset = PRESETS["laptop"] if chosen.weights is None else changed(PRESETS["laptop"], weights=chosen.weights)
    write_result(chosen.out, honesty(chosen.rooms, Pipeline(preset), limit=chosen.limit))


if __name__ == "__main__":
    sys.exit(main())
