"""What several processes keep to: together they are the one that would have done it alone, and only the first writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from proxy3d.errors import BadInput
from proxy3d.training.loop import Stage, _mean_gradients, run_stage
from proxy3d.training.processes import Processes, gathered, processes, shares_out
from proxy3d.training.remembered import remembered

STAGE = Stage("toy", ("moves", "seldom"), steps=12, lr=0.05, warmup=2, accumulate=4)


class Toy:
    """Fits a plane to points that depend on the micro-step alone; one part of it has no gradient in most of them."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.ModuleDict({name: nn.Linear(3, 1) for name in ("moves", "seldom", "rests")})
        self.asked = []

    def named_parameters(self):
        return dict(self.model.named_parameters())

    def loss(self, step):
        self.asked.append(step)
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        parts = {"error": (self.model["moves"](x)[:, 0] + self.model["rests"](x)[:, 0] - x.sum(1)).square().mean()}
        if step % 7 == 1:  # in some steps nobody, in others one of two processes
            parts["seldom"] = (self.model["seldom"](x)[:, 0] - x[:, 0]).square().mean()
        return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}


class Layers(nn.Module):
    """What can be shared out: layers in a list, which are gone through twice, and parameters beside them."""

    def __init__(self):
        super().__init__()
        self.moves, self.rests = nn.Parameter(torch.randn(5)), nn.Parameter(torch.ones(3))
        self.seldom = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))

    def forward(self, x):
        for layer in (*self.seldom, *self.seldom):
            x = x + layer(x).tanh() * self.rests
        return (x.sum(1) - self.moves.sum()).square().mean()


class Layered(Toy):
    """The same for such a model."""

    def __init__(self):
        super().__init__()
        self.model = Layers()
        processes().share_out(self.model)

    def loss(self, step):
        loss = self.model(torch.randn(16, 3, generator=torch.Generator().manual_seed(step)))
        return loss, {"error": float(loss.detach())}


def trained(folder: Path, stage: Stage = STAGE, *stops: int, kind: type[Toy] = Toy) -> tuple[Toy, dict]:
    """A toy after a stage that was stopped now and then, each time begun anew by another one."""
    for stop in (*stops, None):
        toy = kind()
        facts = run_stage(stage, toy, folder, stop_at_step=stop, log=lambda line: print(line, flush=True))
    return toy, facts


def as_one_process(folder: Path) -> None:
    """What each process of a launch does: train, train with a stop, remember something; then say what came out."""
    with processes().until_all_are_through():
        as_one_of_all(folder)


def as_one_of_all(folder: Path) -> None:
    computed = []

    def compute():
        computed.append(processes().index)
        return {"x": torch.ones(2)}

    (whole, facts), (stopped, again) = trained(folder / "whole"), trained(folder / "parts", STAGE, 5)
    kept = remembered(folder / "kept.safetensors", "key", compute)
    said = {"loss": facts["loss"], "again": again["loss"], "asked": whole.asked, "computed": computed, "kept": kept["x"].tolist()}
    for name, toy in (("weights", whole), ("stopped", stopped)):
        said[name] = {n: p.tolist() for n, p in toy.named_parameters().items()}
    (layered, parted), (resumed, _) = trained(folder / "layered", kind=Layered), trained(folder / "in-parts", STAGE, 5, kind=Layered)
    said |= {"parted": parted["loss"], "held": sum(p.to_local().numel() if shares_out() else p.numel() for p in layered.model.parameters())}
    for name, toy in (("layered", layered), ("resumed", resumed)):
        said[name] = {n: gathered(p.detach()).tolist() for n, p in toy.named_parameters().items()}
    (folder / f"said-{processes().index}.json").write_text(json.dumps(said))


def launch(folder: Path, count: int, **more: str) -> list[tuple[int, str]]:
    """Start processes as torchrun starts them; exit status and output of each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count), "OMP_NUM_THREADS": "1", **more}
    command = [sys.executable, __file__, str(folder)]
    running = [
        subprocess.Popen(command, env={**common, "RANK": str(n), "LOCAL_RANK": str(n)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for n in range(count)
    ]
    try:
        said = [process.communicate(timeout=100)[0] for process in running]
    finally:
        for process in running:
            process.kill()  # one that waits for the other would wait for ever
    return [(process.returncode, text) for process, text in zip(running, said, strict=True)]


def close(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.allclose(torch.tensor(one[n]), torch.tensor(other[n]), atol=1e-6) for n in one)


@pytest.mark.slow
def test_two_processes_are_one_and_a_stopped_run_is_the_same_run(tmp_path):
    alone, facts = trained(tmp_path / "alone")
    done = launch(tmp_path, 2)
    assert [status for status, _ in done] == [0, 0], done
    first, second = (json.loads((tmp_path / f"said-{n}.json").read_text()) for n in (0, 1))
    assert close({n: p.tolist() for n, p in alone.named_parameters().items()}, first["weights"]), "two are as good as one"
    assert close(facts["loss"], first["loss"]) and set(first["loss"]) == {"error", "seldom"}
    assert first["weights"] == second["weights"] == first["stopped"] == second["stopped"] and first["loss"] == first["again"] == second["loss"]
    assert sorted(first["asked"] + second["asked"]) == alone.asked == list(range(48)) and set(first["asked"]) == {n for n in range(48) if n % 2 == 0}
    assert first["computed"] == [0] and second["computed"] == [] and first["kept"] == second["kept"] == [1.0, 1.0], "one computes, both know"
    assert "toy 12/12" in done[0][1] and "toy" not in done[1][1]
    lines = [json.loads(line) for line in (tmp_path / "whole" / "toy.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [12], "the second writes no history"
    goes_on, _ = trained(tmp_path / "parts")  # a finished run is finished for one process too
    assert {n: p.tolist() for n, p in goes_on.named_parameters().items()} == first["weights"]


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"ACCELERATE_USE_FSDP": "true"}])
def test_processes_that_hold_parts_of_a_model_train_all_of_it(tmp_path, more):
    alone, facts = trained(tmp_path / "alone", kind=Layered)
    done = launch(tmp_path, 2, **more)
    assert [status for status, _ in done] == [0, 0], done
    first, second = (json.loads((tmp_path / f"said-{n}.json").read_text()) for n in (0, 1))
    every = sum(p.numel() for p in alone.model.parameters())
    assert first["held"] + second["held"] == (every if more else 2 * every)
    assert close({n: p.tolist() for n, p in alone.named_parameters().items()}, first["layered"]) and close(facts["loss"], first["parted"])
    assert first["layered"] == second["layered"] == first["resumed"] == second["resumed"] and first["parted"] == second["parted"]
    assert not torch.equal(alone.model.moves, Layered().model.moves) and torch.equal(alone.model.rests, torch.ones(3))
    goes_on, _ = trained(tmp_path / "layered", kind=Layered)  # what several wrote, one reads
    assert {n: p.tolist() for n, p in goes_on.named_parameters().items()} == first["layered"]


def test_a_step_is_the_mean_of_its_micro_steps(tmp_path):
    class Mean(Toy):
        def loss(self, step):
            many = [super(Mean, self).loss(4 * step + n) for n in range(4)]
            return sum(loss for loss, _ in many) / 4, {"error": sum(parts["error"] for _, parts in many) / 4}

    mean, (several, facts) = Mean(), trained(tmp_path / "several")
    at_once = run_stage(Stage(**{**STAGE.__dict__, "accumulate": 1}), mean, tmp_path / "once", log=lambda line: None)
    assert all(torch.allclose(p, mean.named_parameters()[n], atol=1e-6) for n, p in several.named_parameters().items())
    assert facts["loss"]["error"] == pytest.approx(at_once["loss"]["error"], abs=1e-6) and facts["step"] == 12
    gradients = []  # Adam does not see how large a gradient is: look at it
    for toy, accumulate in ((Toy(), 4), (Mean(), 1)):
        parameters = toy.named_parameters()
        _mean_gradients(toy, 0, accumulate, list(parameters.values()), Processes())
        gradients.append(parameters["moves.weight"].grad)
    assert torch.allclose(*gradients, atol=1e-6)
    once, _ = trained(tmp_path / "other", Stage(**{**STAGE.__dict__, "accumulate": 1}))
    assert not torch.allclose(once.named_parameters()["moves.weight"], several.named_parameters()["moves.weight"], atol=1e-3)


def test_micro_steps_that_cannot_be_shared_are_refused_in_one_line(tmp_path):
    assert list(Processes(2, 1).share(6)) == [1, 3, 5] and list(Processes().share(3)) == [0, 1, 2]
    for count, accumulate, says in ((2, 3, "2 processes cannot share"), (4, 2, "expected a multiple of 4"), (1, 0, "expected at least 1")):
        with pytest.raises(BadInput, match=says) as error:
            Processes(count, 0).share(accumulate)
        assert "\n" not in str(error.value) and str(error.value).startswith(f"--accumulate {accumulate}: ")
    with pytest.raises(BadInput, match="expected at least 1"):
        run_stage(Stage("toy", ("moves",), steps=2, lr=0.1, accumulate=0), Toy(), tmp_path)
    from proxy3d.training.recipes import named_recipe

    with pytest.raises(BadInput, match="expected at least 1"):
        named_recipe("tiny", 0)
    assert {stage.accumulate for stage in named_recipe("tiny", 3).stages} == {3} and named_recipe("tiny") == named_recipe("tiny", 1)


@pytest.mark.slow
def test_one_process_alone_imports_no_accelerate():
    code = "import sys\nfrom proxy3d.training.processes import processes\nassert processes().count == 1\nprint('accelerate' in sys.modules)"
    clean = {k: v for k, v in os.environ.items() if k != "WORLD_SIZE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean, timeout=100)
    assert done.stdout.strip() == "False", done.stderr


if __name__ == "__main__":
    as_one_process(Path(sys.argv[1]))
