"""The smallest form of proxies: 4-bit features and coarse places, squeezed by an entropy code, with a stated loss.

A codebook (product quantisation) would be larger than the 32 vectors it is meant to shrink, so every proxy has its own step
instead, and a Huffman code takes the half bit that large codes use less often than small ones.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

LARGEST = 7  # features are whole steps -7..7
PER_OCTAVE = 24  # lengths are the largest one halved k / 24 times: within 1.5 %
SEEN_TOTAL = 15


def squeezed(data: bytes, *, runs: bool) -> UInt8[Tensor, "n"]:
    """Raw deflate; without `runs` only its Huffman code, which is smaller where no two values in a row have anything to do with each other."""
    code = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY if runs else zlib.Z_HUFFMAN_ONLY)
    return torch.frombuffer(bytearray(code.compress(data) + code.flush()), dtype=torch.uint8)


def unsqueezed(data: UInt8[Tensor, "n"], size: int) -> bytes:
    """What was squeezed, which has to be `size` bytes: a short file cannot ask for gigabytes.

    Raises:
        ValueError: not a code, or another size.
    """
    try:
        code = zlib.decompressobj(-15)
        out = code.decompress(data.numpy().tobytes(), size + 1)
    except zlib.error as error:
        raise ValueError(f"packed proxies cannot be unpacked ({error})") from None
    if len(out) != size or not code.eof:
        raise ValueError(f"packed proxies hold {len(out)} bytes, expected {size}")
    return out


def feature_codes(feature: Float[Tensor, "K D"]) -> tuple[bytes, Tensor]:
    """Whole steps -7..7 as bytes, and the step of each proxy (bfloat16, exact in few digits, so that coding again changes nothing)."""
    step = (feature.double().abs().amax(1) / LARGEST).to(torch.bfloat16) if feature.shape[1] else torch.zeros(len(feature), dtype=torch.bfloat16)
    whole = (feature.double() / step.double().clamp_min(1e-300)[:, None]).round().clamp(-LARGEST, LARGEST)
    return whole.to(torch.int8).numpy().tobytes(), step


def halvings(length: Float[Tensor, "*n"]) -> tuple[UInt8[Tensor, "*n"], float]:
    """How often, in steps of 1/24, the largest length has to be halved to give each one; and that largest length."""
    most = float(length.max()) if length.numel() else 0.0
    times = torch.log2(most / length.double().clamp_min(most * 2.0**-11)) * PER_OCTAVE if most > 0 else torch.zeros_like(length)
    return times.round().clamp(0, 255).to(torch.uint8), most


def lengths(times: UInt8[Tensor, "*n"], most: float) -> Float[Tensor, "*n"]:
    """Lengths from their halvings.

    Raises:
        ValueError: the largest is not a length.
    """
    if not (isinstance(most, float) and 0 <= most < math.inf):
        raise ValueError(f"largest length {most!r} is not a length")
    return (most * 2.0 ** (-times.double() / PER_OCTAVE)).float()


def planes(*columns: Tensor) -> bytes:
    """Columns of whole numbers, byte by byte: first all low bytes, then the higher ones, which are nearly all alike."""
    return b"".join(np.ascontiguousarray(flat_bytes(column).T).tobytes() for column in columns)


def flat_bytes(column: Tensor) -> np.ndarray:
    """Little-endian bytes (values, bytes each) of a tensor."""
    raw = column.contiguous().view(torch.int16 if column.dtype is torch.bfloat16 else column.dtype).numpy()
    return np.frombuffer(raw.astype(raw.dtype.newbyteorder("<")).tobytes(), np.uint8).reshape(raw.size, -1)


def unplaned(data: bytes, shapes: dict[str, tuple[tuple[int, ...], torch.dtype]]) -> dict[str, Tensor]:
    """The columns of `planes`, by name, in the order of `shapes`; `data` has exactly their bytes."""
    found, at = {}, 0
    for name, (shape, dtype) in shapes.items():
        values, width = math.prod(shape), dtype.itemsize
        part = np.frombuffer(data, np.uint8, values * width, at).reshape(width, values)
        found[name] = torch.frombuffer(bytearray(np.ascontiguousarray(part.T).tobytes()) or bytearray(width), dtype=dtype)[:values].reshape(shape)
        at += values * width
    return found


def packed_shapes(count: int, frames: int, *, sigma: bool) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """What lies in the packed rest, in order."""
    shapes = {
        "xyz": ((count, 3), torch.uint16),
        "extent": ((count, 3), torch.uint8),
        "step": ((count,), torch.bfloat16),
        "weight": ((count,), torch.uint16),
        "size": ((count,), torch.int32),
        "seen": ((count, frames), torch.uint8),
    }
    return shapes | ({"sigma": ((count,), torch.uint8)} if sigma else {})


def packed_size(shapes: dict[str, tuple[tuple[int, ...], torch.dtype]]) -> int:
    """Bytes of everything in it."""
    return sum(math.prod(shape) * dtype.itemsize for shape, dtype in shapes.values())
