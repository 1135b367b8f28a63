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

from proxy3d.answers.fusion import Fused, Fusion, GatedCrossAttention, PointingHead, SceneThings
from proxy3d.answers.language_models.llama import LlamaHost, add_low_rank
from proxy3d.answers.objects import ObjectNamer
from proxy3d.answers.offers import Offers, make_offers
from proxy3d.answers.question import Wording

if TYPE_CHECKING:
    from proxy3d.tokens.project import SceneNumbers


OFFERED = 5.0  # what an open gate adds to a logit, for each time that an offer is e times likelier
FAINT = 1e-3  # offers below this share add next to nothing


@dataclass(frozen=True)
class ReaderSettings:
    """Sizes of a SpatialReader."""

    language_model: str = "smollm2"
    proxy_dim: int = 96
    width: int = 256
    heads: int = 8
    scene_layers: int = 2
    fusion_layers: int = 2
    tap: int = 8  # language-model layers that a question goes through before it sees the scene
    cross_every: int = 4  # from the tap on, every n-th layer reads what the proxies make of the question
    rank: int = 8  # of the low-rank additions that stage 3 learns
    categories: tuple[str, ...] = ()  # words of the object head
    colours: tuple[str, ...] = ()  # words for the colour of an object


class SpatialReader(nn.Module):
    """A frozen language model that sees proxies twice: as tokens in its sequence and through gated cross-attention.

    - `namer`: proxies -> scene tokens, which also name and box themselves without any question
    - `show`: scene tokens go through the language model as the start of its sequence
    - `listen`: a question goes through the layers below the tap, on its own: what it asks does not depend on the scene, so
      training and a server can compute it once per question
    - `fuse`, `point`: the half-understood question finds its proxies and reasons with them; each proxy says whether it is meant
    - `speak`: the layers above the tap see the shown tokens by ordinary attention and the fused ones by gated cross-attention
    - `next_word`: what they say, raised where the fused scene offers it as (part of) the answer: a pointer-generator in logits
      (See et al. 2017, arXiv 1704.04368), so that a measured length is spelled and not guessed digit by digit

    With all gates at 0 neither cross-attention nor offers change anything at all.
    """

    def __init__(self, host: LlamaHost, settings: ReaderSettings):
        super().__init__()
        self.host, self.settings = host, settings
        s = settings
        self.tap = min(s.tap, host.layers // 2)
        self.namer = ObjectNamer(s.proxy_dim, s.width, s.scene_layers, s.heads, s.categories, s.colours)
        self.to_host = nn.Linear(s.width, host.dim)
        self.fusion = Fusion(host.dim, s.width, s.fusion_layers, s.heads, kinds=len(s.categories) + 1, colours=len(s.colours) + 1)
        self.pointing = PointingHead(s.width)
        self.offer_gate = nn.Parameter(torch.zeros(()))
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
    def listen(
        self,
        ids: Int[Tensor, "Q n"],
        shown: int,
        *,
        past: int | Int[Tensor, "Q 1"] = 0,
        cache: object | None = None,
        sees: Bool[Tensor, "Q 1 n past+n"] | None = None,
    ) -> Float[Tensor, "Q n E"]:
        """Words after the layers below the tap. Questions are padded on the right; `shown` scene tokens come before in position.

        Where questions of several lengths go on, `past` is how many words each has had, and `sees` which of those in the cache are words.
        """
        hidden = self.host.embed(ids)
        rotary = self.host.rotary(hidden, torch.arange(shown, shown + ids.shape[1])[None] + past)
        return self.host.run(hidden, range(self.tap), sees, rotary, cache)

    def fuse(
        self,
        tokens: Float[Tensor, "1+K W"],
        numbers: SceneNumbers,
        words: Float[Tensor, "Q n E"],
        is_question: Bool[Tensor, "Q n"],
        value: Float[Tensor, "Q n"],
    ) -> Fused:
        """The scene in the light of each question; each proxy stands where the box of its object is."""
        category, box = self.namer.name(tokens, numbers.xyz_room_m)
        box = box.detach()
        things = SceneThings(box[:, :3], box[:, 3:], category.softmax(-1), self.namer.colour(tokens[1:]).softmax(-1))
        return self.fusion(tokens, things, numbers.viewer, words, is_question, value)

    def point(self, fused: Fused, xyz_room_m: Float[Tensor, "K 3"]) -> tuple[Float[Tensor, "Q K"], Float[Tensor, "Q K 6"]]:
        """Logit that each proxy belongs to what the question is about, and the box of that object (room frame, metres)."""
        return self.pointing(fused.scene[:, 1:], xyz_room_m[None])

    def offers(self, fused: Fused, questions: Sequence[Wording]) -> list[Offers]:
        """What the scene would answer each question, before the language model speaks."""
        return make_offers(self.host, fused, questions, self.settings.categories, self.settings.colours)

    def next_word(self, hidden: Float[Tensor, "*b E"], offered: Float[Tensor, "*b V"]) -> Float[Tensor, "*b V"]:
        """Logits of the next token; `offered` are probabilities from `Offers.after`."""
        return self.host.logits(hidden) + OFFERED * self.offer_gate * (offered / FAINT).log1p()

    def speak(
        self,
        words: Float[Tensor, "Q n E"],
        fused: Fused,
        cache: object,
        *,
        past: int | Int[Tensor, "Q 1"] = 0,
        sees: Bool[Tensor, "Q 1 n past+n"] | None = None,
    ) -> Float[Tensor, "Q n E"]:
        """Hidden states after the last layer; `cache` comes from `show`, repeated Q times, and grows by n words. `past` and `sees` as in `listen`."""
        count, n, _ = words.shape
        shown = fused.scene.shape[1]
        rotary = self.host.rotary(words, torch.arange(shown, shown + n)[None] + past)
        if sees is None:
            mask = torch.ones(n, shown + past + n, dtype=torch.bool).tril(shown + past)[None, None].expand(count, 1, -1, -1)
        else:
            mask = F.pad(sees, (shown, 0), value=True)
        hidden = words
        for layer in range(self.tap, self.host.layers):
            if str(layer) in self.cross:
                hidden = hidden + self.cross[str(layer)](hidden, fused.scene)
            hidden = self.host.run(hidden, range(layer, layer + 1), mask, rotary, cache)
        return hidden
