"""BLEU-1 to BLEU-4 of a corpus and of each item, as the COCO caption scorers work it out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from proxy3d.evaluation.metrics.ngrams import ORDERS, Ngrams

TINY, SMALL = 1e-15, 1e-9  # keep a corpus without any hit from 0/0; they are part of the published numbers


@dataclass(frozen=True)
class Bleu:
    """BLEU-1..4, 0..1: of the whole corpus, and of each item by itself. The first is not the mean of the second."""

    corpus: Float[np.ndarray, "4"]
    items: Float[np.ndarray, "N 4"]


def bleu(corpus: Ngrams) -> Bleu:
    """Clipped matches over guesses, geometric mean, brevity penalty against the closest reference, the shorter of two as close.

    After Papineni et al. 2002, with the two small constants of the COCO scorer (arXiv 1504.00325).
    """
    split = corpus.split
    hits = np.zeros((corpus.items, ORDERS))
    in_hypothesis, at = corpus.found_in_hypothesis()
    if len(at):
        most = np.zeros(split, np.int64)  # of each n-gram of a hypothesis: its highest count in one reference
        np.maximum.at(most, at[in_hypothesis > 0], corpus.count[split:][in_hypothesis > 0])
        clipped = np.minimum(corpus.count[:split], most)
        keys = corpus.sentence[:split] * ORDERS + corpus.order[corpus.gram[:split]]
        hits = np.bincount(keys, weights=clipped, minlength=corpus.items * ORDERS).reshape(corpus.items, ORDERS)
    said = corpus.length[: corpus.items]
    guesses = np.maximum(said[:, None] - np.arange(ORDERS), 0)
    closest = _closest(corpus)
    whole = _scores(hits.sum(0)[None], guesses.sum(0)[None], said.sum(keepdims=True), closest.sum(keepdims=True))
    return Bleu(whole[0], _scores(hits, guesses, said, closest))


def _closest(corpus: Ngrams) -> np.ndarray:
    """Length of the reference nearest to the hypothesis in length."""
    length, item = corpus.length[corpus.items :], corpus.item[corpus.items :]
    order = np.lexsort((length, np.abs(length - corpus.length[item]), item))
    closest = np.zeros(corpus.items, np.int64)
    first = np.unique(item[order], return_index=True)
    closest[first[0]] = length[order][first[1]]
    return closest


def _scores(hits: np.ndarray, guesses: np.ndarray, said: np.ndarray, closest: np.ndarray) -> np.ndarray:
    product = np.cumprod((hits + TINY) / (guesses + SMALL), axis=1)
    ratio = (said + TINY) / (closest + SMALL)
    penalty = np.where(ratio < 1, np.exp(1 - 1 / np.minimum(ratio, 1)), 1.0)
    return product ** (1 / np.arange(1, ORDERS + 1)) * penalty[:, None]
