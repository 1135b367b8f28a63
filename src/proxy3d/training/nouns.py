"""Which words of a question name things, and which proxies those are: what teaches words to find their proxies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.spacespan.questions.words import broader, plural
from proxy3d.training.lessons import RoomLesson, pointing_target


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


@lru_cache(maxsize=4)
def vague_names(categories: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """For each category, which others some people would call by its word too: an armchair is a chair to many."""
    return tuple(tuple(j for j, other in enumerate(categories) if word in broader(other)) for word in categories)


def name_target(lesson: RoomLesson, category: int, categories: Sequence[str]) -> tuple[Float[Tensor, "K"], Float[Tensor, "K"]]:
    """Which proxies a category word names, and how much each proxy counts: none of what could be called by it too."""
    positive, counts, _ = pointing_target(lesson, (lesson.category == category).nonzero()[:, 0].tolist())
    vague = vague_names(tuple(categories))[category]
    if vague:
        unsure = torch.isin(lesson.category[lesson.made_of.argmax(1)], torch.tensor(vague))
        counts = counts * ~(unsure & (positive == 0))
    return positive, counts
