"""From answers that lmms-eval collected to the figures of `proxy3d score`: the same readers, rules and scorers, on the questions that were asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from proxy3d.evaluation.benchmarks import BENCHMARKS, sqa3d
from proxy3d.evaluation.benchmarks.scanqa import RULES as SCANQA
from proxy3d.evaluation.lmms_eval_tasks.asking import examples_of

CAPTIONS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr")  # METEOR needs Java and a file, which a task cannot ask for
MATCHES = ("EM@1", "EM-R")
IN_BOXES = {"scanrefer": ("Acc@0.25", "Acc@0.5"), "multi3drefer": ("F1@0.25", "F1@0.5")}
Row = tuple[str, str]  # id, answer


def metrics_of(name: str) -> list[tuple[str, str]]:
    """Every (variant, metric) that a task prints."""
    rules = {"scanqa": {v: rule.match for v, rule in SCANQA.items()}, "sqa3d": sqa3d.RULES}.get(name, {})
    found = []
    for variant in BENCHMARKS[name].variants if name not in IN_BOXES else BENCHMARKS[name]().variants:
        exact = MATCHES if variant in rules and rules[variant]("x", ("x",))[1] is not None else MATCHES[:1] if rules else ()
        found += [(variant, metric) for metric in (*exact, *(CAPTIONS if name in ("scanqa", "scan2cap") else ()), *IN_BOXES.get(name, ()))]
    return found


def collected(doc: Mapping[str, str], results: Sequence[str]) -> dict[str, dict[str, str]]:
    """`process_results`: the answer under each metric's name; nothing can be scored before all are there, CIDEr least of all."""
    row = {"benchmark": doc["benchmark"], "id": doc["id"], "answer": results[0]}
    return {f"{variant}/{metric}": row | {"variant": variant, "metric": metric} for variant, metric in metrics_of(doc["benchmark"])}


def score(items: Sequence[Mapping[str, str]]) -> float:
    """`aggregation`: x 100, over the questions that were asked, which `--limit` may make fewer."""
    first = items[0]
    return dict(scored(first["benchmark"], first["variant"], tuple((item["id"], item["answer"]) for item in items)))[first["metric"]]


@lru_cache(maxsize=16)
def scored(name: str, variant: str, rows: tuple[Row, ...]) -> tuple[tuple[str, float | None], ...]:
    """All metrics of one variant. The answers go through a file, so that they are read exactly as `proxy3d score` reads them."""
    benchmark, asked = BENCHMARKS[name](), {own for own, _ in rows}
    examples = [e for e in examples_of(name) if e.id in asked]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "predictions.json"
        file.write_text(json.dumps(predictions(name, rows)), encoding="utf-8")
        found = benchmark.predictions(file, examples).found
    return tuple(benchmark.score(examples, found, variant).metrics.items())


def predictions(name: str, rows: Sequence[Row]) -> dict[str, object]:
    """{id: answer}; where boxes are asked for, an answer that is a JSON list stands for the boxes in it."""
    return {own: listed(answer) if name in IN_BOXES else answer for own, answer in rows}


def listed(answer: str) -> object:
    """The list that an answer is, or the answer itself."""
    try:
        value = json.loads(answer.removeprefix("```json").strip("` \n"))
    except (ValueError, RecursionError):
        return answer
    return value if isinstance(value, list) else answer
