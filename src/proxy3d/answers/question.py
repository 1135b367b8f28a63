"""A question as a language model reads it: tokens in the model's chat format, and the numbers that its digits mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from proxy3d.answers.language_models.llama import LlamaHost

NUMBER = re.compile(r"\d+(?:\.\d+)?")
NO_NUMBER = float("nan")
FITS = "which objects fit: {phrase}?"  # to be answered by names


@dataclass(frozen=True)
class Wording:
    """A question of n tokens, the words of the chat format around it included."""

    ids: tuple[int, ...]
    ends: tuple[int, ...]  # characters of the question done after each id
    value: tuple[float, ...]  # the number whose last digit is in this token; NaN for all others


def worded(host: LlamaHost, question: str) -> Wording:
    """The question in the host's tokens and chat format."""
    chat = host.chat
    text = chat.before + question + chat.after
    ids, ends = tuple(host.tokenizer.encode(text)), tuple(end - len(chat.before) for end in host.tokenizer.ends(text))
    value = [NO_NUMBER] * len(ids)
    for number in NUMBER.finditer(question):
        value[next(i for i, end in enumerate(ends) if end >= number.end())] = float(number[0])
    return Wording(ids, ends, tuple(value))


def pad(rows: Sequence[Sequence[int]]) -> tuple[Int[Tensor, "Q n"], Bool[Tensor, "Q n"]]:
    """Token ids side by side, padded with 0 on the right, and which of them are real."""
    longest = max(len(r) for r in rows)
    real = torch.tensor([[i < len(r) for i in range(longest)] for r in rows])
    return torch.tensor([list(r) + [0] * (longest - len(r)) for r in rows]), real


def padded_values(questions: Sequence[Wording], width: int) -> Float[Tensor, "Q n"]:
    """The numbers of each question, padded with NaN."""
    return torch.tensor([[*q.value, *[NO_NUMBER] * (width - len(q.value))] for q in questions])


@lru_cache(maxsize=4096)
def answer_ids(host: LlamaHost, answer: str) -> tuple[int, ...]:
    """The answer as it follows a question, with the stop. A number goes without the space before it: tokenizers keep that apart from
    digits, and the first token of an answer would be a space that says nothing."""
    return (*host.tokenizer.encode(answer if answer[:1].isdigit() else host.chat.space + answer), host.tokenizer.stop)
