"""Published language models with a few thousand random weights and a tokenizer of bytes, saved as transformers saves them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WIDTH, WORDS = 16, 272  # more rows than the tokenizer has words, as published models have
TEXT = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 32}
TEXT |= {"vocab_size": WORDS, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
ROPE = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0}
EYES = {"depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": WIDTH}


def qwen2_5_vl() -> nn.Module:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    sees = {**EYES, "patch_size": 14, "window_size": 56, "fullatt_block_indexes": [1]}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(vision_config=sees, text_config={**TEXT, "rope_parameters": ROPE}))


def qwen3_vl() -> nn.Module:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    sees = {**EYES, "patch_size": 16, "num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
    return Qwen3VLForConditionalGeneration(Qwen3VLConfig(vision_config=sees, text_config={**TEXT, "head_dim": 8, "rope_parameters": ROPE}))


def causal() -> nn.Module:
    """A Llama without a chat template, without marks, and with one table for what is read and what is said."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**TEXT, tie_word_embeddings=True))


def capped() -> nn.Module:
    """Gemma bends its logits after its output layer."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    return Gemma2ForCausalLM(Gemma2Config(**TEXT, head_dim=8, final_logit_softcapping=0.01))


LANGUAGES = {build.__name__: build for build in (qwen2_5_vl, qwen3_vl, causal)}


def byte_tokenizer(*, chats: bool = True) -> object:
    """One word per byte, and the special ones of Qwen."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    inner = Tokenizer(models.BPE(vocab=letters, merges=[]))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<|im_start|>", "<|vision_start|>", "<|vision_end|>"] if chats else []
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", additional_special_tokens=special)
    made.chat_template = TEMPLATE if chats else None
    return made


def save_language(build: object, folder: Path, *, seed: int = 0) -> str:
    """A folder for --language-model NAME:FOLDER, and for --semantic qwen_vl:FOLDER where it has eyes."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = build()
        for value in model.parameters():
            if value.ndim > 1:
                value.normal_(std=value[0].numel() ** -0.5)
    model.save_pretrained(folder)
    byte_tokenizer(chats=build is not causal).save_pretrained(folder)
    return str(folder)
