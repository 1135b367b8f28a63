"""Which words of a question name things, and how sure the reader is that each of those things is somewhere in the scene."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from jaxtyping import Float
from torch import Tensor

from proxy3d.answers.question import Wording
from proxy3d.english import plural

# What is asked for without naming a thing: how large the room is, and what is at a place told from the first camera.
OF_THE_ROOM = re.compile(r"\b(?:large|big|size|area|square)\b.*\b(?:room|floor)\b|\b(?:room|floor)\b.*\b(?:large|big|size|area|square)\b", re.I)
OF_A_PLACE = re.compile(r"\b(?:first|starting) camera\b|\bclip starts\b|\bfrom the start\b", re.I)
LIKELY = 0.5  # from here on, proxies are taken for what a question calls them


@lru_cache(maxsize=4)
def _pattern(categories: tuple[str, ...]) -> tuple[re.Pattern, dict[str, int]]:
    index = {form: i for i, category in enumerate(categories) for form in (plural(category), category)}
    longest_first = sorted(index, key=lambda form: (-len(form), form))  # "coffee table" before "table"
    # Not by question.lower(), which can be longer than the question, so that ends would lie elsewhere; ASCII, so that lower() finds the form.
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE | re.ASCII), index


def named_things(question: str, categories: tuple[str, ...]) -> list[tuple[int, int, int]]:
    """Where each category word of a question starts and ends (characters), and which category it is; singular or plural.

    >>> named_things("Is the cup on a coffee table?", ("coffee table", "cup", "table"))
    [(7, 10, 1), (16, 28, 0)]
    """
    if not categories:
        return []
    pattern, index = _pattern(categories)
    return [(found.start(), found.end(), index[found[0].lower()]) for found in pattern.finditer(question)]


def asks_of_no_thing(question: str, categories: tuple[str, ...]) -> bool:
    """Whether a question is about nothing that these weights know: it names no category, and is not of the two sorts that need none.

    Those are the size of the room and what is at a place that is told from the first camera; all other families of spacespan that readers
    are taught, captions apart, name a category. Without a list of categories nobody can tell, and nothing is said.
    """
    if not categories or named_things(question, categories):
        return False
    return not (OF_THE_ROOM.search(question) or OF_A_PLACE.search(question))


def named_tokens(question: str, ends: Sequence[int], categories: tuple[str, ...]) -> Iterator[tuple[int, int, int]]:
    """The first and the last token of each category word, and which category it is; `ends` as in `Wording`."""
    for start, end, category in named_things(question, categories):
        yield next(n for n, done in enumerate(ends) if done > start), next(n for n, done in enumerate(ends) if done >= end), category


def seen_things(question: str, wording: Wording, match: Float[Tensor, "n K"], categories: tuple[str, ...]) -> dict[str, float]:
    """How sure the reader is (0..1) that each named category is in the scene: what its best proxy says to the word's last token.

    The surest of several mentions counts: a thing does not leave the room because it is mentioned again.
    """
    best, seen = match.amax(-1).sigmoid(), {}
    for _, last, category in named_tokens(question, wording.ends, categories):
        word = categories[category]
        seen[word] = max(float(best[last]), seen.get(word, 0.0))
    return seen


def named_thing(question: str, wording: Wording, match: Float[Tensor, "n K"], categories: tuple[str, ...], proxies: Sequence[int]) -> str | None:
    """The category word of a question that some proxies are surest to be, by their mean; None where that is less likely than not."""
    mean = match[:, list(proxies)].sigmoid().mean(-1)
    said = [(float(mean[last]), categories[category]) for _, last, category in named_tokens(question, wording.ends, categories)]
    score, word = max(said, default=(0.0, None))
    return word if score >= LIKELY else None
