"""What an answer rests on: whether the scene shows what the question names, and how far off a number may be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from proxy3d.answers.judge import SOURCES
from proxy3d.answers.offers import spelled
from proxy3d.answers.question import Wording
from proxy3d.spacespan.questions.words import plural

if TYPE_CHECKING:
    from proxy3d.answers.fusion import Fused

ABOUT_PRESENCE = ("no", "false", "0", "none")  # answers that say themselves that something is not there
MEASURED = {"length": "metres", "area": "square_metres"}  # source of an answer -> its unit, in the order of the columns of `Judged.log_size`


@lru_cache(maxsize=4)
def _pattern(categories: tuple[str, ...]) -> tuple[re.Pattern, dict[str, int]]:
    index = {form: i for i, category in enumerate(categories) for form in (plural(category), category)}
    longest_first = sorted(index, key=lambda form: (-len(form), form))  # "coffee table" before "table"
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b"), index


def named_things(question: str, categories: tuple[str, ...]) -> list[tuple[int, int, int]]:
    """Where each category word of a question starts and ends (characters), and which category it is; singular or plural.

    >>> named_things("Is the cup on a coffee table?", ("coffee table", "cup", "table"))
    [(7, 10, 1), (16, 28, 0)]
    """
    if not categories:
        return []
    pattern, index = _pattern(categories)
    return [(found.start(), found.end(), index[found[0]]) for found in pattern.finditer(question.lower())]


def seen_things(fused: Fused, row: int, wording: Wording, question: str, categories: tuple[str, ...]) -> dict[str, float]:
    """How surely the scene shows each category that a question names, 0 to 1: the best match of its word with any proxy."""
    best, seen = fused.match[row].amax(-1).sigmoid(), {}
    for _, end, category in named_things(question, categories):
        at = next(n for n, done in enumerate(wording.ends) if done >= end)
        seen[categories[category]] = max(float(best[at]), seen.get(categories[category], 0.0))
    return seen


def not_seen(seen: Mapping[str, float], least: float, text: str) -> tuple[str, ...]:
    """Named things without evidence; none where the answer itself says that something is not there."""
    return () if text.lower().rstrip(".") in ABOUT_PRESENCE else tuple(word for word, score in seen.items() if score < least)


def number_range(fused: Fused, row: int, text: str, spreads: Mapping[str, Sequence[float]]) -> tuple[float, float] | None:
    """Where the number that was said lies 8 times of 10; None where no length or area was said, or nobody knows how far off they are.

    Args:
        spreads: for each unit the factors on a number between which the true one lies, as training.calibrate finds them.
    """
    for (source, unit), log in zip(MEASURED.items(), fused.judged.log_size[row].tolist(), strict=True):
        if SOURCES[int(fused.chosen[row, : len(SOURCES)].argmax())] == source and unit in spreads and text == spelled(unit, log):
            return tuple(round(math.exp(log) * factor, 2) for factor in spreads[unit])
    return None
