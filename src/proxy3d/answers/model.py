"""The whole reader: scene tokens and a question go in, words and pointed-at proxies come out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from proxy3d.answers.fusion import VERDICTS, Fused, Fusion, GatedCrossAttention, PointingHead
from proxy3d.answers.language_models.llama import LlamaHost, add_low_rank
from proxy3d.answers.objects import ObjectNamer

if TYPE_CHECKING:
    from proxy3d.tokens.project import SceneNumbers


@dataclass(frozen=True)
class ReaderSettings:
    """Sizes of a SpatialReader."""

    language_model: str = "smollm2"
    proxy_dim: int = 96
    width: int = 256
    heads: int = 8
    scene_layers: int = 2
    fusion_layers: int = 3
    tap: int = 8  # language-model layers that a question goes through before it sees the scene
    cross_every: int = 4  # from the tap on, every n-th layer reads what the proxies make of the question
    rank: int = 8  # of the low-rank additions that stage 3 learns
    categories: tuple[str, ...] = ()  # words of the object head


class SpatialReader(nn.Module):
    """A frozen language model that sees proxies twice: as tokens in its sequence and through gated cross-attention.

    - `namer`: proxies -> scene tokens, which also name and box themselves without any question
    - `show`: scene tokens go through the language model as the start of its sequence
    - `listen`: a question goes through the layers below the tap, on its own: what it asks does not depend on the scene, so
      training and a server can compute it once per question
    - `fuse`, `point`: the half-understood question finds its proxies and reasons with them; each proxy says whether it is meant
    - `speak`: the layers above the tap see the shown tokens by ordinary attention and the fused ones by gated cross-attention,
      and go on to the answer, whose first word is also hinted at by what the fused scene would say

    With all gates at 0 neither cross-attention nor hint changes anything at all.
    """

    def __init__(self, host: LlamaHost, settings: ReaderSettings):
        super().__init__()
        self.host, self.settings = host, settings
        s = settings
        self.tap = min(s.tap, host.layers // 2)
        self.namer = ObjectNamer(s.proxy_dim, s.width, s.scene_layers, s.heads, s.categories)
        self.to_host = nn.Linear(s.width, host.dim)
        self.fusion = Fusion(host.dim, s.width, s.fusion_layers, s.heads)
        self.pointing = PointingHead(s.width)
        self.summary = nn.Linear(s.width, host.dim)  # what the scene would answer, as a word embedding; stage 2 learns through it
        # What all word embeddings have in common says nothing about which word it is, and would outweigh what does.
        verdicts = [host.tokenizer.encode(host.chat.space + word)[0] for word in VERDICTS[1:]]
        self.register_buffer("verdict_ids", torch.tensor(verdicts), persistent=False)
        self.register_buffer("common", host.body.embed_tokens.weight.detach().mean(0), persistent=False)
        self.summary_gate = nn.Parameter(torch.zeros(()))
        crossed = range(self.tap, host.layers, s.cross_every)
        self.cross = nn.ModuleDict({str(layer): GatedCrossAttention(host.dim, s.width, s.heads) for layer in crossed})
        with torch.no_grad():  # visual tokens must start at the length of word embeddings, or the first layers drown in them
            self.to_host.weight.mul_(float(host.body.embed_tokens.weight.norm(dim=1).mean()) / host.dim**0.5)

    def adapt(self) -> None:
        """Add the low-rank matrices that stage 3 trains, above the tap; the output does not change until it does."""
        add_low_rank(self.host, self.settings.rank, range(self.tap, self.host.layers))

    def show(self, tokens: Float[Tensor, "1+K W"]) -> object:
        """Run the scene tokens through the language model; returns its memory of them (keys and values above the tap)."""
        hidden = self.to_host(tokens)[None]
        rotary = self.host.rotary(hidden, torch.arange(len(tokens))[None])
        hidden = self.host.run(hidden, range(self.tap), None, rotary)
        cache = self.host.new_cache()
        self.host.run(hidden, range(self.tap, self.host.layers), None, rotary, cache)
        return cache

    @staticmethod
    def recall(shown: object) -> object:
        """A copy of what `show` remembered, to be filled up with one question; the original serves the next."""
        return copy.deepcopy(shown)

    @torch.no_grad()
    def listen(self, ids: Int[Tensor, "Q n"], shown: int, *, past: int = 0, cache: object | None = None) -> Float[Tensor, "Q n E"]:
        """Words after the layers below the tap. Questions are padded on the right; `shown` scene tokens come before in position."""
        hidden = self.host.embed(ids)
        rotary = self.host.rotary(hidden, torch.arange(shown + past, shown + past + ids.shape[1])[None])
        return self.host.run(hidden, range(self.tap), None, rotary, cache)

    def fuse(self, tokens: Float[Tensor, "1+K W"], numbers: SceneNumbers, words: Float[Tensor, "Q n E"], is_question: Bool[Tensor, "Q n"]) -> Fused:
        """The scene in the light of each question; each proxy stands where the box of its object is."""
        box = self.namer.name(tokens, numbers.xyz_room_m)[1].detach()
        return self.fusion(tokens, box, numbers.viewer, words, is_question)

    def point(self, fused: Fused, xyz_room_m: Float[Tensor, "K 3"]) -> tuple[Float[Tensor, "Q K"], Float[Tensor, "Q K 6"]]:
        """Logit that each proxy belongs to what the question is about, and the box of that object (room frame, metres)."""
        return self.pointing(fused.scene[:, 1:], xyz_room_m[None])

    def own_word(self, fused: Fused) -> Float[Tensor, "Q E"]:
        """What the scene would answer with a word that the question does not offer, as a hidden state before the output embedding."""
        return self.summary(fused.scene[:, 0])

    def hint(self, fused: Fused, ids: Int[Tensor, "Q n"]) -> Float[Tensor, "Q E"]:
        """Direction in which the first word of the answer lies: yes, no, a word of the question (`ids`), or one of the scene's own."""
        share = fused.chosen.exp()
        offered = torch.cat([self.verdict_ids.expand(len(ids), -1), ids], 1)
        offered = F.normalize(self.host.embed(offered) - self.common, dim=-1)
        return share[:, :1] * F.normalize(self.own_word(fused), dim=-1) + (share[:, 1:, None] * offered).sum(1)

    def speak(
        self,
        words: Float[Tensor, "Q n E"],
        fused: Fused,
        cache: object,
        *,
        past: int = 0,
        hint: Float[Tensor, "Q E"] | None = None,
        last: Int[Tensor, "Q"] | None = None,
    ) -> Float[Tensor, "Q n E"]:
        """Hidden states after the last layer; `cache` comes from `show`, repeated Q times, and grows by n words.

        `last` says which of these words ends each question: there the hint for the first word of the answer is added, as long
        as the hidden state itself times its gate. Both are None when the question has been heard before.
        """
        count, n, _ = words.shape
        shown = fused.scene.shape[1]
        start = shown + past
        rotary = self.host.rotary(words, torch.arange(start, start + n)[None])
        mask = torch.ones(n, start + n, dtype=torch.bool).tril(start)[None, None].expand(count, 1, -1, -1)
        hidden = words
        for layer in range(self.tap, self.host.layers):
            if str(layer) in self.cross:
                hidden = hidden + self.cross[str(layer)](hidden, fused.scene)
            hidden = self.host.run(hidden, range(layer, layer + 1), mask, rotary, cache)
        if hint is None or last is None:
            return hidden
        at_end = F.one_hot(last, n).to(hidden)[..., None]
        hint = F.normalize(hint, dim=-1)[:, None] * hidden.norm(dim=-1, keepdim=True).detach()
        return hidden + self.summary_gate.tanh() * at_end * hint


def pad(rows: Sequence[Sequence[int]]) -> tuple[Int[Tensor, "Q n"], Bool[Tensor, "Q n"]]:
    """Token ids side by side, padded with 0 on the right, and which of them are real."""
    longest = max(len(r) for r in rows)
    real = torch.tensor([[i < len(r) for i in range(longest)] for r in rows])
    return torch.tensor([list(r) + [0] * (longest - len(r)) for r in rows]), real
