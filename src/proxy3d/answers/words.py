"""Whole words as tokens, and a small language model over them that is trained from nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch

from proxy3d.answers.language_models.llama import ChatFormat, LlamaHost

TOKEN = re.compile(r"<[a-z ]+>|<obj\d{3}>|\d|[a-z]+|[^\w\s]")
NOTHING, UNKNOWN, STOP, SLOT, METRES, SQUARE_METRES = "<nothing>", "<unknown>", "<stop>", "<answer>", "<metres>", "<square metres>"
SPECIAL = (NOTHING, UNKNOWN, STOP, SLOT, METRES, SQUARE_METRES)  # the first few ids; 0 fills rows up


class WordTokenizer:
    """One id per word, digit and mark of punctuation, in lower case; words that are not in the list are all one.

    The last token of a question is `<answer>`: its place is where a reader gathers what it is asked. Lengths and areas are one token each,
    because their number is measured and not spelled. So is the name of an object, `<OBJ012>` (tokens.identity).
    """

    def __init__(self, words: Sequence[str]):
        self.words = (*SPECIAL, *words)
        self.index = {word: i for i, word in enumerate(self.words)}
        self.unknown, self.stop, self.metres, self.square_metres = (self.index[w] for w in (UNKNOWN, STOP, METRES, SQUARE_METRES))

    def encode(self, text: str) -> list[int]:
        return [self.index.get(found[0], self.unknown) for found in TOKEN.finditer(text.lower())]

    def ends(self, text: str) -> list[int]:
        return [found.end() for found in TOKEN.finditer(text.lower())]

    def decode(self, ids: Sequence[int]) -> str:
        text = " ".join(self.words[i] for i in ids if i != self.stop)
        return re.sub(r"(?<=[\d.]) (?=[\d.])", "", text)


def common_words(texts: Iterable[str], *, at_least: int = 5) -> tuple[str, ...]:
    """The words of many texts in alphabetical order; rarer ones are left out, so that the unknown word is learnt too."""
    seen = Counter(found[0] for text in texts for found in TOKEN.finditer(text.lower()))
    return tuple(sorted(word for word, times in seen.items() if times >= at_least and word not in SPECIAL))


def word_llama(words: Sequence[str], *, layers: int = 6, width: int = 256, heads: int = 4, seed: int = 0) -> LlamaHost:
    """A Llama of random weights over a list of words, all of it trainable. Leaves the global generator seeded.

    Its attention is never causal by itself: whoever runs it says with a mask who sees whom.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)  # only now: the import may draw
    tokenizer = WordTokenizer(words)
    config = LlamaConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=3 * width,
        vocab_size=len(tokenizer.words),
        pad_token_id=0,
        tie_word_embeddings=True,
    )
    host = LlamaHost(LlamaForCausalLM(config), tokenizer, name="words", hash="", licence="Apache-2.0", chat=ChatFormat("", f" {SLOT}", " "))
    with torch.no_grad():  # as large as what is normalised: what layers add at first would drown shorter ones, and all tokens look alike
        host.body.embed_tokens.weight.normal_()
        host.body.embed_tokens.weight[0] = 0
    for layer in host.body.layers:
        layer.self_attn.is_causal = False
    return host.requires_grad_(True)
