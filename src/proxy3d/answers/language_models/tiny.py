"""A random four-layer Llama that reads bytes: the real contract in a few milliseconds, for tests."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from proxy3d.answers.language_models.llama import ChatFormat, LlamaHost


class ByteTokenizer:
    """One id per UTF-8 byte, and one that ends an answer."""

    stop = 256

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def ends(self, text: str) -> list[int]:
        return [i for i, letter in enumerate(text, 1) for _ in letter.encode()]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(i for i in ids if i < 256).decode(errors="replace")


def tiny() -> LlamaHost:
    """Four layers of width 32, seeded; knows nothing."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, num_key_value_heads=1, intermediate_size=64, vocab_size=257, pad_token_id=0
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    return LlamaHost(model, ByteTokenizer(), name="tiny", hash="seeded", licence="Apache-2.0", chat=ChatFormat("Q:", "A:", ""))
