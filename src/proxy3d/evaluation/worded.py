"""What benchmarks whose answers are words have in common: what was said, matches by kind, and dull rules to compare with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.evaluation.metrics.matching import Match
from proxy3d.evaluation.scoring import Example
from proxy3d.spacespan.sources.rows import Unusable, kind

TEXT_KEYS = ("answer_top10", "answer", "pred", "prediction", "pred_answer", "pred_response", "response", "text", "answers", "caption")
FREQUENT, FREQUENT_OF_KIND = (f"most frequent answer{of} (fitted on these answers)" for of in ("", " of each kind"))


@dataclass(frozen=True)
class Worded:
    """The truth of a question: every accepted answer as the file has it, and the room, which uploads name. No answers: they are hidden."""

    answers: tuple[str, ...]
    scene: str = ""


@dataclass(frozen=True)
class Answered:
    """What a model said: its answers, the best first, and whatever else of the row an upload needs."""

    answers: tuple[str, ...]
    row: Mapping[str, object] | None = None

    @property
    def text(self) -> str:
        return self.answers[0]


def answered(value: object) -> Answered:
    """An answer from a plain value or a row.

    Raises:
        Unusable: no text in it.
    """
    row = value if isinstance(value, dict) else None
    if row is not None:
        key = next((key for key in TEXT_KEYS if key in row), None)
        if key is None:
            raise Unusable("row without an answer")
        value = row[key]
    if isinstance(value, str):
        return Answered((value,), row)
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return Answered(tuple(value), row)
    got = "a list of something else" if isinstance(value, list) and value else "an empty list" if value == [] else kind(value)
    raise Unusable(f"answer: expected text, got {'true or false' if isinstance(value, bool) else got}")


def examples_from(items: Iterable[tuple[str, object]], file: Path, make: Callable[[dict], Example]) -> list[Example]:
    """Annotation rows as examples; unlike predictions they must be whole.

    Raises:
        BadInput: names the first row that is not, or says that there is none.
    """
    found: dict[str, Example] = {}
    for where, item in items:
        try:
            if not isinstance(item, dict):
                raise item if isinstance(item, Unusable) else Unusable(f"expected an object, got {kind(item)}")
            example = make(item)
        except Unusable as error:
            raise BadInput(f"{file}: {where}: {error}; annotations must be whole to be scored against") from None
        if example.id in found:
            raise BadInput(f"{file}: {where}: id {example.id[:60]} came before; annotations must be whole to be scored against")
        found[example.id] = example
    if not found:
        raise BadInput(f"{file}: no questions in it")
    return list(found.values())


def texts(item: Mapping, key: str) -> tuple[str, ...]:
    """Texts exactly as they are, outer blanks too, since some scorers compare them so."""
    value = item.get(key)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise Unusable(f"{key}: expected a list of texts, got {kind(value)}")
    return tuple(value)


def matches(examples: Sequence[Example], found: Mapping[str, object], rule: Callable[[str, Sequence[str]], Match]) -> list[Match]:
    """Each question's match; one without a prediction is wrong, even where a rule takes an empty answer for right."""
    return [rule(found[e.id].text, e.truth.answers) if e.id in found else (False, False) for e in examples]


def match_scores(rows: Sequence[Match]) -> dict[str, float | None]:
    """Exact and refined match, x 100; the second is None under rules that have none."""
    if not rows:
        return {"EM@1": None, "EM-R": None}
    refined = None if any(r is None for _, r in rows) else 100 * sum(r for _, r in rows) / len(rows)
    return {"EM@1": 100 * sum(e for e, _ in rows) / len(rows), "EM-R": refined}


def by_kind(examples: Sequence[Example], rows: Sequence[Match]) -> dict[str, dict[str, float | None]]:
    """Matches of each kind of question, with how many there are."""
    kinds: dict[str, list[Match]] = defaultdict(list)
    for example, row in zip(examples, rows, strict=True):
        kinds[example.kind].append(row)
    return {name: {"n": len(mine), **match_scores(mine)} for name, mine in sorted(kinds.items()) if name}


def dull_answers(examples: Sequence[Example]) -> dict[str, dict[str, Answered]]:
    """What rules say that look at no scene: always the same, and the same for each kind. Fitted on the answers themselves: an upper bound."""
    if any(not e.truth.answers for e in examples):
        return {}
    overall, of_kind = Counter(), defaultdict(Counter)
    for example in examples:
        for answer in set(example.truth.answers):
            overall[answer] += 1
            of_kind[example.kind][answer] += 1

    def best(counts: Counter) -> str:
        return min(counts, key=lambda answer: (-counts[answer], answer))

    one, each = Answered((best(overall),)), {name: Answered((best(counts),)) for name, counts in of_kind.items()}
    same = {FREQUENT: {e.id: one for e in examples}}
    return same if len(each) < 2 else {**same, FREQUENT_OF_KIND: {e.id: each[e.kind] for e in examples}}
