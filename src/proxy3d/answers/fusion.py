"""Let a question pick the proxies that matter: text and proxies read each other, then proxies point, and layers above read them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from proxy3d.tokens.project import Attend, Feed


class Fusion(nn.Module):
    """Scene tokens look at the words of a question and at each other, a few times over.

    The brief's "cross-modal attention from text picks the proxies that matter" (method.md 1.6). Doing it in a narrow
    network beside the language model keeps it cheap: 33 tokens of width 256 instead of 576-wide layers.
    """

    def __init__(self, text_dim: int, width: int, layers: int, heads: int):
        super().__init__()
        self.text = nn.Sequential(nn.LayerNorm(text_dim), nn.Linear(text_dim, width), Feed(width))
        self.layers = nn.ModuleList(nn.ModuleList([Attend(width, heads), Attend(width, heads), Feed(width)]) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, tokens: Float[Tensor, "Q 1+K W"], text: Float[Tensor, "Q n E"], text_mask: Bool[Tensor, "Q n"]
    ) -> Float[Tensor, "Q 1+K W"]:
        """Scene tokens in the light of each question; `text_mask` is True on its words, of which each question has at least one."""
        words = self.text(text)
        x = tokens
        for read, among, feed in self.layers:
            x = feed(among(read(x, words, text_mask)))
        return self.norm(x)


class PointingHead(nn.Module):
    """Each proxy says whether it belongs to what the phrase means, and where that object's box would be."""

    def __init__(self, width: int):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1 + 6))

    def forward(self, fused: Float[Tensor, "Q K W"], xyz_room_m: Float[Tensor, "#Q K 3"]) -> tuple[Float[Tensor, "Q K"], Float[Tensor, "Q K 6"]]:
        """Logits, and boxes (centre, size) in metres along the room's axes."""
        score, offset, size = self.net(fused).split([1, 3, 3], -1)
        return score[..., 0], torch.cat([xyz_room_m + offset, (size.clamp(-4, 2)).exp()], -1)


class GatedCrossAttention(nn.Module):
    """h <- h + tanh(gate) Attention(h, memory); the gate starts at 0, so the language model starts as it was.

    Flamingo (Alayrac et al. 2022, arXiv 2204.14198, section 2.2), with queries, keys and values in the narrow width.
    """

    def __init__(self, host_dim: int, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(host_dim)
        self.query, self.key_value, self.out = nn.Linear(host_dim, width), nn.Linear(width, 2 * width), nn.Linear(width, host_dim)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, hidden: Float[Tensor, "Q n E"], memory: Float[Tensor, "Q m W"]) -> Float[Tensor, "Q n E"]:
        """What is to be added to the hidden states."""
        q_count, n, _ = hidden.shape
        q = self.query(self.norm(hidden)).view(q_count, n, self.heads, -1).transpose(1, 2)
        k, v = self.key_value(memory).view(q_count, memory.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v)
        return self.gate.tanh() * self.out(seen.transpose(1, 2).reshape(q_count, n, -1))
