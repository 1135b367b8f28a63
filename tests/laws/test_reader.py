"""What the reader keeps to, whatever it has learned: gates, adapters, batches and memories change nothing they should not."""

from __future__ import annotations

import pytest
import torch

from proxy3d.answers.batch import LONGEST_ANSWER, answer_many, understand
from proxy3d.answers.language_models import LANGUAGE_MODELS
from proxy3d.answers.language_models.llama import merge_low_rank
from proxy3d.answers.model import ReaderSettings, SpatialReader
from proxy3d.answers.nouns import named_thing
from proxy3d.answers.offers import Offers
from proxy3d.answers.question import Wording, pad, padded_values, worded
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.pipeline import Pipeline
from proxy3d.presets import PRESETS
from proxy3d.tokens.project import SceneNumbers

QUESTIONS = ("Is there a table?", "How many?", "What is nearest to the red box, and how far is it?")


@pytest.fixture(scope="module")
def scene():
    return Pipeline(PRESETS["tiny"]).encode_clip(synthetic_clip()[0])


@pytest.fixture
def reader(scene):
    torch.manual_seed(1)
    made = SpatialReader(LANGUAGE_MODELS["tiny"](), ReaderSettings("tiny", proxy_dim=scene.proxies.feature.shape[1], categories=("box",))).eval()
    for gate in (made.offer_gate, *(cross.gate for cross in made.cross.values())):  # as if it had learned something
        torch.nn.init.constant_(gate, 0.7)
    return made


def spoken(reader, scene, question=QUESTIONS[2]):
    """Logits of the next word after the question."""
    numbers = SceneNumbers.of(scene)
    tokens = reader.namer(numbers)
    asked = worded(reader.host, question)
    ids, real = pad([asked.ids])
    words = reader.listen(ids, len(tokens))
    fused = reader.fuse(tokens, numbers, words, real, padded_values([asked], len(asked.ids)))
    hidden = reader.speak(words, fused, reader.show(tokens))
    return reader.next_word(hidden[0, -1], reader.offers(fused, [asked])[0].after(()))


def test_a_box_of_an_answer_is_called_what_the_question_calls_its_proxies():
    question, wording = "door or tables", Wording((1, 2, 3), (4, 7, 14), (0.0,) * 3)
    match = torch.tensor([[4.0, -4, -4, 2], [9, 9, 9, 9], [-4, 4, -4, 3]])  # what door, or, tables say to four proxies
    said = [named_thing(question, wording, match, ("door", "table"), proxies) for proxies in ((0,), (1,), (2,), (3,), (0, 1, 2), (1, 3))]
    assert said == ["door", "table", None, "table", None, "table"]
    assert named_thing("what is it", wording, match, ("door", "table"), (0,)) is None


@torch.no_grad()
def test_closed_gates_leave_the_language_model_as_it_was(reader, scene):
    opened = spoken(reader, scene)
    for gate in (reader.offer_gate, *(cross.gate for cross in reader.cross.values())):
        gate.zero_()
    closed = spoken(reader, scene)
    reader.cross = torch.nn.ModuleDict()
    reader.offers = lambda fused, questions: [Offers(torch.zeros(reader.host.config.vocab_size), ()) for _ in questions]
    assert torch.equal(closed, spoken(reader, scene)) and not torch.allclose(closed, opened)


@torch.no_grad()
def test_fresh_adapters_change_nothing_and_merged_ones_change_the_same(reader, scene):
    before = spoken(reader, scene)
    reader.adapt()
    assert torch.equal(before, spoken(reader, scene))
    for name, value in reader.host.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(value, std=0.05)
    moved = spoken(reader, scene)
    assert not torch.allclose(before, moved, atol=1e-3)
    merge_low_rank(reader.host)
    torch.testing.assert_close(spoken(reader, scene), moved, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def recomputed(reader, numbers, question):
    """The slow twin: one question, no memory of any word; everything is read again for each word of the answer."""
    understood, out = understand(reader, numbers, [question]), []
    (asked,), (offers,) = understood.asked, reader.offers(understood.fused, understood.asked)
    while len(out) < LONGEST_ANSWER:
        words = reader.listen(torch.tensor([[*asked.ids, *out]]), len(understood.tokens))
        hidden = reader.speak(words, understood.fused, reader.show(understood.tokens))
        best = int(reader.next_word(hidden[0, -1], offers.after(out)).argmax())
        if best == reader.host.tokenizer.stop:
            break
        out.append(best)
    return reader.host.tokenizer.decode(out).strip()


def test_many_at_once_answer_as_one_by_one(reader, scene):
    numbers = SceneNumbers.of(scene)
    reader.adapt()  # or it would say one letter all the time, whatever is asked
    for name, value in reader.host.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(value, std=0.5)
    together = answer_many(reader, numbers, QUESTIONS)
    assert list(together.text) == [recomputed(reader, numbers, question) for question in QUESTIONS]
    letters = {letter for text in together.text for letter in text if letter.isascii()}
    stop = max(letters, key=lambda letter: len({text.find(letter) for text in together.text}))
    reader.host.tokenizer.stop = ord(stop)  # now some are finished before others
    ragged = answer_many(reader, numbers, QUESTIONS).text
    assert len({len(text) for text in ragged}) > 1 and list(ragged) == [recomputed(reader, numbers, question) for question in QUESTIONS]
    for i, question in enumerate(QUESTIONS):
        alone = answer_many(reader, numbers, [question])
        assert alone.text[0] == ragged[i]
        torch.testing.assert_close(alone.point[0], together.point[i], atol=1e-4, rtol=1e-4)


def test_a_session_says_what_recomputing_everything_says_and_forgets_nothing(reader, scene):
    session = Pipeline(PRESETS["tiny"]).session(scene)
    session.__dict__["reader"] = reader
    wanted = [recomputed(reader, SceneNumbers.of(scene), question) for question in QUESTIONS]
    for _ in range(2):
        memories = [reader.recall(session.shown) for _ in QUESTIONS]
        heard = [session._fused(q, memory) for q, memory in zip(QUESTIONS, memories, strict=True)]
        said = [session._decode(*pair, memory) for pair, memory in zip(heard, memories, strict=True)]
        got = [reader.host.tokenizer.decode(ids).strip() for ids in said]
        assert got == wanted


@torch.no_grad()
def test_the_order_of_proxies_does_not_change_what_is_pointed_at(reader, scene):
    numbers = SceneNumbers.of(scene)
    order = torch.randperm(len(numbers.feature), generator=torch.Generator().manual_seed(0))
    mixed = SceneNumbers(numbers.feature[order], numbers.place[order], numbers.xyz_room_m[order], numbers.viewer)
    silent = [False] * len(QUESTIONS)
    straight, shuffled = (answer_many(reader, n, QUESTIONS, speak=silent) for n in (numbers, mixed))
    torch.testing.assert_close(straight.point[:, order], shuffled.point, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(straight.box[:, order], shuffled.box, atol=1e-4, rtol=1e-4)
