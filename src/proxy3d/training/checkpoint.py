"""Weights and optimiser state in one safetensors file, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from proxy3d.errors import BadInput
from proxy3d.tensor_file import load_tensors, save_tensors


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
