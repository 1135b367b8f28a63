"""ROUGE-L of each item: the longest common run of words with gaps, against the best reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

BETA = 1.2
Words = tuple[list[str], int, Callable[[Sequence[str]], bool]]  # of a text: its words, how many, and whether others share none


def rouge_l(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Float[np.ndarray, "N"]:
    """A score of 0..1 for each item; the corpus has their mean. Words are what stands between single spaces.

    So two spaces in a row hold an empty word, which the COCO scorer counts (arXiv 1504.00325) and some peers' captions have.
    """
    known: dict[str, Words] = {}
    where: dict[str, dict[str, int]] = {}
    scores = [0.0] * len(hypotheses)
    for number, (said, several) in enumerate(zip(hypotheses, references, strict=True)):
        if said in several:
            scores[number] = 1.0
            continue
        words, length, _ = known.get(said) or _enter(known, said)
        precision = recall = 0.0
        for reference in several:
            meant, most, disjoint = known.get(reference) or _enter(known, reference)
            if disjoint(words):
                continue
            if length == 1 or most == 1:
                common = 1
            else:
                places = where.get(reference) or where.setdefault(reference, positions(meant))
                common = longest_common(words, places, most)
            precision, recall = max(precision, common / length), max(recall, common / most)
        if precision:
            scores[number] = (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)
    return np.array(scores)


def _enter(known: dict[str, Words], text: str) -> Words:
    words = text.split(" ")
    known[text] = entry = (words, len(words), set(words).isdisjoint)
    return entry


def positions(words: Sequence[str]) -> dict[str, int]:
    """Each word with the places where it stands, as bits."""
    found: dict[str, int] = {}
    for place, word in enumerate(words):
        found[word] = found.get(word, 0) | 1 << place
    return found


def longest_common(words: Sequence[str], where: dict[str, int], length: int) -> int:
    """Length of the longest common subsequence, all columns of the usual table at once as bits of one number (Hyyrö 2004)."""
    full = (1 << length) - 1
    free = full
    for word in words:
        mask = where.get(word)
        if mask:
            matched = free & mask
            free = ((free + matched) | (free - matched)) & full
    return length - free.bit_count()
