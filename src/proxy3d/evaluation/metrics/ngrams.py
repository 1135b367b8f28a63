"""Runs of one to four words in hypotheses and references, counted once for all scores that need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Float, Int

ORDERS = 4


@dataclass(frozen=True)
class Ngrams:
    """Counts of a corpus: rows are (sentence, n-gram) pairs that occur; N items, R references in all, G different n-grams.

    Sentences are numbered hypotheses first, then the references of item 0, of item 1, and so on.
    """

    items: int
    length: Int[np.ndarray, "sentences"]  # words
    item: Int[np.ndarray, "sentences"]
    order: Int[np.ndarray, "G"]  # words of the n-gram, less one
    sentence: Int[np.ndarray, "rows"]  # ascending
    gram: Int[np.ndarray, "rows"]
    count: Int[np.ndarray, "rows"]

    @classmethod
    def of(cls, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Ngrams:
        """Words are what stands between blanks; tokenise first."""
        distinct, text = numbered([*hypotheses, *chain.from_iterable(references)])
        # Split twice rather than keep thousands of lists: those would wake Python's garbage collector, which costs more than all the rest.
        known, first = numbered("\n".join(distinct).split())
        length = np.fromiter((len(sentence.split()) for sentence in distinct), np.int64, len(distinct))
        gram, order, rows = _grams(first, np.repeat(np.arange(len(distinct)), length), max(len(known), 1))
        keys, times = _counted(rows * max(len(order), 1) + gram)
        rows, gram = np.divmod(keys, max(len(order), 1))
        # Short answers repeat, so n-grams are counted once per text and copied to all the sentences that say it.
        start = np.searchsorted(rows, np.arange(len(distinct) + 1))
        sentence, at = spread(start[text], np.diff(start)[text])
        each = np.fromiter(map(len, references), np.int64, len(references))
        item = np.concatenate([np.arange(len(hypotheses)), np.repeat(np.arange(len(references)), each)])
        return cls(len(hypotheses), length[text], item, order, sentence, gram[at], times[at])

    @property
    def split(self) -> int:
        """The first row of a reference."""
        return int(np.searchsorted(self.sentence, self.items))

    def found_in_hypothesis(self) -> tuple[Int[np.ndarray, "reference_rows"], Int[np.ndarray, "reference_rows"]]:
        """For each row of a reference: how often its n-gram is in the item's hypothesis, and the row where (0 where it is not)."""
        split, grams = self.split, max(len(self.order), 1)
        said = self.sentence[:split] * grams + self.gram[:split]
        asked = self.item[self.sentence[split:]] * grams + self.gram[split:]
        if not len(said):
            return np.zeros(len(asked), np.int64), np.zeros(len(asked), np.int64)
        at = np.minimum(np.searchsorted(said, asked), len(said) - 1)
        return np.where(said[at] == asked, self.count[at], 0), at

    def item_grams(self) -> tuple[Int[np.ndarray, "pairs"], Int[np.ndarray, "pairs"], Int[np.ndarray, "reference_rows"]]:
        """Items and n-grams of the different pairs among all references, and for each row of a reference the pair it belongs to."""
        grams = max(len(self.order), 1)
        keys, pair = np.unique(self.item[self.sentence[self.split :]] * grams + self.gram[self.split :], return_inverse=True)
        return *np.divmod(keys, grams), pair


def numbered(things: Sequence[str]) -> tuple[dict[str, int], Int[np.ndarray, "n"]]:
    """The different ones, in the order in which they first come, and for each its number among them."""
    first: dict[str, int] = {}
    at = np.fromiter(map(first.setdefault, things, range(len(things))), np.int64, len(things))
    number = np.zeros(len(things), np.int64)
    number[np.fromiter(first.values(), np.int64, len(first))] = np.arange(len(first))
    return first, number[at]


def spread(start: Int[np.ndarray, "n"], size: Int[np.ndarray, "n"]) -> tuple[Int[np.ndarray, "rows"], Int[np.ndarray, "rows"]]:
    """`size` rows from `start` on, of several owners one after the other: whose each row is, and where it lies."""
    whose = np.repeat(np.arange(len(size)), size)
    return whose, np.arange(len(whose)) + (start - np.cumsum(size) + size)[whose]


def _counted(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As np.unique with counts; keys come in four rising runs nearly, which a stable sort is quick at."""
    keys = np.sort(keys, kind="stable")
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], np.diff(first, append=len(keys))


def _grams(first: np.ndarray, place: np.ndarray, words: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """N-grams of all orders as numbers from 0 on, the order of each number, and the sentences they stand in."""
    grams, orders, places = [first], [np.zeros(words if len(first) else 0, np.int64)], [place]
    start, code, total = np.arange(len(first)), first, words if len(first) else 0
    for order in range(1, ORDERS):
        inside = start + order < len(first)
        inside[inside] = place[start[inside] + order] == place[start[inside]]
        start = start[inside]
        # Numbers of one order stay below the number of words in the corpus, so a key never overflows.
        different, code = np.unique(code[inside] * words + first[start + order], return_inverse=True)
        grams.append(code + total)
        orders.append(np.full(len(different), order))
        places.append(place[start])
        total += len(different)
    return np.concatenate(grams), np.concatenate(orders), np.concatenate(places)


def by_item_and_order(corpus: Ngrams, item: Int[np.ndarray, "rows"], gram: Int[np.ndarray, "rows"], value: np.ndarray) -> Float[np.ndarray, "N 4"]:
    """Sums of values of rows, by what they are about and the order of their n-gram; `item` may number anything from 0 on."""
    count = int(item.max()) + 1 if len(item) else 0
    table = np.bincount(item * ORDERS + corpus.order[gram], weights=value, minlength=count * ORDERS) if count else np.zeros(0)
    return table.reshape(count, ORDERS)
