"""Where published models compute: everything a reader adds lies and works where its language model does, and wrong words are one line.

The device `meta` stands in for one that this machine may not have: it holds no numbers, and refuses to work with a tensor that lies elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from proxy3d import device
from proxy3d.answers.language_models import PUBLISHED
from proxy3d.answers.paper import PaperReader, PaperSettings, symbols_of
from proxy3d.device import computing_device, put_on_device
from proxy3d.errors import BadInput
from proxy3d.tokens.identity import identities
from proxy3d.tokens.project import SceneNumbers
from tiny_language import qwen2_5_vl, save_language


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_language(qwen2_5_vl, tmp_path_factory.mktemp("qwen"))


def numbers(dim: int) -> SceneNumbers:
    made = torch.Generator().manual_seed(0)
    feature, xyz = torch.randn(9, dim, generator=made), torch.rand(9, 3, generator=made)
    return SceneNumbers(feature, torch.randn(9, 42, generator=made), xyz, torch.tensor([0.6, 0.8, 0.0, 1.5]))


@pytest.mark.parametrize("true_objects", [False, True])
def test_a_reader_computes_where_its_language_model_lies(folder, true_objects):
    host = PUBLISHED["qwen2_5_vl"](folder)
    reader = PaperReader(host, PaperSettings(host.name, host.hash, 7, "tiny sha256:seeded", rank=2))
    symbols = symbols_of(host, ("chair", "sofa"), ("red",)) if true_objects else None
    asked, answered = [reader.asked("What is <OBJ003>?"), reader.asked("the chair")], [reader.answered("a chair"), reader.answered("<OBJ003>")]
    scene = numbers(5 if true_objects else 7)
    identity = identities(scene.extent_m)
    here = reader(scene, identity, symbols, asked, answered)
    here.backward()
    with_gradient = {name for name, p in reader.named_parameters() if p.grad is not None}
    there = reader.to("meta").zero_grad() or reader(scene, identity, symbols, asked, answered)
    assert (here.device.type, there.device.type, there.shape) == ("cpu", "meta", here.shape)
    there.backward()
    assert {name for name, p in reader.named_parameters() if p.grad is not None and p.grad.device.type == "meta"} == with_gradient


def test_what_is_built_on_a_language_model_is_built_where_that_lies(folder):
    host = PUBLISHED["qwen2_5_vl"](folder)
    settings = PaperSettings(host.name, host.hash, 7, "tiny sha256:seeded", rank=2)
    here = PaperReader(host, settings, seed=3)
    again = PaperReader(PUBLISHED["qwen2_5_vl"](folder), settings, seed=3)
    assert all(torch.equal(p, again.state_dict()[name]) for name, p in here.state_dict().items())
    assert {p.device for p in here.parameters()} == {torch.device("cpu")}


def test_a_model_that_is_put_somewhere_is_fed_there(monkeypatch):
    class Notes(nn.Linear):
        seen = None

        def forward(self, x):
            self.seen = x.device.type
            return super().forward(x)

    monkeypatch.setattr(device, "computing_device", lambda: torch.device("meta"))
    model = put_on_device(Notes(3, 2))
    assert model.weight.device.type == "meta"
    with pytest.raises(NotImplementedError, match="meta"):  # what it returns is fetched back, and meta has nothing to give
        model(torch.ones(4, 3))
    assert model.seen == "meta"
    monkeypatch.undo()
    assert put_on_device(kept := Notes(3, 2)) is kept and kept(torch.ones(4, 3)).device.type == kept.seen == "cpu"


@pytest.mark.parametrize(
    "named, says", [("gpu", "expected cpu, cuda, cuda:1, mps or xpu"), ("cuda:63", "finds no cuda:63 here"), ("meta", "expected cpu")]
)
def test_a_device_that_is_not_there_is_one_line(monkeypatch, named, says):
    monkeypatch.setenv("PROXY3D_DEVICE", named)
    with pytest.raises(BadInput, match=says) as error:
        computing_device()
    assert "\n" not in str(error.value) and str(error.value).startswith(f"PROXY3D_DEVICE={named}: ")


def test_each_process_takes_the_device_with_its_number(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    for named, where in (("cuda", "cuda"), ("cuda:1", "cuda:1"), ("cpu", "cpu"), ("", "cpu")):
        monkeypatch.setenv("PROXY3D_DEVICE", named)
        assert computing_device() == torch.device(where)
    monkeypatch.setenv("WORLD_SIZE", "8")
    for rank, named, says in (("3", "cuda:1", "several processes would share one device"), ("7", "cuda", "finds no cuda:7 here")):
        monkeypatch.setenv("LOCAL_RANK", rank)
        monkeypatch.setenv("PROXY3D_DEVICE", named)
        with pytest.raises(BadInput, match=says):
            computing_device()
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert computing_device() == torch.device("cuda:3")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_says_what_the_processor_says(folder, monkeypatch):
    host = PUBLISHED["qwen2_5_vl"](folder)
    settings, scene = PaperSettings(host.name, host.hash, 7, "tiny sha256:seeded"), numbers(7)
    said = []
    for where in ("cpu", "cuda"):
        monkeypatch.setenv("PROXY3D_DEVICE", where)
        reader = PaperReader(PUBLISHED["qwen2_5_vl"](folder), settings, seed=3)
        assert reader.device.type == where
        said.append(float(reader(scene, identities(scene.extent_m), None, [reader.asked("What?")], [reader.answered("a chair")])))
    assert said[0] == pytest.approx(said[1], rel=1e-3)
