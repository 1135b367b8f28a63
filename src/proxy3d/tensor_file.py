"""Named tensors and a few facts about them in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.part_file import part_of


def save_tensors(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """A safetensors file with its facts as JSON in the header; atomic."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    save_file(tensors, part, metadata={"facts": json.dumps(facts, sort_keys=True)})
    os.replace(part, path)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors and facts of a file made by `save_tensors`.

    Raises:
        BadInput: missing or broken file.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such weight file; expected a .safetensors file made by `proxy3d train`")
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            return {key: file.get_tensor(key) for key in file.keys()}, facts  # noqa: SIM118 - not a dict
    except (SafetensorError, ValueError) as error:
        raise BadInput(f"{path}: not a readable safetensors file ({error})") from None
