"""The fast scores equal slow ones written straight from their definitions, and the public scorers where those are installed."""

from __future__ import annotations

import math
import random
import warnings
from collections import Counter

import numpy as np
import pytest

from proxy3d.evaluation.metrics.captions import caption_scores, item_scores
from proxy3d.evaluation.metrics.meteor import Meteor
from proxy3d.evaluation.metrics.rouge_l import longest_common, positions, rouge_l

WORDS = "the a chair table is on left of brown to in front window door next".split()


def random_corpus(seed: int, items: int = 40, *, shortest: int = 0, most: int = 3) -> tuple[list[str], list[list[str]]]:
    rng = random.Random(seed)

    def sentence(least):
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, 12)))

    references = [[sentence(max(shortest, 1)) for _ in range(rng.randint(1, most))] for _ in range(items)]
    said = []
    for own in references:
        words = rng.choice(own).split()
        kept = [w for w in words if rng.random() < 0.8] + ([rng.choice(WORDS)] if rng.random() < 0.5 else [])
        said.append(" ".join(kept) if len(kept) >= shortest else sentence(shortest))
    return said, references


def grams(text: str, n: int) -> Counter:
    words = text.split()
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def slow_bleu(said, references) -> list[float]:
    hits, guesses, length, closest = [0] * 4, [0] * 4, 0, 0
    for hypothesis, several in zip(said, references, strict=True):
        own = len(hypothesis.split())
        length += own
        closest += min((len(r.split()) for r in several), key=lambda r: (abs(r - own), r))
        for n in range(4):
            most = Counter()
            for reference in several:
                most |= grams(reference, n + 1)
            hits[n] += sum((grams(hypothesis, n + 1) & most).values())
            guesses[n] += max(own - n, 0)
    ratio = (length + 1e-15) / (closest + 1e-9)
    product, scores = 1.0, []
    for n in range(4):
        product *= (hits[n] + 1e-15) / (guesses[n] + 1e-9)
        scores.append(product ** (1 / (n + 1)) * (math.exp(1 - 1 / ratio) if ratio < 1 else 1))
    return scores


def slow_cider(said, references) -> list[float]:
    frequency = Counter()
    for several in references:
        frequency.update({g for reference in several for n in range(4) for g in grams(reference, n + 1)})

    def weighed(text, n):
        return {g: count * (math.log(len(said)) - math.log(max(1, frequency[g]))) for g, count in grams(text, n).items()}

    scores = []
    for hypothesis, several in zip(said, references, strict=True):
        total = 0.0
        for reference in several:
            apart = max(len(hypothesis.split()) - 1, 0) - max(len(reference.split()) - 1, 0)
            for n in range(1, 5):
                h, r = weighed(hypothesis, n), weighed(reference, n)
                dot = sum(min(value, r[g]) * r[g] for g, value in h.items() if g in r)
                norms = math.sqrt(sum(v * v for v in h.values())) * math.sqrt(sum(v * v for v in r.values()))
                total += (dot / norms if norms else dot) * math.exp(-(apart**2) / 72)
        scores.append(10 * total / 4 / len(several))
    return scores


def slow_common(a: list[str], b: list[str]) -> int:
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


@pytest.mark.parametrize("seed", range(8))
def test_fast_scores_equal_slow_ones(seed):
    said, references = random_corpus(seed, items=1 + seed * 6)
    found, each = caption_scores(said, references), item_scores(said, references)
    assert [found[f"BLEU-{n}"] for n in (1, 2, 3, 4)] == pytest.approx(slow_bleu(said, references), rel=1e-9)
    np.testing.assert_allclose(each["CIDEr"], slow_cider(said, references), rtol=1e-9, atol=1e-12)
    assert found["CIDEr"] == pytest.approx(np.mean(each["CIDEr"]))


@pytest.mark.parametrize("seed", range(20))
def test_the_longest_common_run_equals_the_table_of_everybody(seed):
    rng = random.Random(seed)
    a, b = ([rng.choice(WORDS[:5]) for _ in range(rng.randint(1, 90))] for _ in range(2))
    assert longest_common(a, positions(b), len(b)) == slow_common(a, b) == longest_common(b, positions(a), len(a))


def slow_rouge(said: str, several: list[str]) -> float:
    runs = [(slow_common(said.split(" "), r.split(" ")), r.split(" ")) for r in several]
    precision, recall = max(n / len(said.split(" ")) for n, _ in runs), max(n / len(words) for n, words in runs)
    return (1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision) if precision and recall else 0.0


@pytest.mark.parametrize("seed", range(8))
def test_rouge_equals_the_slow_one_whatever_stands_between_spaces(seed):
    """Empty texts, spaces in a row, and words that are line breaks, which the fast one uses itself."""
    rng, words = random.Random(seed), ["", "a", "b", "\n", "chair", "x\ny", "\t"]
    texts = [[" ".join(rng.choice(words) for _ in range(rng.randint(0, 7))) for _ in range(rng.randint(2, 5))] for _ in range(60)]
    said, references = [own[0] for own in texts], [own[1:] for own in texts]
    assert rouge_l(said, references).tolist() == [slow_rouge(*pair) for pair in zip(said, references, strict=True)]
    assert rouge_l([], []).tolist() == [] and rouge_l(["a", "b"], [[], ["b"]]).tolist() == [0, 1]
    with pytest.raises(ValueError, match="1 hypotheses"):
        rouge_l(["a"], [])


@pytest.mark.parametrize("seed", range(4))
def test_scores_equal_those_of_pycocoevalcap(seed):
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu", reason="pycocoevalcap is not installed: pip install pycocoevalcap")
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    said, references = random_corpus(100 + seed, items=200)
    truth, mine = dict(enumerate(references)), {n: [text] for n, text in enumerate(said)}
    found, each = caption_scores(said, references), item_scores(said, references)
    theirs, their_items = bleu.Bleu(4).compute_score(truth, mine, verbose=0)
    assert [found[f"BLEU-{n}"] for n in (1, 2, 3, 4)] == pytest.approx(theirs, abs=1e-9)
    for n in range(4):
        np.testing.assert_allclose(each[f"BLEU-{n + 1}"], their_items[n], atol=1e-9)
    for scorer, name in ((Cider(), "CIDEr"), (Rouge(), "ROUGE-L")):
        score, items = scorer.compute_score(truth, mine)
        assert found[name] == pytest.approx(score, abs=1e-9)
        np.testing.assert_allclose(each[name], items, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_bleu_and_the_parts_of_rouge_equal_torchmetrics(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = pytest.importorskip("torchmetrics.functional.text", reason="torchmetrics is not installed: pip install torchmetrics")
    # One reference each: torchmetrics breaks ties between closest lengths in its own way, and takes one reference for both parts of ROUGE.
    said, references = random_corpus(200 + seed, items=60, shortest=4, most=1)
    found, each = caption_scores(said, references), item_scores(said, references)
    for n in (1, 2, 3, 4):
        assert found[f"BLEU-{n}"] == pytest.approx(float(text.bleu_score(said, references, n_gram=n)), abs=1e-6)
    for number in range(0, 60, 12):
        parts = text.rouge_score(said[number], references[number][0], rouge_keys="rougeL", tokenizer=lambda t: t.split(" "), normalizer=lambda t: t)
        p, r = float(parts["rougeL_precision"]), float(parts["rougeL_recall"])
        assert each["ROUGE-L"][number] == pytest.approx((1 + 1.2**2) * p * r / (r + 1.2**2 * p) if p and r else 0.0, abs=1e-6)


# Hypotheses, references, and what METEOR 1.5 makes of the corpus.
METEOR = (["brown", "to the left"], [["brown", "dark brown"], ["on the left", "left"]], 0.453561)


@pytest.mark.slow
def test_meteor_runs_where_java_and_its_program_are():
    package = pytest.importorskip("pycocoevalcap", reason="pycocoevalcap, which brings METEOR's program, is not installed")
    import shutil
    from pathlib import Path

    if shutil.which("java") is None:
        pytest.skip("no Java: METEOR is then reported as absent")
    meteor = Meteor(Path(next(iter(package.__path__))) / "meteor" / "meteor-1.5.jar")
    said, references, corpus = METEOR
    assert caption_scores(said, references, meteor)["METEOR"] == pytest.approx(corpus, abs=6e-7)


def test_without_its_program_meteor_is_absent_and_says_what_it_needs(tmp_path):
    from proxy3d.errors import BadInput

    with pytest.raises(BadInput, match="meteor-1.5.jar"):
        Meteor(tmp_path / "meteor-1.5.jar")
    (tmp_path / "meteor-1.5.jar").write_bytes(b"")
    with pytest.raises(BadInput, match="needs Java"):
        Meteor(tmp_path / "meteor-1.5.jar", java="no-such-java")
    assert caption_scores(["a"], [["a"]])["METEOR"] is None
