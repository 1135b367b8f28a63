"""The learned parts, as one safetensors file with everything needed to rebuild them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from proxy3d.answers.language_models import LANGUAGE_MODELS
from proxy3d.answers.model import ReaderSettings, SpatialReader
from proxy3d.answers.objects import ObjectNamer
from proxy3d.errors import BadInput
from proxy3d.proxies.clusterers import LEARNED, Learned
from proxy3d.proxies.encoder import EncoderSettings, ProxyEncoder
from proxy3d.tensor_file import load_tensors, save_tensors

SHIPPED = Path(__file__).parent / "weights"
DEFAULT = "first"


@dataclass(frozen=True)
class Weights:
    """Parts are built when they are asked for: encoding needs no language model, and loading one takes seconds."""

    name: str
    tensors: dict[str, Tensor]
    facts: dict
    hash: str  # sha256 of the file

    @cached_property
    def encoder(self) -> ProxyEncoder:
        return self._filled(lambda: ProxyEncoder(EncoderSettings(**self.facts["encoder"])), "encoder")

    @property
    def clusterer_name(self) -> str:
        """Which of LEARNED these weights hold; files from before there was a choice do not say."""
        return self.facts["clusterer"].get("name", "soft_kmeans")

    @cached_property
    def clusterer(self) -> Learned:
        if self.clusterer_name not in LEARNED:
            raise self._of_another_version(f"no learned clusterer is called {self.clusterer_name!r}; known: {', '.join(LEARNED)}")
        sizes = {key: value for key, value in self.facts["clusterer"].items() if key != "name"}
        if self.clusterer_name == "soft_kmeans":  # a reader trained before clusters were merged has not seen merged ones
            sizes = {"spare": 0.0, **sizes}
        return self._filled(lambda: LEARNED[self.clusterer_name](**sizes), "clusterer")

    @property
    def has_reader(self) -> bool:
        """Whether they can name, answer and ground, or only encode."""
        return self.facts.get("reader") is not None

    @property
    def reader_settings(self) -> ReaderSettings:
        """Sizes of the reader.

        Raises:
            BadInput: these weights can only encode, or belong to another version.
        """
        raw = self.facts.get("reader")
        if not self.has_reader:
            raise BadInput(f"the weights {self.name} hold no reader: they can encode a capture, not answer; use --weights {DEFAULT}")
        try:
            settings = ReaderSettings(**{**raw, "categories": tuple(raw["categories"]), "colours": tuple(raw["colours"])})
        except (TypeError, KeyError) as error:
            raise self._of_another_version(error) from None
        if settings.language_model not in LANGUAGE_MODELS:
            raise self._of_another_version(f"no language model is called {settings.language_model!r}; known: {', '.join(LANGUAGE_MODELS)}")
        return settings

    @cached_property
    def namer(self) -> ObjectNamer:
        """What names objects without a language model."""
        s = self.reader_settings
        return self._filled(lambda: ObjectNamer(s.proxy_dim, s.width, s.scene_layers, s.heads, s.categories, s.colours), "reader.namer")

    @cached_property
    def reader(self) -> SpatialReader:
        """The whole reader, with its language model; takes seconds the first time."""
        s = self.reader_settings

        def build() -> SpatialReader:
            reader = SpatialReader(LANGUAGE_MODELS[s.language_model](), s)
            if any(name.endswith(".down") for name in self.tensors):
                reader.adapt()
            return reader

        return self._filled(build, "reader")

    def _filled(self, build: Callable[[], nn.Module], part: str) -> nn.Module:
        """A part rebuilt from its settings and filled with its tensors; a host's own weights come from its package instead."""
        state = {name[len(part) + 1 :]: value.float() for name, value in self.tensors.items() if name.startswith(part + ".")}
        try:
            module = build()
            missing, foreign = module.load_state_dict(state, strict=False)
        except (TypeError, RuntimeError) as error:
            raise self._of_another_version(error) from None
        absent = [name for name in missing if is_learned(name)]
        if absent or foreign:
            raise self._of_another_version(f"{part} lacks {absent[0]}" if absent else f"{part} has no use for {foreign[0]}")
        return module.eval()

    def _of_another_version(self, why: object) -> BadInput:
        return BadInput(f"the weights {self.name} belong to another version ({why}); train them again with `proxy3d train`")


def is_learned(name: str) -> bool:
    """Whether a parameter of a reader is ours; a language model's own ones are not, except what was added to it."""
    return not name.startswith("host.") or name.endswith((".down", ".up"))


def save_weights(path: Path, *, encoder: ProxyEncoder, clusterer: Learned, reader: SpatialReader | None, facts: dict) -> None:
    """Write the learned parts in float16, without the frozen language model."""
    parts = {"encoder": encoder.state_dict(), "clusterer": clusterer.state_dict()}
    if reader is not None:
        parts["reader"] = {k: v for k, v in reader.state_dict().items() if is_learned(k)}
    tensors = {f"{part}.{name}": value.half().contiguous() for part, state in parts.items() for name, value in state.items()}
    shapes = {"encoder": asdict(encoder.settings), "clusterer": {"name": clusterer.name, **clusterer.sizes}}
    save_tensors(path, tensors, {**facts, **shapes, "reader": asdict(reader.settings) if reader else None})


def load_weights(name_or_path: str = DEFAULT) -> Weights:
    """Weights that ship with the package, by name, or a file of one's own.

    Raises:
        BadInput: no such name or file; lists the names.
    """
    path = Path(name_or_path)
    if path.suffix != ".safetensors":
        path = SHIPPED / f"{name_or_path}.safetensors"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.safetensors"))) or "none"
            raise BadInput(f"no weights are called {name_or_path!r}; known: {known}; or give the path of a .safetensors file")
    tensors, facts = load_tensors(path)
    if not all(isinstance(facts.get(part), dict) for part in ("encoder", "clusterer")):
        raise BadInput(f"{path}: these are not proxy3d weights; expected a file made by `proxy3d train`")
    return Weights(path.stem, tensors, facts, hashlib.sha256(path.read_bytes()).hexdigest())


@torch.no_grad()
def round_to_half(*modules: nn.Module) -> None:
    """Round learned values as a saved file will, so that what is evaluated is what ships."""
    for module in modules:
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if is_learned(name):
                value.copy_(value.half().float())
