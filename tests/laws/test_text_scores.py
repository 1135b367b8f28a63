"""What holds for every score of text, whatever the words are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy3d.evaluation.metrics import matching
from proxy3d.evaluation.metrics.bleu import bleu
from proxy3d.evaluation.metrics.captions import caption_scores, item_scores
from proxy3d.evaluation.metrics.corner_boxes import corner_iou, generalised_iou
from proxy3d.evaluation.metrics.matching import clean_answer, unmarked, wrapped
from proxy3d.evaluation.metrics.ngrams import Ngrams
from proxy3d.evaluation.metrics.poses import turn_apart
from proxy3d.evaluation.metrics.ptb import ptb

sentence = st.lists(st.sampled_from("a b c d e the of".split()), max_size=9).map(" ".join)
corpus = st.lists(st.tuples(sentence, st.lists(sentence, min_size=1, max_size=3)), min_size=1, max_size=7)
RULES = [getattr(matching, name) for name in ("raw", "cleaned", "leo", "llava3d", "chatscene", "chatscene_raw", "mmscan", "lenient")]
few = settings(max_examples=25, deadline=None)


def taken_apart(rows):
    return [said for said, _ in rows], [references for _, references in rows]


@few
@given(corpus)
def test_scores_stay_within_their_bounds(rows):
    found = caption_scores(*taken_apart(rows))
    assert found.pop("METEOR") is None
    assert 0 <= found.pop("CIDEr") <= 10 + 1e-9
    assert all(0 <= value <= 1 + 1e-9 for value in found.values())


@few
@given(corpus, st.randoms(use_true_random=False))
def test_neither_the_order_of_items_nor_that_of_references_matters(rows, random):
    mixed = [(said, random.sample(references, len(references))) for said, references in random.sample(rows, len(rows))]
    a, b = caption_scores(*taken_apart(rows)), caption_scores(*taken_apart(mixed))
    assert all(a[name] == b[name] or a[name] == pytest.approx(b[name], abs=1e-12) for name in a)


@few
@given(st.lists(st.tuples(sentence, sentence), min_size=1, max_size=6))
def test_saying_the_reference_is_best(rows):
    references = [[reference] for _, reference in rows]
    best = item_scores([reference for _, reference in rows], references)
    other = item_scores([said for said, _ in rows], references)
    for name in ("BLEU-1", "ROUGE-L", "CIDEr"):
        # An empty hypothesis has no n-gram to be wrong about: BLEU's small constants then give 1e-6, not 1.
        worded = np.array([bool(reference) for _, reference in rows])
        assert (best[name] >= other[name] - 1e-9)[worded].all(), name


@few
@given(st.lists(sentence.filter(lambda text: len(text.split()) >= 4), min_size=1, max_size=5))
def test_saying_long_references_is_perfect(texts):
    found = caption_scores(texts, [[text] for text in texts])
    assert [found[name] for name in ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L")] == pytest.approx([1] * 5, abs=1e-6)


@few
@given(corpus)
def test_an_item_scored_alone_has_the_bleu_it_has_in_the_corpus(rows):
    said, references = taken_apart(rows)
    each = bleu(Ngrams.of(said, references)).items
    alone = np.array([bleu(Ngrams.of([s], [r])).corpus for s, r in rows])
    np.testing.assert_allclose(each, alone, rtol=1e-9, atol=1e-300)


@few
@given(corpus)
def test_a_corpus_of_one_item_has_no_cider(rows):
    assert caption_scores(*taken_apart(rows[:1]))["CIDEr"] == 0


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_no_text_upsets_a_rule_and_exact_means_refined(said, references):
    for rule in RULES:
        exact, refined = rule(said, references)
        assert refined is None or refined >= exact
        if rule is not matching.raw:
            continue
        assert exact == (said in references)
    assert not matching.chatscene("", references)[0]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(".,;:!?'`-/()\" ")), max_size=40))
def test_words_are_clean_and_case_does_not_matter(text):
    words = ptb(text)
    assert words == " ".join(words.split()) and '"' not in words
    assert not text.isascii() or ptb(text.upper()) == words
    clean_answer(text), wrapped(text), unmarked(text, 256)


@pytest.mark.parametrize("mark", list(".,'!?-/(\"`;:") + ["''", "'s", "a.", "a/", "n't"])
def test_long_nonsense_takes_no_time(mark):
    assert len(ptb(mark * 20_000)) < 200_000
    clean_answer(mark * 20_000)


corner = st.tuples(*[st.floats(-5, 5)] * 3)
box = st.tuples(corner, st.tuples(*[st.floats(0.1, 3)] * 3)).map(lambda b: (b[0], tuple(c + s for c, s in zip(*b, strict=True))))


@few
@given(box, box, corner)
def test_overlap_is_symmetric_moves_along_and_is_whole_only_with_itself(a, b, shift):
    def moved(box):
        return [[c + s for c, s in zip(edge, shift, strict=True)] for edge in box]

    iou, generalised = corner_iou([a], [b])[0, 0], generalised_iou([a], [b])[0, 0]
    assert iou == corner_iou([b], [a])[0, 0] == pytest.approx(corner_iou([moved(a)], [moved(b)])[0, 0], abs=1e-9)
    assert 0 <= iou <= 1 and -1 <= generalised <= iou + 1e-12
    assert corner_iou([a], [a])[0, 0] == pytest.approx(1) and generalised_iou([a], [a])[0, 0] == pytest.approx(1)


@few
@given(st.floats(-3, 3), st.floats(-3, 3), st.sampled_from([1, -1, 5]))
def test_turns_differ_by_the_angle_between_them_whatever_the_quaternions_length(a, b, scale):
    def about_z(angle, by=1):
        return (0.0, 0.0, by * np.sin(angle / 2), by * np.cos(angle / 2))

    apart = abs(np.degrees(a - b)) % 360
    assert turn_apart(about_z(a), about_z(b, scale)) == pytest.approx(min(apart, 360 - apart), abs=1e-6)
