"""What a reader of the paper's kind has learned, as one safetensors file; its language model lies elsewhere and is named when it is used."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from proxy3d.answers.language_models.causal import CausalHost
from proxy3d.answers.paper import PaperReader, PaperSettings
from proxy3d.errors import BadInput
from proxy3d.tensor_file import save_tensors
from proxy3d.training.processes import gathered
from proxy3d.values import Scene

PART = "paper"


@dataclass(frozen=True)
class PaperWeights:
    """Tensors and facts of such a file."""

    name: str
    tensors: dict[str, Tensor]
    facts: dict
    hash: str  # sha256 of the file

    @cached_property
    def settings(self) -> PaperSettings:
        """Raises BadInput: the file belongs to another version."""
        try:
            return PaperSettings(**self.facts[PART])
        except TypeError as error:
            raise self._of_another_version(error) from None

    def reader(self, host: CausalHost) -> PaperReader:
        """The reader, with this language model.

        Raises:
            BadInput: it was trained with another one, or the file belongs to another version.
        """
        s = self.settings
        if (host.name, host.hash) != (s.language_model, s.language_model_sha256):
            raise BadInput(
                f"{host.named}: the weights {self.name} were trained with another language model, {s.language_model} whose words have the sha256 "
                f"{s.language_model_sha256[:16]}, not {host.hash[:16]}; name the one that they were trained with"
            )
        reader = PaperReader(host, s)
        wanted = reader.learned()
        odd = sorted(wanted.keys() ^ self.tensors.keys()) or sorted(n for n, p in wanted.items() if p.shape != self.tensors[n].shape)
        if odd:
            raise self._of_another_version(odd[0])
        with torch.no_grad():
            for name, parameter in wanted.items():
                parameter.copy_(self.tensors[name])
        return reader.eval().requires_grad_(False)

    def check_scene(self, scene: Scene) -> None:
        """Raises BadInput: something else looked at its frames than this reader has learnt to read; it would give answers, only wrong ones."""
        made_with = scene.encoders.get("weights") or scene.encoders.get("semantic")
        if made_with != self.settings.semantic or scene.proxies.feature.shape[1] != self.settings.proxy_dim:
            raise BadInput(
                f"scene {scene.clip_id}: was encoded with {made_with}, and the weights {self.name} read features of {self.settings.semantic}; "
                "encode the capture again with that one"
            )

    def _of_another_version(self, why: object) -> BadInput:
        return BadInput(f"the weights {self.name} belong to another version ({why}); train them again with `proxy3d train paper`")


def save_paper(path: Path, reader: PaperReader, facts: dict, *, writes: bool = True) -> None:
    """Write what was learned in float16: without the language model, or with its words and layers where they have moved.

    `writes` as in `training.checkpoint.save_checkpoint`.
    """
    tensors = {}
    for name, parameter in reader.learned().items():
        value = gathered(parameter.detach())
        if writes:
            tensors[name] = value.half().cpu().contiguous()
    if writes:
        save_tensors(path, tensors, {**facts, PART: asdict(reader.settings)})
