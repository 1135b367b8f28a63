"""All scores of captions against references: BLEU-1 to 4, METEOR where it can run, ROUGE-L and CIDEr."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from proxy3d.evaluation.metrics.bleu import bleu
from proxy3d.evaluation.metrics.cider import cider
from proxy3d.evaluation.metrics.ngrams import Ngrams
from proxy3d.evaluation.metrics.rouge_l import rouge_l

NAMES = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr")
MeteorScorer = Callable[[Sequence[str], Sequence[Sequence[str]]], tuple[float, list[float]]]


def caption_scores(hypotheses: Sequence[str], references: Sequence[Sequence[str]], meteor: MeteorScorer | None = None) -> dict[str, float | None]:
    """Scores of a corpus on the raw scale (CIDEr 0..10, all others 0..1), by the names of the contract; texts are tokenised already."""
    if not hypotheses:
        return dict.fromkeys(NAMES)
    corpus = Ngrams.of(hypotheses, references)
    values = [*bleu(corpus).corpus, meteor(hypotheses, references)[0] if meteor else None]
    values += [rouge_l(hypotheses, references).mean(), cider(corpus).mean()]
    return {name: None if value is None else float(value) for name, value in zip(NAMES, values, strict=True)}


def item_scores(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], meteor: MeteorScorer | None = None
) -> Mapping[str, np.ndarray | None]:
    """The same for each item by itself, as arrays; CIDEr still weighs words by the whole corpus."""
    corpus = Ngrams.of(hypotheses, references)
    each = bleu(corpus).items
    found = {f"BLEU-{n + 1}": each[:, n] for n in range(4)}
    return {
        **found,
        "METEOR": np.array(meteor(hypotheses, references)[1]) if meteor and hypotheses else None,
        "ROUGE-L": rouge_l(hypotheses, references),
        "CIDEr": cider(corpus),
    }
