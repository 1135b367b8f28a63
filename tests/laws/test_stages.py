"""The small reader's stages: tokens carry names, questions about names have the answers that the boxes give, and one loop runs every curriculum."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cast_rooms import cast_data_set
from proxy3d.answers.sequence import IDENTIFIERS, Packed, SequenceReader
from proxy3d.evaluation.headline import Study, StudySettings, reader_settings, stages, trained
from proxy3d.evaluation.headline_data import load_study
from proxy3d.evaluation.headline_variants import VARIANTS
from proxy3d.features.semantic import SEMANTIC
from proxy3d.proxies.clusterers.soft_kmeans import SoftKMeans
from proxy3d.proxies.encoder import ProxyEncoder
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.tokens.identity import NAMELESS, NAMES, identities
from proxy3d.training.lessons import colour_words
from proxy3d.training.loop import run_stage
from proxy3d.training.made_questions import CHOICES, FITS, KINDS, MADE, made_records, named_objects, named_phrases, token_of
from proxy3d.training.patches import patches_of_room
from proxy3d.training.recipes import RECIPES
from proxy3d.training.representations import OBJECTS, Grouping, Looks
from proxy3d.training.sequence import PROXIES, STAGES, SYMBOLS, PackedSettings, SequenceObjective
from proxy3d.training.stages import BRIEF, CURRICULA, PAPER, RECORDS, TOKENS, timed
from proxy3d.weights import load_weights, save_weights

PAPERS = VARIANTS["paper_stages"]
SMALL = StudySettings(steps=3, questions=6, layers=2, width=16, heads=2)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Rooms, weights, and looks at them as the variant needs them."""
    folder = tmp_path_factory.mktemp("stages")
    cast_data_set(folder / "rooms", {"train": 2, "val": 1, "test": 1})
    torch.manual_seed(0)
    encoder = ProxyEncoder(RECIPES["tiny"].encoder).eval()
    save_weights(folder / "weights.safetensors", encoder=encoder, clusterer=SoftKMeans(encoder.settings.out_dim), reader=None, facts={})
    data, weights, looks = load_study(folder / "rooms"), load_weights(str(folder / "weights.safetensors")), Looks(folder / "looks")
    for room in data.rooms["train"]:
        patches = patches_of_room(folder / "rooms" / "train" / room.room_id, SEMANTIC["tiny"]())
        looks.make(room, patches, weights, data.categories, PAPERS.groupings())
    return data, weights, looks


@pytest.fixture(scope="module")
def reader(study):
    data, weights, _ = study
    return SequenceReader(reader_settings(PAPERS, weights, data, SMALL))


@pytest.fixture(scope="module")
def named(study):
    """The true objects of a room under names in a random order: the look, the names, the objects."""
    data, _, looks = study
    room = data.rooms["train"][0]
    lesson = looks.load(room.room_id, Grouping(OBJECTS))
    identity = identities(lesson.numbers.extent_m, torch.randperm(100, generator=torch.Generator().manual_seed(5)))
    return lesson, identity, named_objects(lesson, identity, colour_words(room), data.categories, COLOURS)


def objective_of(study, stage, reader, **changes):
    data, _, looks = study
    settings = stage.packed(replace(PackedSettings(rooms=1, questions=6, bf16=False), **changes))
    return SequenceObjective(reader, data.asked(reader, "train"), PAPERS.representation, looks.load, settings, 3)


def test_every_token_has_a_name_of_its_own_and_of_too_many_the_largest():
    extent = torch.linspace(0.1, 2, 130)[torch.randperm(130, generator=torch.Generator().manual_seed(0))][:, None].expand(-1, 3)
    identity = identities(extent)
    assert identity[identity != NAMELESS].tolist() == list(range(100)), "in order where nobody asks for another"
    assert extent[identity == NAMELESS, 0].max() < extent[identity != NAMELESS, 0].min()
    names = torch.randperm(100, generator=torch.Generator().manual_seed(1))
    assert identities(extent[:7], names).tolist() == names[:7].tolist() and NAMES[12] == "<OBJ012>"


@pytest.mark.parametrize("symbols", [True, False])
def test_a_name_is_added_to_its_own_token_and_to_nothing_else(study, reader, symbols):
    data, _, looks = study
    numbers = looks.load(data.rooms["train"][0].room_id, Grouping(OBJECTS) if symbols else Grouping()).numbers
    count = len(numbers.feature)
    identity = torch.randperm(100, generator=torch.Generator().manual_seed(2))[:count]
    identity[1] = NAMELESS
    (plain, things), (hidden, same) = reader.scene(numbers, symbols=symbols), reader.tokens(numbers, identity, symbols=symbols)
    added = (hidden - plain)[0]
    assert torch.equal(things, same) and len(hidden[0]) == 1 + count
    assert not added[0].any() and not added[2].any(), "neither the viewer nor the nameless"
    for token in (k for k in range(count) if k != 1):
        word = reader.host.tokenizer.encode(NAMES[identity[token]])
        assert len(word) == 1 and torch.allclose(added[1 + token], reader.host.embed(torch.tensor(word))[0], atol=1e-5)


def test_a_reader_without_names_has_no_parameters_for_them(study):
    data, weights, _ = study
    plain = SequenceReader(reader_settings(VARIANTS["hybrid_position"], weights, data, SMALL))
    assert plain.identifier is None and plain.scene.symbol is None and not set(IDENTIFIERS) & set(plain.host.tokenizer.words)
    more = {n: p.shape for n, p in SequenceReader(reader_settings(PAPERS, weights, data, SMALL)).named_parameters()}
    assert more.keys() - dict(plain.named_parameters()).keys() == {"scene.symbol.weight", "scene.symbol.bias"}
    with pytest.raises(ValueError, match="<obj000> to <obj099> among them"):
        replace(plain.settings, identifiers=True)


def test_every_word_of_a_made_question_is_known(reader, named):
    lesson, _, objects = named
    for record in made_records(KINDS, objects, Random(0), 200):
        assert reader.host.tokenizer.unknown not in reader.host.tokenizer.encode(record.question + " " + record.answer), record.question


def by_hand(lesson, identity):
    """Where everything is as the first camera sees it, worked out from boxes alone: name -> category id, right, ahead, up, height."""
    look = lesson.numbers.viewer[:2].double().numpy()
    heading = np.arctan2(look[1], look[0])
    found = {}
    for token, name in enumerate(identity.tolist()):
        thing = int(lesson.made_of[token].argmax())
        x, y, z, *_, height = lesson.box[thing].double().numpy()
        away, turn = np.hypot(x, y), heading - np.arctan2(y, x)
        found[NAMES[name]] = (int(lesson.category[thing]), away * np.sin(turn), away * np.cos(turn), z, height, thing)
    return found


def test_what_is_asked_of_names_is_answered_by_the_boxes(study, named):
    lesson, identity, objects = named
    data, truth = study[0], by_hand(lesson, identity)
    records = [r for seed in range(30) for r in made_records(KINDS, objects, Random(seed), 60)]
    seen = set()
    for record in records:
        names = re.findall(r"<OBJ\d{3}>", record.question)
        kind, *place, height, thing = truth[names[0]]
        assert record.targets == tuple(truth[name][-1] for name in names)
        seen.add(form := re.sub(r"<OBJ\d{3}>", "X", record.question))
        if form == "what is X?":
            assert record.answer == data.categories[kind]
        elif form == "what colour is X?":
            assert record.answer == next(o.colour for o in data.rooms["train"][0].objects if o.id == thing)
        elif form == "where is X?":
            said = [float(v) for v in record.answer.split(" ; ")]
            assert np.allclose(said, place, atol=0.051) and re.fullmatch(r"-?\d+\.\d( ; -?\d+\.\d){2}", record.answer) and "-0.0" not in record.answer
        else:
            _, *other, tall, _ = truth[names[1]]
            if form.startswith("how far"):
                assert float(record.answer.split()[0]) == pytest.approx(np.linalg.norm(np.subtract(place, other)), abs=0.006)
                continue
            value = {
                "left": (np.arctan2(other[0], other[1]), np.arctan2(place[0], place[1])),
                "right": (np.arctan2(place[0], place[1]), np.arctan2(other[0], other[1])),
                "nearer": (np.hypot(*other[:2]), np.hypot(*place[:2])),
                "further from": (np.hypot(*place[:2]), np.hypot(*other[:2])),
                "lower": (other[2], place[2]),
                "higher": (place[2], other[2]),
                "shorter": (tall, height),
                "taller": (height, tall),
            }[next(w for w in ("left", "right", "nearer", "further from", "lower", "higher", "shorter", "taller") if w in form)]
            assert record.answer == names[0 if value[0] > value[1] else 1] and record.choices == tuple(names), record
    assert len(seen) == 4 + 2 * len(CHOICES), "every form came up"


def test_other_names_make_another_answer_right_and_the_same_object_is_meant(study, named):
    lesson, identity, objects = named
    data = study[0]
    other = identity.roll(1)
    renamed = named_objects(lesson, other, colour_words(data.rooms["train"][0]), data.categories, COLOURS)
    assert [o.name for o in objects] != [o.name for o in renamed] and [o.id for o in objects] == [o.id for o in renamed]
    pairs = zip(made_records(["relations"], objects, Random(1), 40), made_records(["relations"], renamed, Random(1), 40), strict=True)
    choices = [(a, b) for a, b in pairs if a.answer_type == "choice"]
    for first, second in choices:
        assert first.targets == second.targets and first.answer != second.answer
        assert first.choices.index(first.answer) == second.choices.index(second.answer)
    places = {r.question: r.answer for r in made_records(["coordinates"], objects, Random(0), 99)}
    moved = {r.question: r.answer for r in made_records(["coordinates"], renamed, Random(0), 99)}
    assert choices and any(places[q] != moved[q] for q in places.keys() & moved.keys())


def test_a_phrase_is_answered_by_the_names_of_tokens_that_show_its_targets(study, reader):
    data, _, looks = study
    room = data.rooms["train"][0]
    lesson, records = looks.load(room.room_id, Grouping(OBJECTS)), data.records["train"][room.room_id]
    identity = identities(lesson.numbers.extent_m, torch.randperm(100, generator=torch.Generator().manual_seed(4)))
    phrases = [r for r in records if r.answer_type == "boxes" and r.targets]
    made = named_phrases(records, lesson, identity)
    assert made and len(made) <= len(phrases)
    asked = {FITS.format(phrase=r.question.rstrip(" .?!")): r for r in phrases}
    for record in made:
        numbers = [NAMES.index(name) for name in record.answer.split()]
        tokens = [int((identity == number).nonzero()) for number in numbers]
        assert {int(lesson.made_of[k].argmax()) for k in tokens} == set(asked[record.question].targets) and tokens == sorted(tokens)
    first, second = (int(lesson.made_of[k].argmax()) for k in (3, 1))
    both = replace(phrases[0], targets=(first, second), boxes=phrases[0].boxes[:1] * 2, answer="2", answers=("2",))
    assert named_phrases([both], lesson, identity)[0].answer == f"{NAMES[identity[1]]} {NAMES[identity[3]]}", "in the order of the scene"
    assert named_phrases(phrases, lesson, torch.full_like(identity, NAMELESS)) == []
    hidden = replace(lesson, made_of=lesson.made_of * 0, owned=lesson.owned * 0)
    assert token_of(hidden, phrases[0].targets[0]) is None and named_phrases(phrases, hidden, identity) == []


@pytest.mark.parametrize("stage", PAPER, ids=lambda s: s.stage.name)
def test_names_are_drawn_anew_in_every_step_and_again_in_the_same_step(study, reader, stage, monkeypatch):
    objective, drawn = objective_of(study, stage, reader), []
    show = reader.show

    def noted(numbers, identity, *, symbols):
        drawn.append((symbols, identity.tolist()))
        return show(numbers, identity, symbols=symbols)

    monkeypatch.setattr(reader, "show", noted)
    once, again, later = objective.loss(0), objective.loss(0), objective.loss(1)
    assert float(once[0].detach()) == float(again[0].detach()) and once[1] == again[1] != later[1]
    assert drawn[0] == drawn[1] != drawn[2] and drawn[0][0] == (stage.shows == SYMBOLS)
    assert ("name" in once[1]) == (TOKENS in stage.asks) and {"words", "point", "match"} <= once[1].keys()


def test_a_name_in_a_question_is_held_to_the_token_that_carries_it(study, reader, named):
    lesson, identity, objects = named
    questions = [objective_question(reader, record) for record in made_records(["relations"], objects, Random(0), 6)]
    packed = Packed.of([q.wording.ids for q in questions])
    number = {reader.host.tokenizer.index[word]: n for n, word in enumerate(IDENTIFIERS)}
    found = torch.full((len(packed.ids), len(identity)), -20.0)
    for place, word in enumerate(packed.ids.tolist()):
        if word in number:
            found[place, identity == number[word]] = 20.0
    objective = objective_of(study, PAPER[2], reader)
    right, wrong = (float(objective._match(found, packed, lesson, questions, i)) for i in (identity, identity.roll(1)))
    assert right < 1e-6 and wrong > 10


def test_a_name_in_a_question_is_taught_to_find_its_token(study, named):
    data, weights, _ = study
    lesson, identity, objects = named
    reader = SequenceReader(reader_settings(PAPERS, weights, data, replace(SMALL, width=32)))
    objective = objective_of(study, PAPER[1], reader)
    questions = [objective_question(reader, record) for record in made_records(["coordinates"], objects, Random(0), 6)]
    untaught = float(objective.room_loss(lesson, questions, torch.full((99,), -1), identity)["match"].detach())
    optimizer = torch.optim.Adam(reader.parameters(), lr=3e-3)
    for _ in range(25):
        loss = objective.room_loss(lesson, questions, torch.full((99,), -1), identity)["match"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    learnt = float(objective.room_loss(lesson, questions, torch.full((99,), -1), identity)["match"].detach())
    wrong = float(objective.room_loss(lesson, questions, torch.full((99,), -1), identity.roll(1))["match"].detach())
    assert learnt < 0.5 * untaught and learnt < 0.5 * wrong, "it reads names, and does not know tokens by heart"


def objective_question(reader, record):
    from proxy3d.training.sequence import asked

    return asked(record, reader)


def test_both_curricula_are_data_of_one_kind_and_take_as_many_steps():
    assert CURRICULA == {"brief": BRIEF, "paper": PAPER} and [s.stage for s in BRIEF] == list(STAGES)
    for curriculum in CURRICULA.values():
        assert sum(s.share for s in curriculum) == pytest.approx(1) and len({s.stage.name for s in curriculum}) == len(curriculum)
        assert all(s.shows in (PROXIES, SYMBOLS) and set(s.asks) <= {TOKENS, RECORDS, *MADE} and s.asks for s in curriculum)
        assert all(s.stage.steps >= 1 and s.stage.warmup <= s.stage.steps for s in timed(curriculum, 1))
    brief, paper = stages(1200), stages(1200, "paper")
    assert [s.stage.steps for s in brief] == [400, 1200] and [s.stage.steps for s in paper] == [160, 160, 320, 960]
    assert [s.shows for s in paper] == [SYMBOLS] * 3 + [PROXIES] and [s.asks for s in paper[:3]] == [(kind,) for kind in KINDS]


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3])
def test_a_stopped_stage_is_the_same_stage(study, tmp_path, number):
    data, weights, _ = study
    one = replace(PAPER[number], stage=replace(PAPER[number].stage, steps=4, warmup=1))

    def objective():
        return objective_of(study, one, SequenceReader(reader_settings(PAPERS, weights, data, SMALL)))

    whole, first, second = objective(), objective(), objective()
    run_stage(one.stage, whole, tmp_path / "whole", log=lambda line: None)
    run_stage(one.stage, first, tmp_path / "parts", stop_at_step=2, log=lambda line: None)
    run_stage(one.stage, second, tmp_path / "parts", log=lambda line: None)
    assert all(torch.equal(value, second.named_parameters()[name]) for name, value in whole.named_parameters().items())
    before = SequenceReader(reader_settings(PAPERS, weights, data, SMALL)).state_dict()
    moved = {name for name, value in whole.named_parameters().items() if not torch.equal(value, before[name])}
    assert ("scene.symbol.weight" in moved) == (one.shows == SYMBOLS) != ("scene.look.weight" in moved)


@pytest.mark.slow
def test_the_paper_s_four_stages_run_one_after_another(study, tmp_path):
    data, weights, looks = study
    reader, facts = trained("paper_stages", PAPERS, 0, Study(weights, data, looks, SMALL, tmp_path, tmp_path))
    assert {f.stem for f in (tmp_path / "paper_stages-0").glob("*.safetensors")} == {"names", "coordinates", "relations", "proxies"}
    assert facts["parameters"] == sum(p.numel() for p in reader.parameters()) and facts["loss"].keys() >= {"words", "name"}
    lesson = looks.load(data.rooms["train"][0].room_id, Grouping())
    (reply,) = reader.replies(reader.show(lesson.numbers), [reader.host.tokenizer.encode("where is <OBJ003>? <answer>")])
    assert reply.point.shape == (len(lesson.numbers.feature),)
