"""The learned parts, as one safetensors file with everything needed to rebuild them, or as a folder that the hub can hold."""

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
from proxy3d.hub import FORMAT, MODEL_TYPE, folder_of, is_hub_name, read_folder, write_folder
from proxy3d.model_card import UNKNOWN, model_card
from proxy3d.paper_weights import PART, PaperWeights
from proxy3d.proxies.clusterers import LEARNED, Learned
from proxy3d.proxies.encoder import EncoderSettings, ProxyEncoder
from proxy3d.tensor_file import load_tensors, save_tensors

SHIPPED = Path(__file__).parent / "weights"
DEFAULT = "laptop"
PARTS = ("encoder", "clusterer", "reader")
OF_OTHERS = ("views",)  # files in SHIPPED that are no such weights: --geometric embedded reads them


@dataclass(frozen=True)
class Weights:
    """Parts are built when they are asked for: encoding needs no language model, and loading one takes seconds."""

    name: str
    tensors: dict[str, Tensor]
    facts: dict
    hash: str  # sha256 of the file
    file: Path | None = None  # where that lies

    @classmethod
    def from_pretrained(cls, path_or_hub_id: str | Path) -> Weights:
        """Weights from a folder made by `save_pretrained`, or from OWNER/NAME[@REVISION] in the hub's cache or on the hub.

        Raises:
            BadInput: nothing there, or it is damaged or something else.
        """
        return load_weights(path_or_hub_id)

    def save_pretrained(self, folder: str | Path, *, preset: dict | None = None, licence: str | None = None, force: bool = False) -> Path:
        """Write model.safetensors (the same bytes), config.json and a model card; `preset` is what the weights are meant to be used with.

        Raises:
            BadInput: one of the files exists, the folder cannot be written, or the weights have changed since they were read.
        """
        data = self.file.read_bytes() if self.file and self.file.is_file() else b""
        if hashlib.sha256(data).hexdigest() != self.hash:
            raise BadInput(f"the weights {self.name} are not where they were read from, or have changed since; load them again")
        sizes = {part: self.facts.get(part) for part in PARTS}
        config = {"model_type": MODEL_TYPE, "format": FORMAT, "name": self.name, "sha256": self.hash, "sizes": sizes, "preset": preset}
        terms = licence or ("apache-2.0" if self.file.parent == SHIPPED else UNKNOWN)
        card = model_card(self.name, self.facts, self.hash, preset=preset, licence=terms, parts=self._needed(preset))
        return write_folder(Path(folder), data, config, card, force=force)

    def _needed(self, preset: dict | None) -> dict[str, str]:
        """What does not lie in the file, each with its licence."""
        from proxy3d.features.semantic import SEMANTIC

        parts = {}
        semantic = SEMANTIC.get(preset["semantic"].partition(":")[0]) if preset else None
        if semantic:
            parts[f"the semantic encoder {preset['semantic']}"] = semantic.licence
        if self.has_reader:
            parts[f"the language model {self.reader_settings.language_model}"] = "Apache-2.0"
        return parts

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


def load_weights(name_or_path: str | Path = DEFAULT) -> Weights:
    """Weights that ship with the package, by name; a file, a folder made by `save_pretrained`, or OWNER/NAME on the Hugging Face hub.

    Raises:
        BadInput: no such name, file or folder; lists the names.
    """
    named, path = str(name_or_path), Path(name_or_path).expanduser()
    shipped = SHIPPED / f"{named}.safetensors"
    if "/" not in named and shipped.is_file():  # a folder that happens to be called so must not change what the default means
        return weights_of(shipped, shipped.stem, hashlib.sha256(shipped.read_bytes()).hexdigest())
    if path.is_dir() or (path.suffix != ".safetensors" and is_hub_name(named)):
        found = read_folder(folder_of(named))
        weights = weights_of(found.tensors, found.name, found.hash)
        if found.config.get("sizes") != {part: weights.facts.get(part) for part in PARTS}:
            raise BadInput(f"{found.tensors.parent}: config.json states other sizes than the weights beside it; fetch the folder again")
        return weights
    if path.suffix != ".safetensors":
        known = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.safetensors") if p.stem not in OF_OTHERS)) or "none"
        raise BadInput(
            f"no weights are called {named!r}; known: {known}; or give the path of a .safetensors file, "
            "a folder made by `proxy3d export`, or OWNER/NAME on the Hugging Face hub"
        )
    return weights_of(path, path.stem, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")


def load_learned(name_or_path: str | Path) -> Weights | PaperWeights:
    """The same, or the file of a reader of the paper's kind.

    Raises:
        BadInput: as `load_weights`.
    """
    path = Path(name_or_path).expanduser()
    if path.suffix == ".safetensors" and path.is_file():
        tensors, facts = load_tensors(path)
        if isinstance(facts, dict) and isinstance(facts.get(PART), dict):
            return PaperWeights(path.stem, tensors, facts, hashlib.sha256(path.read_bytes()).hexdigest())
    return load_weights(name_or_path)


def weights_of(file: Path, name: str, digest: str) -> Weights:
    """What one safetensors file holds.

    Raises:
        BadInput: missing, broken, or not made by us.
    """
    tensors, facts = load_tensors(file)
    if isinstance(facts, dict) and PART in facts:
        raise BadInput(f"{file}: a reader for a published language model; it goes with `ask` and `ground`, --preset paper_450 and --language-model")
    if not isinstance(facts, dict) or not all(isinstance(facts.get(part), dict) for part in ("encoder", "clusterer")):
        raise BadInput(f"{file}: these are not proxy3d weights; expected a file made by `proxy3d train`")
    return Weights(name, tensors, facts, digest, file)


@torch.no_grad()
def round_to_half(*modules: nn.Module) -> None:
    """Round learned values as a saved file will, so that what is evaluated is what ships."""
    for module in modules:
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if is_learned(name):
                value.copy_(value.half().float())
