"""Language models that somebody else publishes, loaded from a folder or from the hub."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from proxy3d.answers.language_models.causal import CausalHost
from proxy3d.features.pretrained import Wanted, load_pretrained, load_tokenizer


@dataclass(frozen=True)
class LanguageSizes:
    """What a language model is made of: gated MLPs, grouped queries, and an output layer of its own unless `tied`."""

    layers: int
    width: int
    inner: int  # of the MLP
    heads: int
    groups: int  # of keys and values
    head: int  # width of one
    words: int
    bias: bool = False  # of queries, keys and values
    norms: bool = False  # of queries and keys
    tied: bool = False

    @property
    def parameters(self) -> int:
        return self.in_layers + (2 - self.tied) * self.words * self.width + self.width

    @property
    def in_layers(self) -> int:
        attention = self.width * self.head * 2 * (self.heads + self.groups)
        attention += self.bias * self.head * (self.heads + 2 * self.groups) + self.norms * 2 * self.head
        return self.layers * (attention + 3 * self.width * self.inner + 2 * self.width)


@dataclass(frozen=True)
class Published:
    """Language models of one kind; called with a folder or a name on the hub it loads one, frozen, in float32."""

    name: str
    what: str
    example: str
    licence: str
    kinds: dict[str, str] | None = None  # model_type of config.json -> class of transformers; None = all that transformers knows
    sizes: LanguageSizes | None = None  # of `example`

    takes_weights = True

    def __call__(self, weights: str, *, on_device: bool = True) -> CausalHost:
        """`on_device` as in `load_pretrained`. Raises BadInput: transformers is missing, there is nothing to load, or it is something else."""
        flag = f"--language-model {self.name}"
        wanted = Wanted(flag, f"the language model {self.name}", self.what, self.example, self.kinds or causal_kinds())
        model = load_pretrained(wanted, weights, on_device=on_device, trust_remote_code=False)
        return CausalHost(model, load_tokenizer(wanted, weights), name=self.name, named=f"{flag}:{weights}")


def causal_kinds() -> dict[str, str]:
    """Every model_type that transformers has a causal language model for."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return dict.fromkeys(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, "AutoModelForCausalLM")


_qwen = partial(Published, licence="differs by size: read the model's page")
PUBLISHED = {
    kind.name: kind
    for kind in (
        _qwen(
            "qwen2_5_vl",
            "Qwen2.5-VL",
            "Qwen/Qwen2.5-VL-7B-Instruct",
            kinds={"qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration"},
            sizes=LanguageSizes(28, 3584, 18944, heads=28, groups=4, head=128, words=152064, bias=True),
        ),
        _qwen(
            "qwen3_vl",
            "Qwen3-VL",
            "Qwen/Qwen3-VL-8B-Instruct",
            kinds={"qwen3_vl": "Qwen3VLForConditionalGeneration"},
            sizes=LanguageSizes(36, 4096, 12288, heads=32, groups=8, head=128, words=151936, norms=True),
        ),
        Published("causal", "a causal language model", "Qwen/Qwen2.5-0.5B-Instruct", "that of the weights: read the model's page"),
    )
}
