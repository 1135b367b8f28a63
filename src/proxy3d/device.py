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
        if device.type == "cpu":
            return device
        module = torch.get_device_module(device)
        count = module.device_count() if module.is_available() else 0
    except (RuntimeError, AttributeError):  # AttributeError: a word that torch knows and has nothing for
        raise BadInput(f"{VARIABLE}={named}: expected cpu, cuda, cuda:1, mps or xpu") from None
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        if device.index is not None:
            raise BadInput(f"{VARIABLE}={named}: several processes would share one device; leave the number out, and each takes its own")
        device = torch.device(device.type, int(os.environ.get("LOCAL_RANK", "0")))
    if (device.index or 0) >= count:
        raise BadInput(f"{VARIABLE}={named}: torch {torch.__version__} finds no {device} here; leave it out to compute on the processor")
    return device


def put_on_device(model: nn.Module) -> nn.Module:
    """A model where it computes; what it is called with goes there too, and what it returns comes back to where that was."""
    device = computing_device()
    if device.type == "cpu":
        return model
    from accelerate.hooks import AlignDevicesHook, add_hook_to_module

    return add_hook_to_module(model.to(device), AlignDevicesHook(execution_device=device, io_same_device=True))
