"""ROUGE-L of each item: the longest common run of words with gaps, against the best reference."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import count

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
    distinct, text = numbered(hypotheses, references)
    word, start = _words(distinct)
    items, length = len(hypotheses), np.diff(start)
    several = np.fromiter(map(len, references), np.int64, items)
    said, meant = np.repeat(text[:items], several), text[items:]
    common = _common(said, meant, word, start).astype(float)
    scores, some = np.zeros(items), several > 0
    if some.any():
        first = (np.cumsum(several) - several)[some]
        precision, recall = (np.maximum.reduceat(common / length[which], first) for which in (said, meant))
        under = recall + BETA**2 * precision
        scores[some] = np.divide((1 + BETA**2) * precision * recall, under, out=np.zeros_like(under), where=under > 0)
    return scores


def _words(distinct: Iterable[str]) -> tuple[Int[np.ndarray, "words"], Int[np.ndarray, "texts+1"]]:
    """All words of all texts as numbers, and where each text begins."""
    texts = list(distinct)
    words = " \n ".join(texts).split(" ")
    length = np.fromiter((text.count(" ") for text in texts), np.int64, len(texts)) + 1
    known = dict(zip(dict.fromkeys(words), count()))
    numbers = np.fromiter(map(known.__getitem__, words), np.int64, len(words))
    start = np.concatenate([[0], np.cumsum(length)])
    # One number of the join lies between two texts, whatever the texts hold.
    return np.delete(numbers, (start[1:-1] + np.arange(len(texts) - 1))) if texts else numbers[:0], start


def _common(said: np.ndarray, meant: np.ndarray, word: np.ndarray, start: np.ndarray) -> Int[np.ndarray, "pairs"]:
    """Length of the longest common run of each pair of texts; the table is only filled for pairs that share several words."""
    length, words = np.diff(start), int(word.max(initial=0)) + 1
    common = np.where(said == meant, length[meant], 0)
    other = np.flatnonzero(said != meant)
    if not len(other):
        return common
    held = np.sort(np.repeat(np.arange(len(length)), length) * words + word, kind="stable")
    pair, at = spread(start, meant[other])
    asked = said[other][pair] * words + word[at]
    shared = np.bincount(pair[held[np.minimum(np.searchsorted(held, asked), len(held) - 1)] == asked], minlength=len(other))
    common[other] = np.minimum(shared, 1)
    hard = other[(shared > 1) & (length[said[other]] > 1)]
    keys, which = np.unique(said[hard] * len(length) + meant[hard], return_inverse=True)
    all_words, places = word.tolist(), {}
    found = []
    for a, b in zip(*(half.tolist() for half in np.divmod(keys, len(length))), strict=True):
        where = places.get(b) or places.setdefault(b, positions(all_words[start[b] : start[b + 1]]))
        found.append(longest_common(all_words[start[a] : start[a + 1]], where, int(length[b])))
    common[hard] = np.array(found, np.int64)[which]
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
