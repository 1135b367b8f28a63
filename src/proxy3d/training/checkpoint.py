"""Weights and optimiser state in one safetensors file, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from proxy3d.errors import BadInput
from proxy3d.tensor_file import load_tensors, save_tensors
from proxy3d.training.processes import gathered, part_of_mine


def save_checkpoint(path: Path, parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer, facts: dict, *, writes: bool = True) -> None:
    """Everything needed to go on exactly: parameters, AdamW's two moments and step counts, and JSON-able facts.

    Processes may hold parts of the parameters, so all call this and one of them `writes`.
    """
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        for key, part in {"value": parameter, **optimizer.state.get(parameter, {})}.items():
            tensor = gathered(part.detach())
            if writes:
                tensors[f"{key}/{name}"] = tensor.cpu().contiguous()
    if writes:
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
            parameter.copy_(part_of_mine(tensors[f"value/{name}"], parameter))
        moments = {key: tensors[f"{key}/{name}"] for key in ("exp_avg", "exp_avg_sq") if f"{key}/{name}" in tensors}
        if moments:
            state = {key: part_of_mine(value, parameter).to(parameter.device, copy=True) for key, value in moments.items()}
            optimizer.state[parameter] = {**state, "step": tensors[f"step/{name}"].clone()}
    return facts
