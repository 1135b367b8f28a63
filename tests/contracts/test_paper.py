"""The paper's reader, over tiny language models of random weights: what stands where in the sequence, names, answers, and bad input."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from capture_writers import seven_scenes
from cli_world import typed, untrained_weights

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from proxy3d import scene_file
from proxy3d.answers.language_models import PUBLISHED
from proxy3d.answers.language_models.causal import CausalHost
from proxy3d.answers.language_models.published import LanguageSizes
from proxy3d.answers.paper import PaperReader, PaperSettings, symbols_of
from proxy3d.answers.paper_session import PaperSession
from proxy3d.answers.question import FITS
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.paper_weights import save_paper
from proxy3d.pipeline import Pipeline, by_hash
from proxy3d.presets import preset, published
from proxy3d.proxies.order import breadth_first
from proxy3d.tokens.identity import NAMELESS, NAMES, identities
from proxy3d.tokens.project import SceneNumbers
from proxy3d.weights import load_learned, load_weights
from tiny_language import LANGUAGES, WIDTH, WORDS, byte_tokenizer, capped, causal, qwen2_5_vl, qwen3_vl, save_language

PUT = 3.0  # metres; scenes of these tests are no larger


def scene_numbers(count: int = 9, dim: int = WIDTH, seed: int = 0) -> SceneNumbers:
    made = torch.Generator().manual_seed(seed)
    feature, xyz = torch.randn(count, dim, generator=made), torch.rand(count, 3, generator=made) * PUT
    return SceneNumbers(feature, torch.randn(count, 42, generator=made), xyz, torch.tensor([0.6, 0.8, 0.0, 1.5]))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of each kind of language model."""
    return {name: save_language(build, tmp_path_factory.mktemp(name)) for name, build in LANGUAGES.items()}


def reader_of(folders, kind: str, *, dim: int = WIDTH, **settings) -> PaperReader:
    host = PUBLISHED[kind](folders[kind])
    return PaperReader(host, PaperSettings(kind, host.hash, dim, "tiny sha256:seeded", **settings), seed=1).eval()


@pytest.fixture(scope="module")
def world(folders, tmp_path_factory):
    """A capture, the parts that every line below names, and a reader that nobody trained."""
    folder = tmp_path_factory.mktemp("paper")
    (folder / "room").mkdir()
    seven_scenes(synthetic_clip(seed=0, frames=4, size_px=(64, 48))[0], folder / "room")
    parts = f"--preset paper_700 --semantic qwen_vl:{folders['qwen2_5_vl']} --geometric tiny --masks tiny"
    chosen = preset("paper_700", semantic=f"qwen_vl:{folders['qwen2_5_vl']}", geometric="tiny", masks="tiny")
    reader = reader_of(folders, "qwen2_5_vl")
    eyes = by_hash(chosen.semantic, Pipeline(chosen).semantic)
    reader.settings = replace(reader.settings, semantic=eyes)
    save_paper(folder / "reader.safetensors", reader, {"run": {}})
    answers = f"--language-model qwen2_5_vl:{folders['qwen2_5_vl']} --weights {folder}/reader.safetensors"
    return folder, parts, answers


@pytest.fixture(scope="module")
def scene(world):
    """What paper_700 makes of the capture."""
    from proxy3d.cli import main

    folder, parts, _ = world
    assert main(f"encode {folder}/room -o {folder}/room.p3d --form float32 {parts}".split()) == 0
    return scene_file.load(folder / "room.p3d")


# ---- from end to end ----


def by_hand(scene, reader) -> np.ndarray:
    """method.md 3.7 and 3.8 for each proxy of a scene, in NumPy and in double precision: turned by height, moved by place, named."""
    room = scene.room_from_world.double().numpy()
    camera = scene.world_from_camera[int(scene.time_s.argmin())].double().numpy()
    look = (room[:3, :3] @ camera[:3, 2])[:2]
    ahead = look / np.linalg.norm(look) if np.linalg.norm(look) >= 0.2 else np.array([0.0, 1.0])
    place = scene.proxies.xyz_world_m.double().numpy() @ room[:3, :3].T + room[:3, 3]
    floor = np.stack([place[:, 0] * ahead[1] - place[:, 1] * ahead[0], place[:, 0] * ahead[0] + place[:, 1] * ahead[1]], 1)
    weight = {name: p.detach().double().numpy() for name, p in reader.position.named_parameters()}
    half = WIDTH // 2
    turned = np.empty((len(place), WIDTH))
    for k, z in enumerate(scene.proxies.feature.double().numpy()):
        for i in range(half):
            angle = place[k, 2] * np.pi * 100.0 ** (-2 * i / WIDTH)
            turned[k, [i, half + i]] = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ z[[i, half + i]]
    phase = 2 * np.pi * floor @ weight["wave"].T
    hidden = np.concatenate([np.cos(phase), np.sin(phase)], 1) @ weight["floor.0.weight"].T + weight["floor.0.bias"]
    hidden = torch.nn.functional.gelu(torch.from_numpy(hidden)).numpy()
    found = turned + hidden @ weight["floor.2.weight"].T + weight["floor.2.bias"]
    size = (scene.proxies.extent_m.double().square().numpy() @ np.square(room[:3, :3]).T).prod(1)
    named = sorted(np.argsort(-size, kind="stable")[:100])
    found[named] += reader.name.detach().double().numpy()
    return found


def test_paper_700_from_a_capture_to_an_answer(world, scene, capsys, monkeypatch):
    folder, parts, answers = world
    read, seen = CausalHost.read, []

    def noted(host, embedded, cache=None):
        seen.append(embedded[0].clone())
        return read(host, embedded, cache)

    monkeypatch.setattr(CausalHost, "read", noted)
    back = typed(capsys, f'ask {folder}/room.p3d "What is <OBJ003>?" {parts} {answers} --json')
    said = json.loads(back.out)
    assert (back.status, said["model"]["language_model"], said["model"]["weights"]) == (0, "qwen2_5_vl", "reader")
    assert set(said) == {"answer", "range", "seen", "boxes", "proxies", "frames", "scale", "model", "milliseconds"}
    reader = load_learned(folder / "reader.safetensors").reader(PUBLISHED["qwen2_5_vl"](answers.split()[1].partition(":")[2]))
    tokenizer = byte_tokenizer()
    shown, asked = next((a, b) for a, b in zip(seen, seen[1:], strict=False) if len(a) > 700)
    # The words around are those of the whole chat, written by transformers itself.
    words = tokenizer.apply_chat_template(
        [{"role": "user", "content": "<|vision_start|><|vision_end|>What is <NAME>?"}], add_generation_prompt=True, tokenize=False
    )
    first, rest = (tokenizer.encode(part, add_special_tokens=False) for part in words.split("<|vision_end|>"))
    closing = tokenizer.encode("<|vision_end|>")
    table = reader.host.model.get_input_embeddings().weight
    assert len(shown) == len(first) + 700 + 1, "one token for each proxy, between the marks"
    assert torch.equal(shown[: len(first)], table[first]) and torch.equal(shown[-1:], table[closing])
    at, name = rest.index(tokenizer.encode("<")[0]), len(tokenizer.encode("<NAME>"))
    assert len(asked) == len(rest) - name + 1 and torch.equal(asked[at], reader.name[3]), "a name is one word"
    assert torch.equal(torch.cat([asked[:at], asked[at + 1 :]]), table[rest[:at] + rest[at + name :]])
    assert len(scene.proxies) == 700 and breadth_first(scene.proxies.xyz_world_m).tolist() == list(range(700)), "neighbours lie side by side"
    assert isinstance(reader.projection, torch.nn.Identity), "eyes and words of one model have one width"
    tokens, expected = shown[len(first) : -1].double().numpy(), by_hand(scene, reader)
    assert np.allclose(tokens, expected, atol=2e-4), np.abs(tokens - expected).max()
    assert not np.allclose(tokens, expected[::-1], atol=0.1) and np.abs(expected).std() > 0.1


def test_paper_700_grounds_and_shows(world, scene, capsys, monkeypatch):
    folder, parts, answers = world
    monkeypatch.setattr(PaperReader, "says", lambda *_: [(WORDS + 5, 0.9), (9, 0.8), (WORDS + 31, 0.5), (WORDS + 5, 0.75)])
    back = typed(capsys, f'ground {folder}/room "the chair" {parts} {answers} --json')
    said, identity = json.loads(back.out), identities(SceneNumbers.of(scene).extent_m)
    assert back.status == 0 and said["phrase"] == "the chair" and said["scale"] == scene.scale.source == "unknown"
    assert [box["score"] for box in said["boxes"]] == [0.9, 0.5], "the surest first, and a name that is said twice is one object"
    assert [box["proxies"] for box in said["boxes"]] == [[int((identity == number).nonzero())] for number in (5, 31)]
    assert all(box["label"] == "the chair" and box["frames"] and {"centre", "size"} <= box.keys() for box in said["boxes"]), "no metres"
    assert typed(capsys, f'view {folder}/room.p3d -o {folder}/a.html --ask "How many?" {parts} {answers}').status == 0
    kept = json.dumps(scene_file.load(folder / "room.p3d").provenance)
    assert "qwen2_5_vl" in kept and str(folder) not in kept, "a scene says which model, and not where it lies"
    assert published(preset("paper_700", language_model=answers.split()[1]))["language_model"] == "qwen2_5_vl"


# ---- words and names ----


def test_names_are_words_behind_the_model_s_own(folders):
    reader = reader_of(folders, "qwen2_5_vl")
    text = "which is lower, <OBJ003> or <obj099>? é <OBJ100>"
    ids = reader.encode(text)
    assert [i - WORDS for i in ids if i >= WORDS] == [3, 99] and reader.decode(ids) == text.replace("obj099", "OBJ099")
    assert torch.equal(reader.embed(torch.tensor([WORDS + 3])), reader.name[3:4]), "it reads as the vector that its proxy carries"
    assert reader.host.model.get_input_embeddings().weight.shape == (WORDS, WIDTH), "the model's own table stays as it is"


def test_a_name_goes_to_its_own_proxy_and_only_to_that(folders):
    reader, numbers = reader_of(folders, "qwen3_vl", dim=7), scene_numbers(dim=7)
    identity = torch.tensor([4, NAMELESS, 2, 90, 11, 12, 13, 14, 15])
    plain, named = (reader.tokens(numbers, i) for i in (torch.full((9,), NAMELESS), identity))
    assert isinstance(reader.projection, torch.nn.Linear) and named.shape == (9, WIDTH)
    for k, number in enumerate(identity.tolist()):
        added = named[k] - plain[k]
        assert torch.allclose(added, reader.name[number], atol=1e-6) if number != NAMELESS else not added.any()


def test_symbols_are_the_model_s_own_words(folders):
    reader = reader_of(folders, "causal")
    symbols = symbols_of(reader.host, ("chair", "sofa"), ("red",))
    table, tokenizer = reader.host.model.get_input_embeddings().weight, byte_tokenizer()
    for row, word in zip(symbols, (" chair", " sofa", " thing", " red"), strict=False):
        assert torch.allclose(row, table[tokenizer.encode(word)].mean(0), atol=1e-6)
    assert symbols.shape == (5, WIDTH) and not symbols[4].any(), "no colour, no word"
    numbers = replace(scene_numbers(2), feature=torch.tensor([[1.0, 0, 0, 1, 0], [0, 0, 1, 0, 1]]))
    still = replace(numbers, xyz_room_m=torch.zeros(2, 3))
    red_chair, thing = reader.tokens(still, torch.full((2,), NAMELESS), symbols)
    assert torch.allclose(red_chair - thing, symbols[0] + symbols[3] - symbols[2], atol=1e-5)


def test_a_name_that_is_said_is_the_box_of_its_proxy(folders, scene):
    reader, number = reader_of(folders, "qwen2_5_vl"), 42
    session = PaperSession(scene, lambda: reader)
    phrase = FITS.format(phrase="the chair")
    with torch.no_grad():
        state = reader.hear(reader.show(session.tokens, session.identity).cache, [reader.asked(phrase)])[0, -1]
        reader.said[number] = 50 * state / state.norm()
        logits = torch.cat([reader.host.logits(state), reader.said @ state])
        reader.host.stops = set(range(WORDS + 100)) - {WORDS + number}  # whatever comes next is the end
    boxes = session.ground("the chair.")
    carries, (box,) = int((session.identity == number).nonzero()), boxes
    assert box.proxies == (carries,) and box.score == pytest.approx(float(logits.softmax(0)[WORDS + number]), abs=1e-5)
    assert np.allclose(box.centre_m, scene.proxies.xyz_world_m[carries].numpy(), atol=1e-4) and box.label == "the chair."
    along_room = (scene.proxies.extent_m[carries].square() @ scene.room_from_world[:3, :3].square().T).sqrt()
    assert np.allclose(sorted(box.size_m), sorted(2 * along_room.numpy()), atol=1e-4), "its whole extent along the walls"
    assert list(box.frames) == (scene.proxies.seen[carries] >= 0.1).nonzero()[:, 0].tolist()
    reader.host.stops = set()
    assert reader.says(session.shown, reader.asked(phrase), 1)[0][0] == WORDS + number, "and without an end it is said"
    answer = session.ask(phrase)
    assert answer.text.startswith(NAMES[number]) and carries in answer.proxies


def test_a_name_that_nothing_carries_cannot_be_said(folders):
    reader = reader_of(folders, "qwen2_5_vl")
    numbers = scene_numbers(3)
    identity = torch.tensor([5, NAMELESS, 8])
    shown = reader.show(reader.tokens(numbers, identity), identity)
    share = reader.logits(torch.randn(WIDTH), shown.carried).softmax(-1)
    assert (share > 0).nonzero()[:, 0].tolist() == [*range(WORDS), WORDS + 5, WORDS + 8]


# ---- parity ----


@pytest.mark.parametrize("kind", LANGUAGES)
@torch.no_grad()
def test_without_a_scene_it_is_the_model_itself(folders, kind):
    reader = reader_of(folders, kind)
    ids = reader.encode(reader.host.chat.before) + reader.asked("Is there a chair?")
    said = reader.logits(reader.hear(reader.host.new_cache(), [ids]), torch.zeros(100, dtype=torch.bool))
    own = reader.host.model(input_ids=torch.tensor([ids])).logits
    assert torch.allclose(said[..., :WORDS], own, atol=1e-5) and own.std() > 0.1 and torch.isinf(said[..., WORDS:]).all()


def slowly(reader, tokens, identity, ids):
    """Logits of the word after `ids`, from nothing: no cache, one sequence."""
    carried = torch.zeros(100, dtype=torch.bool).index_fill(0, identity[identity != NAMELESS], True)
    whole = torch.cat([reader.prefix(tokens), reader.embed(torch.tensor(ids))])
    return reader.logits(reader.host.read(whole[None])[0, -1], carried)


@pytest.mark.parametrize("kind", LANGUAGES)
@torch.no_grad()
def test_what_is_said_is_what_a_slow_twin_says(folders, kind):
    reader, numbers = reader_of(folders, kind), scene_numbers()
    identity = identities(numbers.extent_m)
    tokens = reader.tokens(numbers, identity)
    shown, question = reader.show(tokens, identity), reader.asked("Where is <OBJ004>?")
    said, expected = reader.says(shown, question, 6), []
    for _ in range(6):
        share = slowly(reader, tokens, identity, (*question, *(word for word, _ in expected))).softmax(-1)
        if int(share.argmax()) in reader.host.stops:
            break
        expected.append((int(share.argmax()), float(share.max())))
    assert [word for word, _ in said] == [word for word, _ in expected] and len(said) > 1
    assert np.allclose([p for _, p in said], [p for _, p in expected], atol=1e-5)
    assert reader.says(shown, question, 6) == said, "a scene is not used up by a question"


@torch.no_grad()
def test_the_loss_is_the_mean_surprise_of_all_words_of_all_answers(folders):
    reader, numbers = reader_of(folders, "qwen2_5_vl"), scene_numbers()
    identity = torch.randperm(100, generator=torch.Generator().manual_seed(0))[:9]
    tokens, name = reader.tokens(numbers, identity), NAMES[int(identity[2])]
    asked = [reader.asked(q) for q in (f"What is {name}?", "Which objects fit: the long red sofa at the wall?", "Yes?")]
    answered = [reader.answered(a) for a in ("a chair", f"{name} {NAMES[int(identity[0])]}", "no")]
    slow = []
    for question, answer in zip(asked, answered, strict=True):
        for n, word in enumerate(answer):
            slow.append(-slowly(reader, tokens, identity, (*question, *answer[:n])).log_softmax(-1)[word])
    assert answered[1][0] == WORDS + int(identity[2]) and all(answer[-1] == reader.host.stop for answer in answered)
    assert float(reader.surprise(reader.show(tokens, identity), asked, answered)) == pytest.approx(float(torch.stack(slow).mean()), abs=1e-4)


def test_what_moves_is_ours_and_never_the_eyes(folders):
    ours = {n.partition(".")[0] for n in reader_of(folders, "qwen2_5_vl", dim=7).learned()}
    assert ours == {"projection", "position", "name", "said"}
    low = set(reader_of(folders, "qwen2_5_vl", rank=2).learned())
    added = {n for n in low if n.startswith("host.")}
    assert len(added) == 2 * 7 * 2 and all(n.endswith((".down", ".up")) and "language_model" in n for n in added)
    whole = reader_of(folders, "qwen2_5_vl", whole=True)
    moved = {n for n in whole.learned() if n.startswith("host.")}
    assert moved == {n for n, _ in whole.named_parameters() if n.startswith("host.") and "visual" not in n}


@pytest.mark.parametrize("changes", [{"dim": 7, "rank": 2}, {"whole": True}])
def test_what_is_saved_and_loaded_says_the_same(folders, tmp_path, changes):
    reader, numbers = reader_of(folders, "qwen3_vl", **changes), scene_numbers(dim=changes.get("dim", WIDTH))
    with torch.no_grad():
        for value in reader.learned().values():
            value.copy_((value + 0.01).half().float())
    save_paper(tmp_path / "a.safetensors", reader, {})
    tensors = load_learned(tmp_path / "a.safetensors").tensors
    assert not any("visual" in name for name in tensors) and any("embed_tokens" in name for name in tensors) == ("whole" in changes)
    again = load_learned(tmp_path / "a.safetensors").reader(PUBLISHED["qwen3_vl"](folders["qwen3_vl"]))
    identity, question = identities(numbers.extent_m), reader.asked("Is there a chair?")
    with torch.no_grad():
        said = [r.says(r.show(r.tokens(numbers, identity), identity), question, 5) for r in (reader, again)]
    assert said[0] == said[1] and said[0] and not any(p.requires_grad for p in again.parameters())


@pytest.mark.parametrize("build, differs", [(qwen2_5_vl, {"bias": True}), (qwen3_vl, {"norms": True}), (causal, {"tied": True})])
def test_planned_parameters_are_those_of_the_model(build, differs):
    model = build()
    words = {id(p) for part in (model.get_decoder(), model.get_output_embeddings()) for p in part.parameters()}
    held = sum(p.numel() for p in model.parameters() if id(p) in words)
    assert LanguageSizes(2, WIDTH, 32, heads=2, groups=1, head=8, words=WORDS, **differs).parameters == held


@pytest.mark.weights
@torch.no_grad()
def test_a_real_model_answers_in_its_own_chat_template():
    from proxy3d.answers.language_models.smollm2 import unpacked

    host = PUBLISHED["causal"](str(unpacked()[0]))
    reader = PaperReader(host, PaperSettings("causal", host.hash, 24, "tiny sha256:seeded"))
    shown = reader.show(torch.zeros(0, host.dim), torch.zeros(0, dtype=torch.long))
    said = reader.says(shown, reader.asked("What is the capital of France?"))
    assert reader.decode([word for word, _ in said]) == "The capital of France is Paris."


# ---- bad input ----


def one_line(capsys, line: str) -> str:
    back = typed(capsys, line)
    assert back.status == 2 and back.err.count("\n") == 1 and not back.out, back
    return back.err


def test_nobody_answers_before_a_reader_was_trained(world, folders, capsys, monkeypatch):
    folder, parts, answers = world
    monkeypatch.setattr("proxy3d.pipeline.open_capture", None)  # said before minutes are spent
    model, weights = answers.split(" --weights ")
    other = untrained_weights(folder / "ours.safetensors", 0)
    lines = {
        model: "nothing has taught it to read proxies yet.*pass --weights FILE, made by `proxy3d train paper",
        f"--weights {weights}": "--language-model qwen2_5_vl: say which weights.*qwen2_5_vl:Qwen/Qwen2.5-VL-7B-Instruct",
        f"--language-model qwen3_vl:{folders['qwen3_vl']} --weights {weights}": "the weights reader read with qwen2_5_vl; pass",
        f"{model} --weights {other}": "the weights ours bring their own, tiny; leave --language-model out",
        "--language-model gpt": "no language model is called 'gpt'; known: smollm2, tiny, qwen2_5_vl, qwen3_vl, causal",
    }
    for more, says in lines.items():
        assert re.search(says, one_line(capsys, f'ask {folder}/room "How many?" {parts} {more}')), more


def test_what_does_not_go_together_is_one_line(world, folders, scene, tmp_path, capsys):
    folder, parts, answers = world
    elsewhere = save_language(qwen2_5_vl, tmp_path / "other", seed=5)
    other = parts.replace(folders["qwen2_5_vl"], elsewhere)
    said = one_line(capsys, f'ask {folder}/room "How many?" {other} {answers}')
    assert "was encoded with qwen_vl sha256:" in said and "encode the capture again" in said
    with pytest.raises(BadInput, match="were trained with another language model, qwen2_5_vl whose words have the sha256"):
        load_learned(folder / "reader.safetensors").reader(PUBLISHED["qwen2_5_vl"](elsewhere))
    with pytest.raises(BadInput, match="a reader for a published language model; it goes with `ask` and `ground`"):
        load_weights(folder / "reader.safetensors")
    weights = load_learned(folder / "reader.safetensors")
    with pytest.raises(BadInput, match=r"another version \(name\)"):
        replace(weights, tensors={k: v for k, v in weights.tensors.items() if k != "name"}).reader(PUBLISHED["qwen2_5_vl"](folders["qwen2_5_vl"]))
    with pytest.raises(BadInput, match="another version .*unexpected"):
        _ = replace(weights, facts={"paper": {**asdict(weights.settings), "unexpected": 1}}).settings
    assert "one file already" in one_line(capsys, f"export {parts} {answers} -o {tmp_path}/folder")


def test_what_cannot_be_a_language_model_is_one_line(folders, tmp_path):
    capped_at, bare, lost = (tmp_path / name for name in ("capped", "bare", "lost"))
    save_language(capped, capped_at), save_language(causal, bare), save_language(causal, lost)
    (bare / "tokenizer.json").unlink()
    (lost / "model.safetensors").unlink()
    broken = Path(save_language(qwen3_vl, tmp_path / "broken"))
    (broken / "chat_template.jinja").write_text("{% for m in messages %}")
    for kind, where, says in (
        ("causal", capped_at, "Gemma2ForCausalLM does more than its embeddings, layers and output layer say"),
        ("causal", bare, "no tokenizer there"),
        ("causal", lost, "no a causal language model weights there|is missing|no .* there"),
        ("causal", folders["qwen2_5_vl"], "these are weights of 'qwen2_5_vl', not of a causal language model"),
        ("qwen3_vl", folders["qwen2_5_vl"], "these are weights of 'qwen2_5_vl', not of Qwen3-VL"),
        ("qwen3_vl", broken, "its chat template cannot be used"),
        ("qwen3_vl", "/nowhere", "expected a folder with config.json and model.safetensors, or a name like qwen3_vl:Qwen/Qwen3-VL-8B-Instruct"),
    ):
        with pytest.raises(BadInput, match=says) as error:
            PUBLISHED[kind](str(where))
        assert "\n" not in str(error.value) and str(error.value).startswith(f"--language-model {kind}:{where}")
