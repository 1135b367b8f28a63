"""Weights and optimiser state in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from proxy3d.errors import BadInput


def save_checkpoint(path: Path, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer, facts: dict) -> None:
    """Everything needed to go on exactly: parameters, AdamW's two moments and step counts, and JSON-able facts."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        tensors[f"value/{name}"] = parameter.detach().contiguous()
        for key, state in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}/{name}"] = state.detach().contiguous()
    save_tensors(path, tensors, facts)


def load_checkpoint(path: Path, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> dict:
    """Put a checkpoint back; returns its facts.

    Raises:
        BadInput: the file is broken or belongs to another model.
    """
    tensors, facts = load_tensors(path)
    for name, parameter in parameters.items():
        got = tuple(tensors[f"value/{name}"].shape) if f"value/{name}" in tensors else "nothing"
        if got != tuple(parameter.shape):
            raise BadInput(f"{path}: a checkpoint of another model ({name}: {got}, expected {tuple(parameter.shape)}); delete it to start again")
    for name, parameter in parameters.items():
        with torch.no_grad():
            parameter.copy_(tensors[f"value/{name}"])
        state = {key: tensors[f"{key}/{name}"].clone() for key in ("exp_avg", "exp_avg_sq", "step") if f"{key}/{name}" in tensors}
        if state:
            optimizer.state[parameter] = state
    return facts


def save_tensors(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """A safetensors file with its facts as JSON in the header; atomic."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
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
