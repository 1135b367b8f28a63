"""Where published models compute: on the processor, or on the device that PROXY3D_DEVICE names."""

from __future__ import annotations

import os

import torch
from torch import nn

from proxy3d.errors import BadInput

VARIABLE = "PROXY3D_DEVICE"


def computing_device() -> torch.device:
    """The device of encoders, mask sources and language models that come with weights of one's own, and of the training of such a reader.

    All values between stages, and everything that ships, stay on the processor. Of several processes each takes the device with its number.

    Raises:
        BadInput: PROXY3D_DEVICE is none of torch's words for a device, or this machine has none such.
    """
    named = os.environ.get(VARIABLE) or "cpu"
    try:
        device = torch.device(named)
        there = device.type in ("cpu", "meta") or torch.get_device_module(device).is_available()
    except (RuntimeError, AttributeError):  # AttributeError: a word that torch knows and has nothing for
        raise BadInput(f"{VARIABLE}={named}: expected cpu, cuda, cuda:1, mps or xpu") from None
    if not there:
        raise BadInput(f"{VARIABLE}={named}: torch {torch.__version__} finds no such device here; leave it out to compute on the processor")
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def put_on_device(model: nn.Module) -> nn.Module:
    """A model where it computes; what it is called with goes there too, and what it returns comes back to where that was."""
    device = computing_device()
    if device.type == "cpu":
        return model
    from accelerate.hooks import AlignDevicesHook, add_hook_to_module

    return add_hook_to_module(model.to(device), AlignDevicesHook(execution_device=device, io_same_device=True))
