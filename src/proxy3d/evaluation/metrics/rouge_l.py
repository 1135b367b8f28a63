"""ROUGE-L of each item: the longest common run of words with gaps, against the best reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

BETA = 1.2


def rouge_l(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Float[np.ndarray, "N"]:
    """A score of 0..1 for each item; the corpus has their mean. Words are what stands between single spaces.

    So two spaces in a row hold an empty word, which the COCO scorer counts (arXiv 1504.00325) and some peers' captions have.
    """
    split: dict[str, list[str]] = {}
    masks: dict[str, dict[str, int]] = {}
    known: dict[tuple[str, str], float] = {}
    scores = np.zeros(len(hypotheses))
    for number, (said, several) in enumerate(zip(hypotheses, references, strict=True)):
        words = split.setdefault(said, said.split(" "))
        precision = recall = 0.0
        for reference in several:
            common = known.get((said, reference))
            meant = split.get(reference) or split.setdefault(reference, reference.split(" "))
            if common is None:
                where = masks.get(reference)
                if where is None:
                    where = masks[reference] = positions(meant)
                common = known[said, reference] = longest_common(words, where, len(meant))
            precision, recall = max(precision, common / len(words)), max(recall, common / len(meant))
        if precision and recall:
            scores[number] = (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)
    return scores


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
