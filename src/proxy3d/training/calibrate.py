"""What a trained reader does not know of itself, found on validation rooms: when to point, how far off its numbers are, what it has not seen.

    python -m proxy3d.training.calibrate WEIGHTS --rooms data/rooms -o OUT

does for weights that exist already what `proxy3d train` does at its end.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from proxy3d.answers.batch import understand
from proxy3d.answers.evidence import ABOUT_PRESENCE, MEASURED
from proxy3d.answers.fusion import Fused
from proxy3d.answers.model import SpatialReader
from proxy3d.answers.nouns import seen_things
from proxy3d.errors import BadInput, command
from proxy3d.features.semantic import SEMANTIC
from proxy3d.tensor_file import save_tensors
from proxy3d.training.align import RoomOfQuestions
from proxy3d.training.lessons import Question
from proxy3d.training.threshold import best_least_score
from proxy3d.weights import load_weights

INSIDE = (0.1, 0.9)  # the true number lies between these quantiles 8 times of 10
REFUSED = 0.05  # of the questions that the scene can answer, at most so many may be refused
FEWEST = 20  # numbers from which a range is guessed


def calibrated(reader: SpatialReader, rooms: Sequence[RoomOfQuestions]) -> dict:
    """Facts for the weights: `least_score`, `range` (factors on a number by unit) and `least_seen`."""
    off, seen = defaultdict(list), []
    for question, fused, row, scores in readings(reader, rooms):
        unit = question.record.answer_type
        if unit in MEASURED.values():
            said = float(fused.judged.log_size[row, list(MEASURED.values()).index(unit)])
            off[unit].append(math.log(max(question.metres, 0.05)) - said)
        if scores and question.record.answer not in ABOUT_PRESENCE:
            seen.append(min(scores.values()))
    ranges = {unit: [float(math.exp(q)) for q in np.quantile(values, INSIDE)] for unit, values in off.items() if len(values) >= FEWEST}
    least_seen = float(np.quantile(seen, REFUSED)) if len(seen) >= FEWEST else 0.0
    return {"least_score": best_least_score(reader, rooms), "range": ranges, "least_seen": least_seen}


def readings(reader: SpatialReader, rooms: Sequence[RoomOfQuestions]) -> Iterator[tuple[Question, Fused, int, dict[str, float]]]:
    """Every question that words answer, the scene in its light (and which row that is), and how surely what it names is seen."""
    for room in rooms:
        questions = [q for q in room.questions if q.record.answer_type != "boxes"]
        if not questions:
            continue
        read = understand(reader, room.looks[0].numbers, [q.record.question for q in questions])
        for row, question in enumerate(questions):
            seen = seen_things(question.record.question, read.asked[row], read.fused.match[row], reader.settings.categories)
            yield question, read.fused, row, seen


@command
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exit status 0 done, 2 the input is wrong."""
    from proxy3d.training.recipes import ClusterTeacher, load_rooms, named_recipe, rooms_of_questions

    parser = argparse.ArgumentParser(prog="python -m proxy3d.training.calibrate", description=__doc__)
    parser.add_argument("weights", type=Path, help="made by `proxy3d train`")
    parser.add_argument("--rooms", type=Path, default=Path("data/rooms"), help="folder made by `proxy3d data make`")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the same weights with what was found")
    chosen = parser.parse_args(arguments)
    if chosen.out.exists():
        raise BadInput(f"-o {chosen.out}: exists already; choose another name")
    weights = load_weights(chosen.weights)
    reader, recipe = weights.reader, named_recipe(str(weights.facts.get("run", {}).get("recipe")))
    teacher = ClusterTeacher(weights.encoder, weights.clusterer, len(reader.settings.categories))
    cache = chosen.rooms / ".patches" / recipe.semantic
    data = load_rooms(chosen.rooms / "val", cache, SEMANTIC[recipe.semantic](), reader.settings.categories)
    lessons = rooms_of_questions(recipe, data, teacher, chosen.rooms / "val.jsonl", reader.host, chosen.out.parent / "val", 0)
    save_tensors(chosen.out, weights.tensors, {**weights.facts, **calibrated(reader, lessons)})


if __name__ == "__main__":
    sys.exit(main())
