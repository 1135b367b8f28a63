"""Whether training should multiply in bfloat16 on this machine."""

from __future__ import annotations

import os

import torch

from proxy3d.device import VARIABLE

TOO_OLD = ("DEFAULT", "NO AVX", "AVX2")  # torch's words for processors that imitate bfloat16: up to eight times as slow as float32 there


def bf16_is_faster() -> bool:
    """True on processors with AVX-512 or newer, and where PROXY3D_DEVICE names another device (whether that exists is asked where it is used)."""
    return os.environ.get(VARIABLE, "cpu") not in ("", "cpu") or torch.backends.cpu.get_cpu_capability() not in TOO_OLD
