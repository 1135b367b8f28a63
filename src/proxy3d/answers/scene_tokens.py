"""A scene as the first tokens of a sequence: a vector for each proxy, or each true object written out in words."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.answers.language_models.llama import LlamaHost
from proxy3d.tokens.position import PLACE_DIM, VIEWER_DIM
from proxy3d.tokens.project import SceneNumbers

POSITIONS = ("place", "hybrid", "none")


class SceneVectors(nn.Module):
    """The viewer, then each proxy: its meaning and, by `position`, where it is.

    "place": a linear layer on all place numbers (tokens.position). "hybrid": the published way, see `Hybrid`; no extents, and of
    the first camera only the viewer's token, which comes first whatever the position. "none": the token does not know where it is.
    True objects may be shown in the place of proxies where `symbol_dim` is the length of their features: they have an input layer of their own.
    """

    def __init__(self, proxy_dim: int, width: int, position: str, symbol_dim: int = 0):
        super().__init__()
        if position not in POSITIONS:
            raise ValueError(f"SceneVectors.position: expected one of {', '.join(POSITIONS)}, got {position!r}")
        self.position = position
        self.look, self.viewer = nn.Linear(proxy_dim, width), nn.Linear(VIEWER_DIM, width)
        self.place = nn.Linear(PLACE_DIM, width) if position == "place" else Hybrid(width) if position == "hybrid" else None
        self.feed = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.norm = nn.LayerNorm(width)  # as large as a word
        self.symbol = nn.Linear(symbol_dim, width) if symbol_dim else None

    def forward(self, numbers: SceneNumbers, *, symbols: bool = False) -> tuple[Float[Tensor, "1 1+K W"], Int[Tensor, "K"]]:
        """Tokens, and which of them are the things that can be pointed at."""
        look = self.symbol if symbols else self.look
        x = look(F.normalize(numbers.feature, dim=-1) * numbers.feature.shape[-1] ** 0.5)
        if self.position == "place":
            x = x + self.place(numbers.place)
        elif self.position == "hybrid":
            x = self.place(x, numbers.xyz_room_m)
        x = torch.cat([self.viewer(numbers.viewer)[None], x])
        return self.norm(x + self.feed(x))[None], torch.arange(1, len(x))


class Hybrid(nn.Module):
    """z' = R(height) z + MLP[cos 2 pi W c, sin 2 pi W c]: rotation by height, learned Fourier features of the floor plane (method.md 3.7)."""

    def __init__(self, width: int, waves: int = 32):
        super().__init__()
        self.wave = nn.Parameter(torch.randn(waves, 2) / 4)  # wavelengths of a few metres
        self.floor = nn.Sequential(nn.Linear(2 * waves, width), nn.GELU(), nn.Linear(width, width))
        self.register_buffer("rate", math.pi * 100.0 ** -(torch.arange(width // 2) * 2 / width))  # radians per metre

    def forward(self, z: Float[Tensor, "K W"], xyz_room_m: Float[Tensor, "K 3"]) -> Float[Tensor, "K W"]:
        angle = xyz_room_m[:, 2:] * self.rate
        a, b = z.chunk(2, -1)
        turned = torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)
        phase = 2 * math.pi * xyz_room_m[:, :2] @ self.wave.T
        return turned + self.floor(torch.cat([phase.cos(), phase.sin()], -1))


class SceneText(nn.Module):
    """Each object as words: "gray armchair 1.2 -0.4 0.5 0.9 0.8 1.0 ;", centre and size in metres along the room's axes.

    Reads true objects (representations.objects_of), whose feature holds category and colour as one 1 each. It has no weights: words are
    embedded as those of questions are.
    """

    def __init__(self, categories: tuple[str, ...], colours: tuple[str, ...], host: LlamaHost):
        super().__init__()
        self.categories, self.colours, self.host = categories, colours, [host]  # in a list: its weights are registered elsewhere

    def forward(self, numbers: SceneNumbers) -> tuple[Float[Tensor, "1 P W"], Int[Tensor, "K"]]:
        """Tokens, and the last one of each object: what is pointed at."""
        host, kinds = self.host[0], len(self.categories) + 1
        ids, ends = [], []
        for feature, xyz, extent in zip(numbers.feature, numbers.xyz_room_m.tolist(), numbers.extent_m.tolist(), strict=True):
            kind, colour = int(feature[:kinds].argmax()), int(feature[kinds:].argmax())
            words = [(*self.colours, "")[colour], (*self.categories, "thing")[kind]]
            ids += host.tokenizer.encode(" ".join([*words, *(f"{v:.1f}" for v in xyz), *(f"{2 * v:.1f}" for v in extent), ";"]))
            ends.append(len(ids) - 1)
        return host.embed(torch.tensor(ids))[None], torch.tensor(ends)
