"""The plug-in for lmms-eval: declared where the harness looks, importable without it, and answering through its interface where it is installed."""

from __future__ import annotations

import sys
import tomllib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from proxy3d.errors import BadInput
from proxy3d.evaluation import lmms_eval as plugin


def test_the_entry_point_is_declared_and_leads_to_the_manifest():
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["lmms_eval.models"] == {"proxy3d": f"{plugin.__name__}:manifest"}
    assert callable(plugin.manifest)


def test_a_task_shows_one_path():
    assert plugin.capture_of(["room"]) == plugin.capture_of("room") == "room"
    for shown in ([], ["a", "b"], [object()], None):
        with pytest.raises(BadInput, match="one path of a capture with depth"):
            plugin.capture_of(shown)


@pytest.fixture
def harness(monkeypatch):
    """The two parts of lmms-eval 0.7 that the plug-in meets, as small as they can be."""

    class Lmms(ABC):
        def __init__(self):
            self.task_dict = {}

        @abstractmethod
        def generate_until(self, requests): ...

        @abstractmethod
        def loglikelihood(self, requests): ...

        @abstractmethod
        def generate_until_multi_round(self, requests): ...

    @dataclass(frozen=True)
    class ModelManifest:
        model_id: str
        simple_class_path: str

    full = {".api.model": {"lmms": Lmms}, ".models.registry_v2": {"ModelManifest": ModelManifest}}
    for name, content in {"": {}, ".api": {}, ".models": {}, **full}.items():
        module = ModuleType(f"lmms_eval{name}")
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    plugin._model_class.cache_clear()
    yield
    plugin._model_class.cache_clear()


def test_answers_come_in_order_and_a_capture_is_encoded_once(harness, monkeypatch):
    path = plugin.manifest().simple_class_path
    assert path == "proxy3d.evaluation.lmms_eval.Proxy3D"
    model = getattr(plugin, path.rpartition(".")[2])(preset="tiny", batch_size=1)
    encoded = []
    sessions = SimpleNamespace(encode=lambda capture: encoded.append(capture) or capture, session=lambda scene: SimpleNamespace(ask=reply(scene)))

    def reply(scene):
        return lambda question: SimpleNamespace(text=f"{scene}: {question}")

    monkeypatch.setattr(model, "pipeline", sessions)
    model.task_dict = {"t": {"test": [{"v": "room"}, {"v": "room"}, {"v": "hall"}]}}
    asked = [SimpleNamespace(args=(f"What\n is {i}?", {}, lambda doc: [doc["v"]], i, "t", "test")) for i in range(3)]
    assert model.generate_until(asked) == ["room: What is 0?", "room: What is 1?", "hall: What is 2?"] and encoded == ["room", "hall"]
    with pytest.raises(BadInput, match="generate_until only"):
        model.loglikelihood([])


def test_without_the_harness_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lmms_eval", None)
    plugin._model_class.cache_clear()
    with pytest.raises(BadInput, match="pip install"):
        _ = plugin.Proxy3D
    with pytest.raises(AttributeError):
        _ = plugin.Nobody
