"""Any causal language model of transformers, read through its embeddings."""

from __future__ import annotations

import inspect

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.answers.language_models.llama import ChatFormat
from proxy3d.errors import BadInput
from proxy3d.features.pretrained import weights_hash

CONTENT = "what-the-user-says"  # stands for it while a chat template is asked what comes before and after
MARKS = ("<|vision_start|>", "<|vision_end|>")  # around what is seen, where a tokenizer has them


class CausalHost(nn.Module):
    """A frozen model with its tokenizer and the words of its chat template: `chat.before`, what the user says, `chat.after`, the answer.

    Nothing of it is opened: vectors go in where words would (`embed`, `read`), states after the last layer come out, and its own output
    layer makes words of them (`logits`). A model that does more than that to its logits, or keeps no keys and values, is refused.

    Raises:
        BadInput: such a model, or a tokenizer without an end or with fewer words than it uses.
    """

    def __init__(self, model: nn.Module, tokenizer: object, *, name: str, named: str):
        super().__init__()
        self.model, self.tokenizer, self.name, self.named = model, tokenizer, name, named
        self.words, self.dim = model.get_input_embeddings().weight.shape
        self.chat = chat_of(tokenizer, named)
        if tokenizer.eos_token_id is None or len(tokenizer) > self.words:
            raise BadInput(f"{named}: the tokenizer beside these weights does not go with them; fetch the folder again")
        ends = getattr(model, "generation_config", None) and model.generation_config.eos_token_id
        self.stop = tokenizer.eos_token_id
        self.stops = {self.stop, *(ends if isinstance(ends, list) else [ends])} - {None}
        known = tokenizer.get_vocab()
        self.opens, self.closes = ((known[mark],) if set(MARKS) <= known.keys() else () for mark in MARKS)
        # transformers 5.24 gave the argument a new name and warns about the old one; both versions are in use.
        takes = inspect.signature(type(self.body).forward).parameters
        self.cache_word = next((word for word in ("cache", "past_key_values") if word in takes), None)
        if self.cache_word is None or not self._is_plain():
            raise BadInput(f"{named}: {type(model).__name__} does more than its embeddings, layers and output layer say, and has no adapter")

    @torch.no_grad()
    def _is_plain(self) -> bool:
        two, memory = self.embed(torch.tensor([[self.stop, 0]])), self.new_cache()
        theirs, ours = self.model(inputs_embeds=two).logits, self.logits(self.read(two))
        in_turn = self.logits(torch.cat([self.read(one, memory) for one in two.split(1, 1)], 1))
        return all(torch.allclose(theirs, made, rtol=1e-3, atol=1e-3 * float(theirs.std())) for made in (ours, in_turn))

    @property
    def body(self) -> nn.Module:
        return self.model.get_decoder()

    @property
    def hash(self) -> str:
        """Of its words, which no two models share: hashing all of a large model takes minutes."""
        return weights_hash(self.model.get_input_embeddings())

    def own_parameters(self) -> set[int]:
        """Ids of what belongs to words, so not to eyes that came with it."""
        parts = (self.body, self.model.get_input_embeddings(), self.model.get_output_embeddings())
        return {id(parameter) for part in parts for parameter in part.parameters()}

    def train(self, mode: bool = True) -> CausalHost:
        """Stays in evaluation mode: nothing is dropped out here."""
        return super().train(False)

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def embed(self, ids: Int[Tensor, "*b"]) -> Float[Tensor, "*b E"]:
        table = self.model.get_input_embeddings()
        return table(ids.to(table.weight.device))

    def read(self, embedded: Float[Tensor, "B S E"], cache: object | None = None) -> Float[Tensor, "B S E"]:
        """States after the last layer; each looks at what came before it, in `cache` too, which grows by S."""
        memory = {} if cache is None else {self.cache_word: cache}
        return self.body(inputs_embeds=embedded, use_cache=cache is not None, **memory).last_hidden_state

    def logits(self, hidden: Float[Tensor, "*b E"]) -> Float[Tensor, "*b V"]:
        return self.model.get_output_embeddings()(hidden)

    def new_cache(self) -> object:
        from transformers import DynamicCache

        return DynamicCache(config=self.model.config.get_text_config())


def chat_of(tokenizer: object, named: str) -> ChatFormat:
    """The words around what a user says; a short format of our own where a tokenizer has no chat template.

    Raises:
        BadInput: a template that cannot be used.
    """
    if not getattr(tokenizer, "chat_template", None):
        return ChatFormat(before=tokenizer.bos_token or "")
    try:
        said = tokenizer.apply_chat_template([{"role": "user", "content": CONTENT}], tokenize=False, add_generation_prompt=True)
        before, after = said.split(CONTENT)
    except Exception as error:  # templates are programs: each has errors of its own
        why = " ".join(str(error).split())[:120]
        raise BadInput(f"{named}: its chat template cannot be used ({why}); fetch the folder again") from None
    return ChatFormat(before, after, "")
