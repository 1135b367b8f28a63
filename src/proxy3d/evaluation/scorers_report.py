"""How far the variants of one benchmark differ on one and the same file of predictions, and what our scorers cost, in one result file.

    python -m proxy3d.evaluation.scorers_report --data FOLDER --speed scorers.speed.json -o results/scorers.json

FOLDER holds `scanqa/` and `sqa3d/` with the published files. Predictions are made from the annotations by simple rules, so that anybody can make
them again. Each `--speed` names what a program in `speed/` wrote; a figure that none of them has is null.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from proxy3d.errors import BadInput, command
from proxy3d.evaluation.benchmarks import BENCHMARKS
from proxy3d.evaluation.run import write_result
from proxy3d.evaluation.score import hashes, where_from
from proxy3d.evaluation.scoring import Example
from proxy3d.evaluation.worded import Answered
from proxy3d.spacespan.sources.rows import load

# Figures that programs in speed/ write under `summary`; both scorers of text and of boxes land here.
SPEEDS = (
    "cider_speedup_with_java_start", "cider_speedup_without", "speedup_BLEU_alone", "speedup_ROUGE-L_alone", "speedup_CIDEr_alone",
    "oriented_iou_per_second",
)  # fmt: skip
SPREAD = ("EM@1", "EM-R", "BLEU-4", "ROUGE-L", "CIDEr")
Rule = Callable[[int, Sequence[Example]], str]
RULES: dict[str, Rule] = {  # how to answer question i, from the annotations
    "first reference": lambda i, all: all[i].truth.answers[0],
    "last reference": lambda i, all: all[i].truth.answers[-1],
    "first reference, capital and full stop": lambda i, all: all[i].truth.answers[0].capitalize() + ".",
    "`the ` before it": lambda i, all: f"the {all[i].truth.answers[0]}",
    "`It is ` before it": lambda i, all: f"It is {all[i].truth.answers[0]}",
    "first reference of the next question": lambda i, all: all[(i + 1) % len(all)].truth.answers[0],
    "empty answer": lambda i, all: "",
}
TEXT_BENCHMARKS = ("scanqa", "sqa3d")


def report(data: Path, out: Path, speeds: Sequence[Path] = ()) -> dict:
    """Every rule's predictions under every variant, with the spread of each metric; written to `out`.

    Raises:
        BadInput: the published files are not in the folder, or a speed file is none.
    """
    benchmarks, files = {}, []
    for name in TEXT_BENCHMARKS:
        folder = Path(data) / name
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder; expected the published files of {name} in it")
        benchmarks[name] = under_all_rules(name, folder)
        files.append(folder)
    found = fragments(speeds)
    result = {
        "what": "one file of predictions under every variant of a benchmark",
        "summary": {
            **{key: next((f["summary"][key] for f in found if f["summary"].get(key) is not None), None) for key in SPEEDS},
            "variants_spread": {name: {rule: row["spread"] for rule, row in part["rules"].items()} for name, part in benchmarks.items()},
        },
        "benchmarks": benchmarks,
        "speed": found,
        "inputs": {f"{folder.name}/{name}": sha for folder in files for name, sha in hashes(folder).items()},
        **where_from(),
    }
    write_result(Path(out), result)
    return result


def under_all_rules(name: str, folder: Path) -> dict:
    """One benchmark: for each rule the metrics of each variant and how far they lie apart, and how long all of it took."""
    benchmark = BENCHMARKS[name]()
    examples = benchmark.examples(folder)
    rules, started = {}, time.perf_counter()
    for rule, say in RULES.items():
        found = {e.id: Answered((say(i, examples),)) for i, e in enumerate(examples)}
        scores = {variant: dict(benchmark.score(examples, found, variant).metrics) for variant in benchmark.variants}
        rules[rule] = {"variants": scores, "spread": spread(scores)}
    seconds = (time.perf_counter() - started) / len(rules)
    orders = {"order_of_variants": list(benchmark.variants), "order_of_rules": list(RULES)}  # results are written with sorted keys
    return {"n": len(examples), **orders, "rules": rules, "seconds_for_one_file_under_all_variants": seconds, "defects": dict(benchmark.defects)}


def spread(scores: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """Largest less smallest value of each metric among the variants that have it."""
    values = {metric: [row[metric] for row in scores.values() if row.get(metric) is not None] for metric in SPREAD}
    return {metric: max(several) - min(several) for metric, several in values.items() if several}


def fragments(files: Sequence[Path]) -> list[dict]:
    """What programs in speed/ wrote.

    Raises:
        BadInput: a file without a summary.
    """
    found = []
    for file in files:
        content = load(Path(file))
        if not isinstance(content, dict) or not isinstance(content.get("summary"), dict):
            raise BadInput(f"--speed {file}: expected a result with a summary, as the programs in speed/ write it")
        found.append(content)
    return found


@command
def main(arguments: list[str] | None = None) -> None:
    """Exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m proxy3d.evaluation.scorers_report", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with scanqa/ and sqa3d/")
    parser.add_argument("--speed", type=Path, action="append", default=[], help="what a program in speed/ wrote; may be repeated")
    parser.add_argument("-o", "--out", type=Path, default=Path("results/scorers.json"))
    options = parser.parse_args(arguments)
    result = report(options.data, options.out, options.speed)
    print(json.dumps(result["summary"], indent=1))


if __name__ == "__main__":
    sys.exit(main())
