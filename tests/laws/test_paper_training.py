"""The paper's four stages on the paper's reader: what moves, what is asked, the same run after a stop, and one run by two processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cast_rooms import cast_data_set
from proxy3d.answers.language_models import PUBLISHED
from proxy3d.answers.paper import PaperReader, PaperSettings, symbols_of
from proxy3d.errors import BadInput
from proxy3d.features.semantic import SEMANTIC
from proxy3d.proxies.order import breadth_first
from proxy3d.spacespan.record import Record
from proxy3d.spacespan.rooms.colours import WORDS as COLOURS
from proxy3d.tokens.identity import NAMES, identities
from proxy3d.training.loop import run_stage
from proxy3d.training.made_questions import FITS, KINDS
from proxy3d.training.paper import BATCH, OURS, PAPER_RECIPES, SAMPLES, PaperObjective, asked_rooms
from proxy3d.training.processes import processes
from proxy3d.training.recipes import train, train_blind
from proxy3d.verbs import DEMO_ROOM
from proxy3d.weights import load_learned
from tiny_language import qwen2_5_vl, save_language

TINY = PAPER_RECIPES["paper_tiny"]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms")
    cast_data_set(folder, {"train": 2, "val": 1, "test": 1})
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_language(qwen2_5_vl, tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module")
def asked(rooms, tmp_path_factory):
    return asked_rooms(TINY, rooms, SEMANTIC["tiny"](), "tiny-seeded", tmp_path_factory.mktemp("out"))


def objective_of(asked, folder, number: int, **changes) -> PaperObjective:
    data, load, categories = asked
    host = PUBLISHED["qwen2_5_vl"](folder)
    reader = PaperReader(host, PaperSettings(host.name, host.hash, 24, "tiny sha256:seeded", rank=TINY.rank))
    recipe = replace(TINY, **changes)
    return PaperObjective(reader, data, load, (categories, symbols_of(host, categories, COLOURS)), recipe.stages[number], recipe, 3)


def test_the_paper_s_numbers_are_the_paper_s():
    stages = PAPER_RECIPES["paper"].stages
    assert [s.stage.name for s in stages] == list(SAMPLES) == [*KINDS, "proxies"] and PAPER_RECIPES["paper"].questions * 8 == BATCH == 128
    assert [s.stage.steps for s in stages] == [234, 234, 898, 2484] and stages[3].stage.lr == 5e-6
    assert {s.stage.betas for s in stages} == {(0.9, 0.999)}
    assert [s.stage.trains for s in stages] == [OURS] * 3 + [("",)] and PAPER_RECIPES["paper"].whole
    assert [s.asks for s in stages] == [("names",), ("coordinates",), ("relations",), ("records", "phrases")]


def test_true_groups_make_proxies_in_breadth_first_order(asked):
    data, load, categories = asked
    lesson, objects = load(data[0].room_id, False), load(data[0].room_id, True)
    assert len(lesson.numbers.feature) == 24 and breadth_first(lesson.numbers.xyz_room_m).tolist() == list(range(24))
    assert bool((lesson.made_of.max(1).values == 1).all()), "a proxy is of one object alone"
    assert objects.numbers.feature.shape[1] == len(categories) + 1 + len(COLOURS) + 1


def test_the_last_stage_asks_for_names_of_what_there_is_and_none_where_nothing_fits(asked, folder):
    objective, (data, load, _) = objective_of(asked, folder, 3, questions=999), asked
    missing = Record("q", data[0].room_id, "train", "ground_category", "the harp", "0", "boxes", "harp")
    data = [replace(data[0], records=[*data[0].records, missing])]
    phrases = [r for r in data[0].records if r.answer_type == "boxes"]
    lesson = load(data[0].room_id, False)
    identity = identities(lesson.numbers.extent_m, torch.randperm(100, generator=torch.Generator().manual_seed(2)))
    records = objective.records(data[0], lesson, identity, torch.Generator().manual_seed(0))
    made = {r.question: r.answer for r in records if r.question.startswith(FITS[:18])}
    worded = [r for r in data[0].records if r.answer_type not in ("boxes", "objects", "hidden")]
    assert {r.question for r in worded} == {r.question for r in records} - made.keys()
    answers = [(r, made.get(FITS.format(phrase=r.question.rstrip(" .?!")))) for r in phrases]
    assert {said == "none" for r, said in answers if not r.targets} == {True} and any(r.targets and said for r, said in answers)
    for record, said in answers:
        for name in said.split() if record.targets and said else ():
            token = int((identity == NAMES.index(name)).nonzero())
            assert int(lesson.made_of[token].argmax()) in record.targets


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 3])
def test_a_stopped_stage_is_the_same_stage_and_moves_what_it_says(asked, folder, tmp_path, number):
    whole, first, second = (objective_of(asked, folder, number) for _ in range(3))
    before = {name: value.clone() for name, value in whole.reader.state_dict().items()}
    one = TINY.stages[number].stage
    run_stage(one, whole, tmp_path / "whole", log=lambda line: None)
    run_stage(one, first, tmp_path / "parts", stop_at_step=2, log=lambda line: None)
    run_stage(one, second, tmp_path / "parts", log=lambda line: None)
    assert all(torch.equal(value, second.named_parameters()[name]) for name, value in whole.named_parameters().items())
    moved = {name for name, value in whole.reader.state_dict().items() if not torch.equal(value, before[name])}
    ours, added = {n for n in moved if n.startswith(OURS)}, {n for n in moved if n.endswith((".down", ".up"))}
    assert moved == ours | added and bool(added) == (number == 3) and {"name", "position.wave"} <= ours
    assert ("projection.weight" in moved) == (number == 3), "true objects are said in the model's own words"


@pytest.mark.slow
def test_bfloat16_is_the_same_loss_but_for_rounding(asked, folder):
    exact, rounded = (objective_of(asked, folder, 3, bf16=bf16).loss(0)[0] for bf16 in (False, True))
    assert float(rounded.detach()) == pytest.approx(float(exact.detach()), rel=0.03) and not torch.equal(exact, rounded)


@pytest.mark.slow
def test_training_learns_what_answers_look_like_and_reaches_names_both_ways(asked, folder, tmp_path):
    objective = objective_of(asked, folder, 2, whole=True)
    objective.reader.settings = replace(objective.reader.settings, whole=True)
    one, drawn = replace(objective.one.stage, trains=("",), steps=20, warmup=2, lr=1e-2), []
    before = sum(float(objective.loss(step)[0].detach()) for step in range(100, 105))
    run_stage(one, objective, tmp_path, log=lambda line: None)
    assert sum(float(objective.loss(step)[0].detach()) for step in range(100, 105)) < 0.7 * before
    tokens = objective.reader.tokens
    objective.reader.tokens = lambda numbers, identity, symbols: (drawn.append(identity), tokens(numbers, identity, symbols))[1]
    objective.reader.zero_grad()
    objective.rooms = objective.rooms[:1]
    objective.loss(0)[0].backward()
    for step in (0, 1):
        objective.loss(step)
    assert drawn[0].tolist() == drawn[1].tolist() != drawn[2].tolist(), "names are drawn anew in every step, and again in the same one"
    carried = sorted(drawn[0].tolist())
    for value in (objective.reader.name, objective.reader.said):
        assert value.grad.any(1).nonzero()[:, 0].tolist() == carried, "read and said, and no name that the room does not carry"


def test_a_recipe_ends_in_a_file_that_a_reader_can_be_built_from(rooms, folder, tmp_path):
    made = train("paper_tiny", rooms, tmp_path, language_model=f"qwen2_5_vl:{folder}")
    learned, card = load_learned(made["weights"]), json.loads((tmp_path / "run.json").read_text())
    assert {f.stem for f in tmp_path.glob("*.safetensors")} == {*SAMPLES, "weights"}
    assert card["settings"]["language_model"] == "qwen2_5_vl" and folder not in json.dumps(card) + json.dumps(learned.facts)
    assert learned.settings.semantic == "tiny sha256:seeded" and learned.settings.rank == 2
    reader = learned.reader(PUBLISHED["qwen2_5_vl"](folder))
    assert reader.learned().keys() == learned.tensors.keys() and not any(p.requires_grad for p in reader.parameters())
    for recipe, named, says in (
        ("paper_tiny", {}, "--language-model qwen2_5_vl: say which weights"),
        ("paper_tiny", {"semantic": "clap", "language_model": f"qwen2_5_vl:{folder}"}, "no semantic encoder is called 'clap'"),
        ("tiny", {"language_model": f"qwen2_5_vl:{folder}"}, "only paper, paper_low_rank, paper_tiny take one"),
        ("papyrus", {}, "no recipe is called 'papyrus'.*paper for --language-model"),
    ):
        with pytest.raises(BadInput, match=says):
            train(recipe, rooms, tmp_path / "not", **named)
    with pytest.raises(BadInput, match="the recipe paper has no blind form yet"):
        train_blind("paper", rooms, tmp_path / "not")
    assert not (tmp_path / "not").exists()


def one_of_two(rooms: str, folder: str, out: str, moves: str = "a little") -> None:
    """What each process of a launch does; if `everything` moves, it does so in bfloat16."""
    if moves == "everything":
        PAPER_RECIPES["paper_tiny"] = replace(TINY, whole=True, rank=0, bf16=True)
    with processes().until_all_are_through():
        train("paper_tiny", Path(rooms), Path(out), accumulate=2, language_model=f"qwen2_5_vl:{folder}")


@pytest.mark.slow
@pytest.mark.parametrize("in_parts, moves", [(False, "a little"), (True, "a little"), (True, "everything")])
def test_two_processes_have_the_loss_of_one(rooms, folder, tmp_path, in_parts, moves, monkeypatch):
    monkeypatch.setitem(PAPER_RECIPES, "paper_tiny", TINY)  # and back
    one_of_two(str(rooms), folder, str(tmp_path / "one"), moves)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    shared["ACCELERATE_USE_FSDP"] = str(in_parts)
    command = [sys.executable, __file__, str(rooms), folder, str(tmp_path / "two"), moves]
    running = [
        subprocess.Popen(command, env={**shared, "RANK": str(n), "LOCAL_RANK": str(n)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for n in range(2)
    ]
    try:
        said = [process.communicate(timeout=200)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], said
    cards = [json.loads((tmp_path / name / "run.json").read_text())["stages"] for name in ("one", "two")]
    for stage in SAMPLES:
        assert cards[0][stage]["loss"]["words"] == pytest.approx(cards[1][stage]["loss"]["words"], abs=0.02 if moves == "everything" else 1e-5)
    tensors = [load_learned(tmp_path / name / "weights.safetensors").tensors for name in ("one", "two")]
    assert tensors[0].keys() == tensors[1].keys() and any(name.startswith("host.") for name in tensors[0])
    if moves == "everything":  # Adam turns the sign of a small gradient into a whole step, and bfloat16 rounds signs
        off = [(value.float() - tensors[1][name].float()).abs().mean() for name, value in tensors[0].items()]
        assert float(torch.stack(off).max()) < 2e-3
    else:
        assert all(torch.allclose(value.float(), tensors[1][name].float(), atol=2e-3) for name, value in tensors[0].items())
    assert "proxies 3/3" in said[0] and "proxies" not in said[1], "the second writes and says nothing"


@pytest.mark.slow
def test_the_configuration_for_several_gpus_trains_what_one_process_trains(rooms, folder, tmp_path):
    one_of_two(str(rooms), folder, str(tmp_path / "one"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = Path(__file__).resolve().parents[2] / "runs" / "fsdp.yaml"
    launch = f"-m accelerate.commands.launch --config_file {config} --num_processes 2 --main_process_port {port}"
    line = f"-m proxy3d train paper_tiny --rooms {rooms} -o {tmp_path / 'two'} --accumulate 2 --language-model qwen2_5_vl:{folder}"
    done = subprocess.run(
        [sys.executable, *launch.split(), *line.split()], capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0 and done.stdout.count("trained in") == 1, done.stdout + done.stderr
    one, two = (load_learned(tmp_path / name / "weights.safetensors").tensors for name in ("one", "two"))
    assert one.keys() == two.keys() and all(torch.allclose(value.float(), two[name].float(), atol=2e-3) for name, value in one.items())


@pytest.mark.slow
def test_the_recipe_of_the_paper_runs_top_to_bottom_with_tiny_members(rooms, folder, tmp_path):
    script = Path(__file__).resolve().parents[2] / "runs" / "paper.sh"
    members = {"RECIPE": "paper_tiny", "MODEL": f"qwen2_5_vl:{folder}", "SEMANTIC": "tiny", "MASKS": "tiny", "GEOMETRIC": "sensor_depth"}
    sizes = {"PROXIES": "24", "ACCUMULATE": "1", "LIMIT": "1", "OMP_NUM_THREADS": "1"}
    places = {"ROOMS": str(rooms), "OUT": str(tmp_path), "CAPTURE": str(DEMO_ROOM), "PROXY3D": f"{sys.executable} -m proxy3d"}
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, timeout=300, env={**os.environ, **members, **sizes, **places})
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "spacespan.json").read_text())
    learned = load_learned(tmp_path / "weights.safetensors")
    assert result["run"]["weights"] == learned.hash and result["n"] > 5 and result["run"]["training"]["recipe"] == "paper_tiny"
    assert result["metrics"]["majority"]["accuracy"] > result["metrics"]["model"]["accuracy"], "three steps teach a random model nothing"


if __name__ == "__main__":
    one_of_two(*sys.argv[1:])
