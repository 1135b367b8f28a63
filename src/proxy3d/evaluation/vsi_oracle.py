"""What exact boxes alone score on VSI-Bench: an upper bound that anybody can run again from its meta info.

    python -m proxy3d.evaluation.vsi_oracle META_INFO [--questions FILE] [-o results/vsi_oracle.json]

With the benchmark's own question file the truth is the benchmark's, and the score is a bound: what a model could reach that sees every box of
the room and nothing else. Distances are between boxes there, where the benchmark measures between points, which lie inside their boxes.

Without it, questions of the same form are made from the meta info itself, so counts, sizes and floor areas have the official truth, and
distances and directions that of the measured boxes: then the score says what is lost by simpler boxes and by rounding, and bounds no model
on the real questions. Routes and orders of appearance need the video and are answered by nobody here.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from proxy3d.errors import BadInput, command
from proxy3d.evaluation.benchmarks.vsi_bench import DIRECTION, VSIBench
from proxy3d.evaluation.run import write_result
from proxy3d.evaluation.scoring import Example, Scored
from proxy3d.evaluation.vsi_questions import Place, answered, as_examples, generated, places
from proxy3d.training.recipes import machine

BOXES = {
    "as measured": "turned any way, as the meta info has them",
    "upright": "stand on the floor and are turned about the vertical, as this package keeps them",
    "square": "least and greatest x, y, z only",
    "centres": "distances from centre to centre; sizes as measured",
}
TRUTH = {
    True: "made here: official counts, sizes and floor areas; distances between the measured boxes, directions from their centres",
    False: "the benchmark's own",
}
UNSEEN = ("route_planning", "obj_appearance_order")


def oracle(examples: Sequence[Example], rooms: Mapping[str, Place], variant: str = "official") -> dict:
    """Scores of each way of keeping boxes, with chance beside them."""
    benchmark, scores = VSIBench(), {}
    for boxes in BOXES:
        found = {e.id: text for e in examples if (text := answered(e, rooms, boxes)) is not None}
        scores[boxes] = {**_plain(benchmark.score(examples, found, variant)), "answered": len(found)}
    return {"boxes": scores, "chance": {name: _plain(scored) for name, scored in benchmark.chance(examples, variant).items()}}


def _plain(scored: Scored) -> dict:
    """As JSON, with the mean over the kinds that boxes can answer beside the official overall."""
    plain = asdict(scored)
    levels = [k for k in plain["by_type"] if k.startswith(f"{DIRECTION}_")]
    kinds = [row["score"] for kind, row in plain["by_type"].items() if kind not in (*UNSEEN, *levels)]
    known = bool(kinds) and all(v is not None for v in kinds)
    return {**plain, "metrics": {**plain["metrics"], "overall of what boxes answer": sum(kinds) / len(kinds) if known else None}}


def run(meta: Path, questions: Path | None = None, *, seed: int = 0, per_kind: int = 6) -> dict:
    """The result of the command.

    Raises:
        BadInput: no meta info, no questions, or none about these rooms.
    """
    rooms = places(Path(meta))
    examples = VSIBench().examples(questions) if questions else as_examples(generated(rooms, seed=seed, per_kind=per_kind))
    if not any(e.truth.scene in rooms for e in examples):
        raise BadInput(f"{questions or meta}: no question about a room of {meta}; expected question rows with the scene_name of those rooms")
    found = oracle(examples, rooms)
    best = found["boxes"]["as measured"]["metrics"]
    return {
        "benchmark": "vsi_bench oracle",
        "variant": "official",
        "questions": "made from the meta info" if questions is None else Path(questions).name,
        "truth": TRUTH[questions is None],
        "n": len(examples),
        "rooms": len({e.truth.scene for e in examples} & set(rooms)),
        "summary": {
            **{f"overall, boxes {name}": row["metrics"]["overall of what boxes answer"] for name, row in found["boxes"].items()},
            "overall": best["overall"],
        },
        "meaning": BOXES,
        **found,
        "run": {"seed": seed, "per_kind": per_kind, "meta_info": _hash(meta), "question_file": _hash(questions) if questions else None, **machine()},
    }


def _hash(path: Path) -> dict[str, str]:
    import hashlib

    files = sorted(Path(path).rglob("*.json")) if Path(path).is_dir() else [Path(path)]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@command
def main(arguments: list[str]) -> None:
    """Exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("meta", type=Path, help="VSI-Bench's meta info, a file or a folder")
    parser.add_argument("--questions", type=Path, help="VSI-Bench's question file; without it questions are made")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-kind", type=int, default=6, help="at most so many questions of each kind about one room")
    parser.add_argument("-o", "--out", type=Path)
    given = parser.parse_args(arguments)
    result = run(given.meta, given.questions, seed=given.seed, per_kind=given.per_kind)
    if given.out:
        write_result(given.out, result)
    print(f"{result['n']} questions about {result['rooms']} rooms; {result['questions']}; truth: {result['truth']}")
    for name, row in result["boxes"].items():
        cells = ", ".join(f"{kind} {value['score']:.1f}" for kind, value in row["by_type"].items() if value["score"] is not None)
        total = row["metrics"]["overall of what boxes answer"]
        print(f"boxes {name}: {'-' if total is None or math.isnan(total) else f'{total:.2f}'} ({cells})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
