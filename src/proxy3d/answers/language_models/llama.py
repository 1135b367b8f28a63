"""A Llama-style language model opened up between its layers, so that proxies can be read on the way."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


class Tokenizer(Protocol):
    """Text to ids and back; `stop` ends an answer."""

    stop: int

    def encode(self, text: str) -> list[int]: ...

    def ends(self, text: str) -> list[int]:
        """How many characters of the text are done after each of its ids."""
        ...

    def decode(self, ids: Sequence[int]) -> str: ...


@dataclass(frozen=True)
class ChatFormat:
    """The words around a question. Short ones: every token costs as much as a word of the question."""

    before: str = ""
    after: str = "\nAnswer:"
    space: str = " "  # stands before the answer, because tokenizers join it to the first word


class LlamaHost(nn.Module):
    """A frozen transformers Llama, its tokenizer and its chat format.

    `run` sends hidden states through a range of layers; whoever calls it may add to them in between. The weights never
    move: adaptation happens in `LowRank` matrices beside them (LoRA, Hu et al. 2021, arXiv 2106.09685), which start at zero.
    """

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, *, name: str, hash: str, licence: str, chat: ChatFormat | None = None):
        super().__init__()
        self.body = model.model.requires_grad_(False).eval()
        self.tokenizer, self.name, self.hash, self.licence = tokenizer, name, hash, licence
        self.chat = chat or ChatFormat()
        self.layers = len(self.body.layers)
        self.dim = model.config.hidden_size
        self.config = model.config
        # transformers 5.24 gave the argument a new name and warns about the old one; both versions are in use.
        takes = inspect.signature(type(self.body.layers[0]).forward).parameters
        self.cache_word = "cache" if "cache" in takes else "past_key_values"

    def train(self, mode: bool = True) -> LlamaHost:
        """Stays in evaluation mode: nothing in here has dropout or batch statistics."""
        return super().train(False)

    def embed(self, ids: Int[Tensor, "*b"]) -> Float[Tensor, "*b E"]:
        return self.body.embed_tokens(ids)

    def rotary(self, hidden: Float[Tensor, "B S E"], position: Int[Tensor, "B S"]) -> tuple[Tensor, Tensor]:
        return self.body.rotary_emb(hidden, position_ids=position)

    def run(
        self,
        hidden: Float[Tensor, "B S E"],
        layers: range,
        mask: Tensor | None,
        rotary: tuple[Tensor, Tensor],
        cache: object | None = None,
    ) -> Float[Tensor, "B S E"]:
        """Hidden states after the given layers. `mask` is (B or 1, 1, S, S'), True where a row may look; None = causal."""
        for index in layers:
            memory = {self.cache_word: cache, "use_cache": cache is not None}
            hidden = self.body.layers[index](hidden, attention_mask=mask, position_embeddings=rotary, **memory)
        return hidden

    def logits(self, hidden: Float[Tensor, "*b E"]) -> Float[Tensor, "*b V"]:
        """Next-token logits of hidden states after the last layer (input and output embeddings are one matrix)."""
        return F.linear(self.body.norm(hidden), self.body.embed_tokens.weight)

    def new_cache(self) -> object:
        from transformers import DynamicCache

        return DynamicCache(config=self.config)


class LowRank(nn.Module):
    """A linear layer with a learned low-rank addition that starts at zero."""

    def __init__(self, linear: nn.Linear, rank: int):
        super().__init__()
        self.linear = linear
        generator = torch.Generator().manual_seed(linear.in_features * 31 + linear.out_features)
        self.down = nn.Parameter(torch.randn(rank, linear.in_features, generator=generator) / linear.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Float[Tensor, "*b I"]) -> Float[Tensor, "*b O"]:
        return self.linear(x) + F.linear(F.linear(x, self.down), self.up)


def add_low_rank(host: nn.Module, rank: int, layers: range) -> None:
    """Put `LowRank` beside every linear layer of the given blocks of `host.body`; the output stays as it was until `up` moves."""
    for layer in (host.body.layers[i] for i in layers):
        for part in (layer.self_attn, layer.mlp):
            for name, child in list(part.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(part, name, LowRank(child, rank))


def merge_low_rank(host: LlamaHost) -> None:
    """Fold every `LowRank` into its weight: the same output, no extra cost. Cannot be undone."""
    for layer in host.body.layers:
        for part in (layer.self_attn, layer.mlp):
            for name, child in list(part.named_children()):
                if isinstance(child, LowRank):
                    with torch.no_grad():
                        child.linear.weight += child.up @ child.down
                    setattr(part, name, child.linear)


def low_rank_state(host: LlamaHost) -> dict[str, Tensor]:
    """The learned part of a host, by name; the frozen weights are not in it."""
    return {name: value for name, value in host.named_parameters() if name.endswith((".down", ".up"))}
