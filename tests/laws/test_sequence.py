"""What a reader from nothing keeps to: packing changes nothing, a blind one sees nothing, and every way to show a room is a legal lesson."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cast_rooms import cast_data_set
from proxy3d.answers.scene_tokens import POSITIONS
from proxy3d.answers.sequence import BRIDGES, Packed, SequenceReader, SequenceSettings
from proxy3d.answers.words import SPECIAL, WordTokenizer, common_words
from proxy3d.errors import BadInput
from proxy3d.evaluation.headline_data import load_study
from proxy3d.evaluation.headline_variants import VARIANTS
from proxy3d.features.semantic import SEMANTIC
from proxy3d.proxies.clusterers import CLUSTERERS
from proxy3d.proxies.clusterers.soft_kmeans import SoftKMeans
from proxy3d.proxies.encoder import ProxyEncoder
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.training.loop import run_stage
from proxy3d.training.patches import patches_of_room, unseeing
from proxy3d.training.recipes import RECIPES
from proxy3d.training.representations import FRAMES, OBJECTS, PATCHES, Grouping, Looks, Representation, lessons
from proxy3d.training.sequence import STAGES, PackedSettings, SequenceObjective, StudyRoom, asked, go_on_from
from proxy3d.values import Semantics
from proxy3d.weights import load_weights, save_weights

OURS = Grouping()
ALL = {g for variant in VARIANTS.values() for g in variant.groupings()}
LEFT_OUT = {"soft_kmeans", "set_encoder"} | ({"density"} if importlib.util.find_spec("sklearn") is None else set())
EVERY = sorted(ALL | {Grouping(name) for name in CLUSTERERS if name not in LEFT_OUT}, key=lambda g: g.name)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequence")
    cast_data_set(folder / "rooms", {"train": 2, "val": 1, "test": 1})
    torch.manual_seed(0)
    encoder = ProxyEncoder(RECIPES["tiny"].encoder).eval()
    save_weights(folder / "weights.safetensors", encoder=encoder, clusterer=SoftKMeans(encoder.settings.out_dim), reader=None, facts={})
    return folder, load_study(folder / "rooms"), load_weights(str(folder / "weights.safetensors"))


@pytest.fixture(scope="module")
def looked(study):
    """Every grouping of one room, its patches and its questions."""
    folder, data, weights = study
    room = data.rooms["train"][0]
    patches = patches_of_room(folder / "rooms" / "train" / room.room_id, SEMANTIC["tiny"]())
    return room, patches, lessons(room, patches, weights, data.categories, sorted(ALL, key=lambda g: g.name)), data.records["train"][room.room_id]


def test_true_objects_are_the_same_whatever_encodes_the_pictures(study, looked):
    """An encoder with quarters of patches says what they look like; where things are comes from depth alone."""
    folder, data, weights = study
    room = data.rooms["train"][0]

    def noise(clip, grid):
        shapes = ((len(clip.frame), n * grid.h, n * grid.w, 3) for n in (1, 2))
        return Semantics(*(torch.randn(shape, generator=torch.Generator().manual_seed(1)) for shape in shapes))

    two = [patches_of_room(folder / "rooms" / "train" / room.room_id, encoder) for encoder in (noise, unseeing)]
    first, second = (lessons(room, patches, weights, data.categories, [Grouping(OBJECTS)])[Grouping(OBJECTS)] for patches in two)
    assert not torch.equal(two[0].feature, two[1].feature) and torch.equal(first.box, second.box) and torch.equal(first.made_of, second.made_of)
    assert all(torch.equal(value, getattr(second.numbers, name)) for name, value in first.numbers.__dict__.items())


def reader_for(study, grouping=OURS, **settings):
    _, data, weights = study
    sizes = {"layers": 4, "width": 32, "heads": 2, **settings}
    return SequenceReader(SequenceSettings(grouping.dim(weights, data.categories), data.words, data.categories, COLOURS, **sizes))


@pytest.mark.parametrize("bridge", BRIDGES)
def test_questions_packed_behind_one_scene_are_the_questions_one_by_one(study, looked, bridge):
    grouping = Grouping(OBJECTS) if bridge == "text" else Grouping()
    reader, lesson = reader_for(study, grouping, bridge=bridge), looked[2][grouping]
    for cross in reader.cross.values():
        torch.nn.init.constant_(cross.gate, 0.7)  # as if it had learned something
    rows = [asked(r, reader).wording.ids for r in looked[3][:5]]
    assert len({len(r) for r in rows}) > 1

    def gradients(groups):
        reader.zero_grad()
        heard = [reader.hear(reader.show(lesson.numbers), Packed.of(group)) for group in groups]
        both = torch.cat([torch.cat([h.found, h.last], 1) for h in heard])
        (both * torch.linspace(-1, 1, both.numel()).view(both.shape)).sum().backward()
        return both, {name: p.grad.clone() for name, p in reader.named_parameters() if p.grad is not None}

    (together, packed), (apart, alone) = gradients([rows]), gradients([[row] for row in rows])
    assert torch.allclose(together, apart, atol=1e-5)
    assert packed.keys() == alone.keys() and all(
        torch.allclose(packed[n], alone[n], rtol=1e-3, atol=1e-4 * float(1 + alone[n].abs().max())) for n in packed
    )
    assert any(n.startswith("scene." if bridge != "text" else "host.body.embed") for n in packed), "the scene takes part"


def test_answers_of_many_are_answers_of_one_and_a_scene_forgets_them(study, looked):
    reader, lesson = reader_for(study), looked[2][Grouping()]
    rows = [asked(r, reader).wording.ids for r in looked[3][:4]]
    shown = reader.show(lesson.numbers)
    many, again = reader.replies(shown, rows), reader.replies(shown, rows)
    for row, one, two in zip(rows, many, again, strict=True):
        alone = reader.replies(shown, [row])[0]
        assert (
            one.text == two.text == alone.text and torch.allclose(one.point, alone.point, atol=1e-5) and torch.allclose(one.box, alone.box, atol=1e-4)
        )


@pytest.mark.parametrize("bridge", BRIDGES)
def test_words_said_one_at_a_time_are_those_of_reading_everything_again(study, looked, bridge):
    grouping = Grouping(OBJECTS) if bridge == "text" else Grouping()
    reader, lesson = reader_for(study, grouping, bridge=bridge), looked[2][grouping]
    for cross in reader.cross.values():
        torch.nn.init.constant_(cross.gate, 0.7)
    rows, longest = [asked(r, reader).wording.ids for r in looked[3][:4]], 5
    reader.host.tokenizer.stop = again(reader, lesson, rows[0], longest)[2]  # so that one answer ends before the others
    slow = [again(reader, lesson, row, longest) for row in rows]
    assert len(slow[0]) <= 3 and any(len(words) > 1 for words in slow)
    shown = reader.show(lesson.numbers)
    packed = Packed.of(rows)
    with torch.no_grad():
        assert reader._speak(shown, packed, reader.hear(shown, packed), longest) == slow


def again(reader, lesson, question, longest):
    """The slow twin: for each word the scene, the question and all words so far are read anew."""
    said = []
    while len(said) < longest and reader.host.tokenizer.stop not in said:
        packed = Packed.of([question], [said])
        with torch.no_grad():
            said.append(int(reader.says(packed, reader.hear(reader.show(lesson.numbers), packed), packed.end).argmax()))
    return said


def test_a_blind_reader_cannot_tell_rooms_apart_and_a_seeing_one_can(study, looked):
    reader, lesson = reader_for(study), looked[2][Grouping()]
    other = replace(lesson.numbers, feature=lesson.numbers.feature.flip(1), place=lesson.numbers.place + 1, viewer=-lesson.numbers.viewer)
    row = [asked(looked[3][0], reader).wording.ids]

    def points(representation):
        return [reader.replies(reader.show(representation.hidden(n)), row)[0].point for n in (lesson.numbers, other)]

    assert torch.equal(*points(VARIANTS["blind"].representation)) and not torch.allclose(*points(VARIANTS["ours_32"].representation))


@pytest.mark.parametrize("position", POSITIONS)
def test_only_a_token_that_is_told_its_place_depends_on_it(study, looked, position):
    reader, numbers = reader_for(study, position=position), looked[2][Grouping()].numbers
    moved = replace(numbers, place=numbers.place + 1, xyz_room_m=numbers.xyz_room_m + 1)
    same = torch.allclose(reader.show(numbers).thing, reader.show(moved).thing, atol=1e-6)
    assert same == (position == "none")


@pytest.mark.parametrize("grouping", EVERY, ids=lambda g: g.name)
def test_every_way_to_show_a_room_is_a_legal_lesson(study, looked, grouping):
    _, data, weights = study
    room, patches, found, _ = looked
    lesson = found.get(grouping) or lessons(room, patches, weights, data.categories, [grouping])[grouping]
    count = len(lesson.numbers.feature)
    assert lesson.numbers.feature.shape[1] == grouping.dim(weights, data.categories) and lesson.numbers.place.shape == (count, 42)
    assert torch.allclose(lesson.made_of.sum(1), torch.ones(count)) and all(torch.isfinite(v).all() for v in lesson.numbers.__dict__.values())
    if grouping.by not in (PATCHES, FRAMES, OBJECTS) and grouping.proxies != "auto":
        assert count == min(int(grouping.proxies), len(patches.frame))
    if grouping.by != OBJECTS:
        assert torch.allclose(lesson.owned.sum(0)[torch.unique(patches.instance)], torch.ones(1)), "nothing of what is seen is lost"


def test_dense_is_one_token_for_each_whole_patch_in_the_order_of_the_clip(looked):
    _, patches, found, _ = looked
    lesson = found[Grouping(PATCHES)]
    quarters = 2 if patches.detail.shape[1] else 1
    places = {(int(t), int(r) // quarters, int(c) // quarters) for t, (r, c) in zip(patches.frame, patches.patch, strict=True)}
    assert len(lesson.numbers.feature) == len(places) > 100
    assert len(found[Grouping(FRAMES)].numbers.feature) == len(patches.frame.unique())


def test_words_are_whole_digits_are_single_and_rare_words_are_unknown():
    tokenizer = WordTokenizer(common_words(["is the cup 1.5 m away ?", "the cup"], at_least=1))
    ids = tokenizer.encode("Is the CUP 1.5 m from the zebra? <answer>")
    assert [tokenizer.words[i] for i in ids] == ["is", "the", "cup", "1", ".", "5", "m", "<unknown>", "the", "<unknown>", "?", "<answer>"]
    assert tokenizer.decode(tokenizer.encode("the cup") + [tokenizer.stop]) == "the cup" and tokenizer.decode(tokenizer.encode("1.5 m")) == "1.5 m"
    assert len(tokenizer.encode("a b  c")) == len(tokenizer.ends("a b  c")) and tokenizer.ends("a b  c")[-1] == 6 and tokenizer.words[0] == SPECIAL[0]
    assert common_words(["twice twice once"], at_least=2) == ("twice",)


@pytest.mark.slow
def test_a_stopped_training_is_the_same_training_and_learns(study, looked, tmp_path):
    folder, data, weights = study
    room, patches, _, records = looked
    drawn = tuple(Grouping(proxies=n) for n in ("4", "8"))
    looks = Looks(tmp_path / "looks")
    looks.make(room, patches, weights, data.categories, drawn)

    def objective():
        reader = reader_for(study, layers=2)
        rooms = [StudyRoom(room.room_id, [asked(r, reader) for r in records], torch.full((99,), -1))]
        return SequenceObjective(reader, rooms, Representation(drawn), looks.load, PackedSettings(rooms=1, questions=6, bf16=False), 3)

    stage = replace(STAGES[1], steps=6, warmup=1, lr=3e-3)
    whole, first, second = objective(), objective(), objective()
    before = float(whole.loss(0)[0].detach())
    run_stage(stage, whole, tmp_path / "whole", log=lambda line: None)
    run_stage(stage, first, tmp_path / "parts", stop_at_step=2, log=lambda line: None)
    run_stage(stage, second, tmp_path / "parts", log=lambda line: None)
    assert all(torch.equal(value, second.named_parameters()[name]) for name, value in whole.named_parameters().items())
    assert float(whole.loss(0)[0].detach()) < before


def test_a_reader_goes_on_from_what_another_has_learned_but_looks_with_its_own_eyes(study, looked, tmp_path):
    _, data, _ = study
    room, _, found, records = looked
    symbols, proxies = reader_for(study, Grouping(OBJECTS), layers=2), reader_for(study, layers=2)
    rooms = [StudyRoom(room.room_id, [asked(r, symbols) for r in records], torch.full((99,), -1))]
    objective = SequenceObjective(
        symbols, rooms, Representation((Grouping(OBJECTS),)), lambda name, grouping: found[grouping], PackedSettings(rooms=1, questions=4), 0
    )
    run_stage(replace(STAGES[1], steps=2, warmup=1), objective, tmp_path, log=lambda line: None)
    eyes = {name: p.clone() for name, p in proxies.named_parameters() if name.startswith("scene.")}
    go_on_from(proxies, tmp_path / "answers.safetensors")
    learned, now = dict(symbols.named_parameters()), dict(proxies.named_parameters())
    assert eyes and all(torch.equal(now[name], value) for name, value in eyes.items())
    assert all(torch.equal(now[name], learned[name]) for name in now if name not in eyes)

    def speaks(words):
        return SequenceReader(SequenceSettings(4, words, data.categories, COLOURS, layers=2, width=32, heads=2))

    more, fewer = speaks((*data.words, "zebra")), speaks(data.words[:-1])
    zebra = more.host.body.embed_tokens.weight[-1].clone()
    go_on_from(more, tmp_path / "answers.safetensors")
    spoken = more.host.body.embed_tokens.weight
    assert torch.equal(spoken[:-1], symbols.host.body.embed_tokens.weight) and torch.equal(spoken[-1], zebra)
    with pytest.raises(BadInput, match="more words"):
        go_on_from(fewer, tmp_path / "answers.safetensors")


@pytest.mark.parametrize(("by", "bridge"), [(OBJECTS, "text"), (OURS.by, "prefix")])
def test_true_objects_are_read_as_they_are_and_proxies_less_surely(study, looked, by, bridge):
    room, _, found, records = looked
    reader = reader_for(study, Grouping(by), bridge=bridge)
    rooms = [StudyRoom(room.room_id, [asked(r, reader) for r in records[:2]], torch.full((99,), -1))]

    def loss(blur):
        settings = PackedSettings(rooms=1, blur=blur, bf16=False, weight_names=0.0)
        objective = SequenceObjective(reader, rooms, Representation((Grouping(by),)), lambda _, grouping: found[grouping], settings, 3)
        return float(objective.loss(0)[0].detach())

    assert (loss(50.0) == loss(0.0)) == (by == OBJECTS)
