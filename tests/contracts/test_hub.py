"""Folders of weights: what is saved and loaded does the same, one line for what is damaged or missing, and nothing half written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys

import pytest
from cli_world import TINY, contents, typed, untrained_weights

from proxy3d import hub, scene_file
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.pipeline import Pipeline
from proxy3d.presets import Preset, preset
from proxy3d.tensor_file import load_tensors, save_tensors
from proxy3d.weights import Weights, load_weights

NAME = "somebody/small-reader"


@pytest.fixture(scope="module")
def clip():
    return synthetic_clip(seed=0, frames=2, size_px=(64, 48))[0]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """Weights that nobody trained but for their run card, and how they are used."""
    file = untrained_weights(tmp_path_factory.mktemp("weights") / "mine.safetensors", 1)
    tensors, facts = load_tensors(file)
    run = {"recipe": "tiny", "seed": 7, "data": {"sha256": "d" * 64, "splits": {"train": {"rooms": 5, "questions": 6}}}, "train_minutes": 1.25}
    save_tensors(file, tensors, {**facts, "run": {**run, "stages": {"cluster": {"step": 9}}, "commit": "`<b>|abc"}})
    return Pipeline(preset("tiny", weights=str(file), proxies=5))


@pytest.fixture(scope="module")
def made(pipeline, tmp_path_factory):
    return pipeline.save_pretrained(tmp_path_factory.mktemp("made") / "folder")


@pytest.fixture
def folder(made, tmp_path):
    """A copy to damage."""
    return shutil.copytree(made, tmp_path / "copy")


def test_what_was_saved_and_loaded_encodes_and_answers_the_same_bytes(pipeline, made, clip):
    again = Pipeline.from_pretrained(made)
    assert again.preset == Preset(**{**pipeline.preset.__dict__, "weights": str(made)})
    first, second = (p.encode_clip(clip) for p in (pipeline, again))
    assert scene_file.to_bytes(first, "float32") == scene_file.to_bytes(second, "float32")
    said = [p.session(first).ask("How many chairs are there?") for p in (pipeline, again)]  # the scene of one is the other's too
    assert said[0] == said[1]
    assert (made / "model.safetensors").read_bytes() == pipeline.weights.file.read_bytes(), "a copy, so that scenes made before still fit"


def test_a_folder_can_be_saved_again_and_its_preset_changed(made, tmp_path):
    again = Pipeline.from_pretrained(made, proxies="auto:9", frames=3)
    assert (again.preset.proxies, again.preset.adaptive, again.preset.frames) == (9, True, 3)
    other = Pipeline.from_pretrained(made).save_pretrained(tmp_path / "again")
    assert contents(other) == contents(made)
    with pytest.raises(BadInput, match="--frames 99: expected"):
        Pipeline.from_pretrained(made, frames=99)


def test_the_folder_holds_three_files_and_no_place_of_this_machine(made, pipeline):
    assert sorted(contents(made)) == ["README.md", "config.json", "model.safetensors"]
    config = json.loads((made / "config.json").read_text())
    assert set(config) == {"model_type", "format", "name", "sha256", "sizes", "preset"} and config["name"] == "mine"
    assert config["sizes"]["encoder"]["out_dim"] == 16 and config["preset"]["proxies"] == 5
    for file in ("config.json", "README.md"):
        assert str(pipeline.weights.file.parent) not in (made / file).read_text()


def test_the_card_says_how_the_weights_were_made(made, pipeline):
    card = (made / "README.md").read_text()
    table = ("| recipe | tiny |", "| seed | 7 |", f"| {'d' * 64} |", "| 5, 6 |", "cluster, steps | 9 |")
    for fact in ("license: unknown", *table, pipeline.weights.hash, "3 kinds"):
        assert fact in card, fact
    assert "| commit | babc |" in card, "words of a run card are not markup"


@pytest.mark.parametrize("weights, kept", [("org/clip", "clip:org/clip"), ("/nowhere/clip", "clip"), ("~/clip", "clip"), ("./clip", "clip")])
def test_names_on_the_hub_are_published_and_places_are_not(weights, kept, pipeline):
    from proxy3d.presets import of_published, published

    facts = published(preset("tiny", semantic=f"clip:{weights}", weights="x"))
    assert facts["semantic"] == kept and facts["weights"] is None
    assert of_published(facts, "here").semantic == kept and of_published(facts, "here").weights == "here"


def test_every_form_of_weights_is_read_where_one_was(capsys, folder, pipeline, clip, tmp_path):
    forms = (str(folder), folder, str(pipeline.weights.file), pipeline.weights.file)
    assert len({(w.hash, w.name) for w in map(load_weights, forms)}) == 1
    assert Weights.from_pretrained(folder).hash == pipeline.weights.hash
    scene_file.save(pipeline.encode_clip(clip), tmp_path / "a.p3d")
    for weights in (folder, pipeline.weights.file):
        back = typed(capsys, f"measure {tmp_path}/a.p3d count table {TINY} --weights {weights}")
        assert (back.status, back.err) == (0, "")
    (folder / "model.safetensors").rename(folder / "weights.safetensors")  # as training calls it
    assert load_weights(folder).hash == pipeline.weights.hash


def test_a_folder_in_the_way_does_not_become_the_shipped_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "laptop").mkdir()
    monkeypatch.setattr("proxy3d.weights.load_tensors", lambda file: ({}, {"encoder": {}, "clusterer": {}, "file": str(file)}))
    assert load_weights("laptop").facts["file"].endswith("weights/laptop.safetensors")


# ---- damage ----


def edited(**changes):
    return lambda f: (f / "config.json").write_text(json.dumps({**json.loads((f / "config.json").read_text()), **changes}))


def flipped(folder):
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-5] ^= 4
    (folder / "model.safetensors").write_bytes(data)


def pickled(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n")


DAMAGE = {
    "no config": (lambda f: (f / "config.json").unlink(), "there is no config.json; as a single file: .*model.safetensors"),
    "config of text": (lambda f: (f / "config.json").write_text("{not json"), "not a readable config"),
    "config of bytes": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00"), "not a readable config"),
    "config that is deep": (lambda f: (f / "config.json").write_text("[" * 100_000), "not a readable config"),
    "config that is huge": (lambda f: (f / "config.json").write_bytes(b" " * (2 << 20)), "too long to be one"),
    "config that is a list": (lambda f: (f / "config.json").write_text("[]"), "weights of 'None', not of proxy3d"),
    "foreign model": (edited(model_type="dinov2"), "weights of 'dinov2', not of proxy3d"),
    "newer format": (edited(format=2), "format 2, but this proxy3d reads 1; update"),
    "no name": (edited(name="a\nb"), "no name and no sha256"),
    "other sizes": (edited(sizes={}), "states other sizes"),
    "a bit flipped": (flipped, "damaged, or not the file that config.json speaks of"),
    "cut short": (lambda f: os.truncate(f / "model.safetensors", 1000), "damaged"),
    "pointer": (lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n"), "type git lfs pull"),
    "pickle": (pickled, "there is no model.safetensors, and other forms of weights are not opened"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_or_foreign_folder_is_one_line(what, folder, capsys):
    harm, said = DAMAGE[what]
    harm(folder)
    with pytest.raises(BadInput, match=said) as error:
        load_weights(folder)
    assert "\n" not in str(error.value)
    back = typed(capsys, f"measure room.p3d count table {TINY} --weights {folder}")
    assert back.status == 2 and back.err.count("\n") == 1


STRANGE = [{"colour": "red"}, {"frames": "8"}, {"frames": True}, {"adaptive": 1}, {"semantic": None}, {"semantic": "clip:/etc"}, [], "laptop"]


@pytest.mark.parametrize("preset", STRANGE)
def test_a_preset_that_cannot_be_meant_is_one_line(preset, folder):
    edited(preset=preset)(folder)
    with pytest.raises(BadInput, match="config.json states a preset that this proxy3d cannot read"):
        Pipeline.from_pretrained(folder)


# ---- writing ----


def test_export_writes_the_folder_and_overwrites_only_by_force(capsys, made, pipeline, tmp_path):
    line = f"export -o {tmp_path}/out {TINY} --weights {pipeline.weights.file} --proxies 5"
    back = typed(capsys, f"{line} --json")
    assert back.status == 0 and json.loads(back.out)["sha256"] == pipeline.weights.hash
    assert contents(tmp_path / "out") == contents(made)
    (tmp_path / "out" / ".git").write_text("theirs"), (tmp_path / "out" / "README.md").write_text("mine")
    back = typed(capsys, line)
    assert back.status == 2 and "--force" in back.err and (tmp_path / "out" / "README.md").read_text() == "mine"
    assert typed(capsys, f"{line} --force --licence mit").status == 0
    assert (tmp_path / "out" / ".git").read_text() == "theirs" and "license: mit" in (tmp_path / "out" / "README.md").read_text()
    for wrong, said in (("--licence 'x: y'", "expected an identifier"), ("", "exists already")):
        back = typed(capsys, f"{line} {wrong}")
        assert back.status == 2 and said in back.err
    back = typed(capsys, f"export -o {tmp_path}/b {TINY}")
    assert back.status == 2 and "no learned parts" in back.err and [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("before", [False, True])
def test_a_full_disk_leaves_what_was_there(before, pipeline, made, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if before:
        shutil.copytree(made, tmp_path / "out")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match="No space left"):
        pipeline.save_pretrained(tmp_path / "out", force=True, licence="mit")
    monkeypatch.undo()
    assert contents(tmp_path) == ({f"out/{k}": v for k, v in contents(made).items()} | {"out": None} if before else {})


def test_weights_that_changed_since_they_were_read_are_not_saved(folder, tmp_path):
    weights = load_weights(folder)
    flipped(folder)
    with pytest.raises(BadInput, match="have changed since"):
        weights.save_pretrained(tmp_path / "out")


# ---- the hub ----


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and no network."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache" / "models--somebody--small-reader"


def put(made, cache, *, without=()):
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("a" * 40)
    shutil.copytree(made, cache / "snapshots" / ("a" * 40), ignore=lambda *_: without)


def test_a_name_on_the_hub_is_read_from_its_cache(made, cache, pipeline, clip):
    put(made, cache)
    again = Pipeline.from_pretrained(NAME)
    assert (again.weights.hash, again.weights.name) == (pipeline.weights.hash, "mine")
    assert load_weights(f"{NAME}@{'a' * 40}").hash == pipeline.weights.hash
    assert scene_file.to_bytes(again.encode_clip(clip), "int8") == scene_file.to_bytes(pipeline.encode_clip(clip), "int8")


def test_what_is_nowhere_says_how_far_the_search_came(cache, made, monkeypatch):
    import huggingface_hub

    with pytest.raises(BadInput, match=f"{NAME}: no such folder here, not in the cache of .*, and this machine is told to stay offline"):
        load_weights(NAME)
    put(made, cache, without=["model.safetensors"])  # a download that was cut off
    asked = []

    def unreachable(**wanted):
        asked.append(wanted.get("local_files_only", False))
        if asked[-1]:
            return str(cache / "snapshots" / ("a" * 40))
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(BadInput, match="hub cannot be reached .ConnectionError.; this machine seems to be offline"):
        load_weights(NAME)
    assert asked == [True, False]
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(BadInput, match="needs the package huggingface_hub, which is not installed: pip install huggingface_hub"):
        load_weights(NAME)


@pytest.mark.parametrize("kind, said", [("RepositoryNotFoundError", "shows no such model to you"), ("RevisionNotFoundError", "not this revision")])
def test_what_the_hub_itself_says_is_passed_on(kind, said, cache, monkeypatch):
    import huggingface_hub

    def refused(**_):
        raise getattr(huggingface_hub.errors, kind).__new__(getattr(huggingface_hub.errors, kind))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refused)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(BadInput, match=said):
        load_weights(NAME)


@pytest.mark.parametrize("named, yes", [("a/b", True), ("a-b/c.d@v1", True), ("/a/b", False), ("../b", False), ("a/b/c", False), ("ab", False)])
def test_what_can_be_a_name_on_the_hub(named, yes):
    assert hub.is_hub_name(named) is yes
    if not yes:
        with pytest.raises(BadInput, match="no such folder|no weights are called"):
            hub.folder_of(named) if "/" in named else load_weights(named)
