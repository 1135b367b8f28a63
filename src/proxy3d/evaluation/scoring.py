"""Score a file of predictions for a public benchmark by a named rule: what every benchmark offers, and the one path through it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Example:
    """One thing to be predicted, with its truth; `truth` is whatever the benchmark's own scorer compares with."""

    id: str
    kind: str  # a row of `by_type`: "what", "unique", "object_counting"; empty where a benchmark has no kinds
    truth: object
    prompt: str = ""  # the question or phrase, for reports


@dataclass(frozen=True)
class Predictions:
    """What a file says, by example id, and what was wrong with it; nothing in it was ever evaluated as code."""

    found: Mapping[str, object]
    troubles: Counter = field(default_factory=Counter)  # "2 boxes with NaN": one short phrase -> how often
    named: Sequence[str] = ()  # the first few of each kind, each one line


@dataclass(frozen=True)
class Scored:
    """Metrics of one file under one variant, all x 100; None where a metric could not run, never 0 instead."""

    n: int  # examples scored, predicted or not
    metrics: Mapping[str, float | None]  # "EM@1", "BLEU-1", "METEOR", "CIDEr", "Acc@0.25", "F1@0.5", "MRA": names of the contract
    by_type: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)  # the same, for each kind; "n" among them


class Benchmark(Protocol):
    """A public task with its scorer: one file in `evaluation/benchmarks/`, one line in `BENCHMARKS`."""

    name: str  # "scanqa"
    licence: str  # of the annotations
    citation: str  # arXiv id
    variants: tuple[str, ...]  # the first is the default
    defects: Mapping[str, str]  # variant -> what it does on purpose though it is wrong, one line

    def examples(self, annotations: Path) -> Sequence[Example]:
        """Raises BadInput when the file is not the benchmark's."""

    def predictions(self, file: Path, examples: Sequence[Example]) -> Predictions:
        """The benchmark's own prediction format, or a plain {id: answer}. Raises BadInput when it is neither."""

    def score(self, examples: Sequence[Example], found: Mapping[str, object], variant: str) -> Scored:
        """A pure function: no files, no network, no model."""

    def chance(self, examples: Sequence[Example], variant: str) -> Mapping[str, Scored]:
        """What dull rules score: "most frequent answer", "most frequent answer of each kind", "uniform guess"; each says what it was fitted on."""

    def upload(self, examples: Sequence[Example], found: Mapping[str, object]) -> str | None:
        """The leaderboard's file as text; None where the benchmark has no such format."""
