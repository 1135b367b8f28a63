"""ROUGE-L of each item: the longest common run of words with gaps, against the best reference."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import chain

import numpy as np
from jaxtyping import Float, Int

from proxy3d.evaluation.metrics.ngrams import numbered, spread

BETA = 1.2


def rouge_l(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Float[np.ndarray, "N"]:
    """A score of 0..1 for each item; the corpus has their mean. Words are what stands between single spaces.

    So two spaces in a row hold an empty word, which the COCO scorer counts (arXiv 1504.00325) and some peers' captions have.

    Raises:
        ValueError: not as many lists of references as hypotheses.
    """
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses and references of {len(references)} items")
    distinct, text = numbered([*hypotheses, *chain.from_iterable(references)])
    word, start, length = _words(list(distinct))
    items = len(hypotheses)
    several = np.fromiter(map(len, references), np.int64, items)
    said, meant = np.repeat(text[:items], several), text[items:]
    common = _common(said, meant, (word, start, length)).astype(float)
    scores, some = np.zeros(items), several > 0
    if some.any():
        first = (np.cumsum(several) - several)[some]
        precision, recall = (np.maximum.reduceat(common / length[which], first) for which in (said, meant))
        under = recall + BETA**2 * precision
        scores[some] = np.divide((1 + BETA**2) * precision * recall, under, out=np.zeros_like(under), where=under > 0)
    return scores


Words = tuple[Int[np.ndarray, "words"], Int[np.ndarray, "texts"], Int[np.ndarray, "texts"]]  # as numbers, and of each text its first and how many


def _words(texts: Sequence[str]) -> Words:
    """Words of all texts, each as the place where it first stands; between two texts stands one word that belongs to none."""
    words, first = " \n ".join(texts).split(" "), {}
    word = np.fromiter(map(first.setdefault, words, range(len(words))), np.int64, len(words))
    ends = np.append(np.flatnonzero(word == first.get("\n", -1)), len(word))
    if len(ends) > len(texts):  # a text holds a word that looks like the one between
        ends = np.cumsum(np.fromiter((text.count(" ") for text in texts), np.int64, len(texts)) + 2) - 1
    start = np.append(0, ends[:-1] + 1)
    return word, start, ends - start


def _common(said: Int[np.ndarray, "pairs"], meant: Int[np.ndarray, "pairs"], texts: Words) -> Int[np.ndarray, "pairs"]:
    """Length of the longest common run of each pair of texts; only pairs that share several words are gone through word by word."""
    word, start, length = texts
    common = np.where(said == meant, length[meant], 0)
    other = np.flatnonzero((said != meant) & ((length[said] > 1) | (length[meant] > 1)))  # two different single words share nothing
    if not len(other):
        return common
    base = len(word)
    whose, at = spread(start, length)
    held = np.sort(whose * base + word[at], kind="stable")
    pair, at = spread(start[meant[other]], length[meant[other]])
    asked = (said[other] * base)[pair] + word[at]
    shared = np.bincount(pair[held[np.minimum(np.searchsorted(held, asked), len(held) - 1)] == asked], minlength=len(other))
    common[other] = np.minimum(shared, 1)
    hard = other[(shared > 1) & (length[said[other]] > 1)]
    numbers, places = word.tolist() if len(hard) else [], {}
    for pair, a, b in zip(*(which.tolist() for which in (hard, said[hard], meant[hard])), strict=True):
        where = places.get(b) or places.setdefault(b, positions(numbers[start[b] : start[b] + length[b]]))
        common[pair] = longest_common(numbers[start[a] : start[a] + length[a]], where, int(length[b]))
    return common


def positions(words: Sequence[Hashable]) -> dict[Hashable, int]:
    """Each word with the places where it stands, as bits."""
    found: dict[Hashable, int] = {}
    for place, word in enumerate(words):
        found[word] = found.get(word, 0) | 1 << place
    return found


def longest_common(words: Sequence[Hashable], where: dict[Hashable, int], length: int) -> int:
    """Length of the longest common subsequence, all columns of the usual table at once as bits of one number (Hyyrö 2004)."""
    full = (1 << length) - 1
    free = full
    for word in words:
        mask = where.get(word)
        if mask:
            matched = free & mask
            free = ((free + matched) | (free - matched)) & full
    return length - free.bit_count()
