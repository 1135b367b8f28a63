"""CIDEr of a corpus: how much a caption says that few others say, with clipping and a penalty for length."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from proxy3d.evaluation.metrics.ngrams import ORDERS, Ngrams, by_item_and_order

SIGMA = 6.0


def cider(corpus: Ngrams) -> Float[np.ndarray, "N"]:
    """A score of 0..10 for each item; the corpus has their mean.

    The plain CIDEr-D of the COCO scorers (Vedantam et al. 2015, arXiv 1411.5726). It depends on the whole corpus: one item alone scores
    0, a perfect answer of one word at most 2.5, and the score of a subset cannot be compared with that of the whole.
    """
    split, items = corpus.split, corpus.items
    references = len(corpus.length) - items
    if not items or not references:
        return np.zeros(items)
    _, seen, _ = corpus.item_grams()
    frequency = np.bincount(seen, minlength=len(corpus.order))
    rarity = np.log(items) - np.log(np.maximum(frequency, 1.0))
    weight = corpus.count * rarity[corpus.gram]
    said, meant = weight[:split], weight[split:]
    times, at = corpus.found_in_hypothesis()
    in_both = times > 0
    shared = np.zeros(len(meant))
    shared[in_both] = np.minimum(said[at[in_both]], meant[in_both]) * meant[in_both]
    reference, gram = corpus.sentence[split:] - items, corpus.gram[split:]
    dot = _padded(by_item_and_order(corpus, reference, gram, shared), references)
    norm = np.sqrt(_padded(by_item_and_order(corpus, reference, gram, meant**2), references))
    own = np.sqrt(_padded(by_item_and_order(corpus, corpus.sentence[:split], corpus.gram[:split], said**2), items))
    item = corpus.item[items:]
    both = norm * own[item]
    similar = np.divide(dot, both, out=dot.copy(), where=both > 0)
    pairs_of_words = np.maximum(corpus.length - 1, 0)  # the scorers measure length in pairs of words
    apart = pairs_of_words[item] - pairs_of_words[items:]
    each = similar.mean(1) * np.exp(-(apart**2) / (2 * SIGMA**2))
    several = np.bincount(item, minlength=items)
    return 10 * np.bincount(item, weights=each, minlength=items) / np.maximum(several, 1)


def _padded(table: np.ndarray, rows: int) -> np.ndarray:
    """Rows without any n-gram at the end are zeros."""
    return np.concatenate([table, np.zeros((rows - len(table), ORDERS))])
