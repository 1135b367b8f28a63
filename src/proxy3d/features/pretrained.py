"""Load a frozen model of transformers from a folder, from its cache, or, if it is in neither, from its hub."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from proxy3d.device import computing_device, put_on_device
from proxy3d.errors import BadInput
from proxy3d.extras import require


@dataclass(frozen=True)
class Wanted:
    """What somebody asked for, in words for error messages, and which class of transformers reads it."""

    flag: str  # as typed, without weights: "--masks sam2"
    role: str  # "the mask source sam2"
    what: str  # whose weights they should be: "SAM 2"
    example: str  # a name on the hub
    kinds: dict[str, str]  # model_type of config.json -> class of transformers


def load_pretrained(wanted: Wanted, weights: str, *, on_device: bool = True, **settings: object) -> nn.Module:
    """A model of transformers, frozen, in float32; what is on this machine is taken first, and never a pickle.

    It lies where such models compute (`device.put_on_device`), without `on_device` in ordinary memory.

    Raises:
        BadInput: transformers is missing, there is nothing to load, or it is something else.
    """
    transformers = require("transformers", for_what=wanted.role)
    source, here = _place(wanted, weights)
    settings = {"use_safetensors": True, "output_loading_info": True, "dtype": torch.float32, **settings}
    said, level = transformers.utils.logging, transformers.utils.logging.get_verbosity()
    said.disable_progress_bar()
    said.set_verbosity_error()  # a part of a larger model is often meant, so the warning that it is one would only worry
    try:
        kind = getattr(transformers, _class_name(transformers, wanted, source, here))
        model, found = _first(kind.from_pretrained, source, here, settings)
    except _Foreign as error:
        raise BadInput(f"{wanted.flag}:{weights}: these are weights of {error}, not of {wanted.what}") from None
    except Exception as error:  # whatever somebody's folder holds: a broken file and a foreign configuration each raise an error of their own
        raise _nothing_there(wanted, weights, error) from None
    finally:
        said.set_verbosity(level)
    missing = [name for name in found["missing_keys"] if not name.endswith("mask_token")]  # which only pre-training uses
    if missing:
        raise BadInput(f"{wanted.flag}:{weights}: these are not weights of {wanted.what} ({min(missing)} is missing)")
    model = model.eval().requires_grad_(False)
    return put_on_device(model) if on_device else model


def load_tokenizer(wanted: Wanted, weights: str) -> object:
    """The tokenizer that lies beside a language model.

    Raises:
        BadInput: none there, or one that cannot write English.
    """
    transformers = require("transformers", for_what=wanted.role)
    source, here = _place(wanted, weights)
    try:
        tokenizer = _first(transformers.AutoTokenizer.from_pretrained, source, here, {"trust_remote_code": False})
        if "chair" not in tokenizer.decode(tokenizer.encode("Is there a chair?", add_special_tokens=False)).lower():
            raise OSError("it cannot write English")  # where the file is missing, transformers makes one without words
    except Exception as error:  # as above
        why = " ".join(str(error).split()).partition(". ")[0][:160]
        raise BadInput(f"{wanted.flag}:{weights}: no tokenizer there ({why}); give a folder with tokenizer.json beside model.safetensors") from None
    return tokenizer


def load_packaged(wanted: Wanted, weights: str, kind: type) -> nn.Module:
    """A model whose class comes from a package of its own and loads as models of huggingface_hub do, and never a pickle.

    It lies where such models compute, and nothing else is done about that: most of these packages move what they are given.

    Raises:
        BadInput: there is nothing to load, or it is something else.
    """
    source, here = _place(wanted, weights, needs=("config.json", "model.safetensors"))
    loader = getattr(kind, "_from_pretrained", None)  # of huggingface_hub's mixin, which left alone takes a pickle and weights of anything
    strict = {"strict": True} if loader and "strict" in inspect.signature(loader).parameters else {}
    try:
        with redirect_stdout(sys.stderr):  # they print where they load from
            if loader and not here:
                download = require("huggingface_hub", for_what=wanted.role).hf_hub_download
                _first(download, source, offline_only=False, settings={"filename": "model.safetensors"})
            model = _first(kind.from_pretrained, source, here, strict)
    except Exception as error:  # as above
        raise _mismatch(wanted, weights, error) or _nothing_there(wanted, weights, error) from None
    return model.eval().requires_grad_(False).to(computing_device())


def weights_hash(model: nn.Module) -> str:
    """Of the numbers themselves, so that a folder and a name on the hub agree."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode() + value.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def _place(wanted: Wanted, weights: str, needs: tuple[str, ...] = ("config.json",)) -> tuple[str, bool]:
    """Where to load from, and whether that is a folder."""
    folder = Path(weights).expanduser()
    here = folder.exists() or weights.startswith(("/", ".", "~"))
    if here and not all((folder / name).is_file() for name in needs):
        name = wanted.flag.split()[-1]
        raise BadInput(f"{wanted.flag}:{weights}: expected a folder with config.json and model.safetensors, or a name like {name}:{wanted.example}")
    return (str(folder) if here else weights), here


def _mismatch(wanted: Wanted, weights: str, error: Exception) -> BadInput | None:
    """What torch and safetensors say where names or shapes differ, as one line."""
    found = re.search(r"""(Missing|Unexpected|size mismatch)(?: key\(s\) in state_dict: "| for )([^",:]+)""", str(error))
    if found is None:
        return None
    what = {"Missing": "is missing", "Unexpected": "is none of its own"}.get(found[1], "has another shape")
    return BadInput(f"{wanted.flag}:{weights}: these are not weights of {wanted.what} ({found[2]} {what})")


def _nothing_there(wanted: Wanted, weights: str, error: Exception) -> BadInput:
    why = " ".join(str(error).split()).partition(". ")[0][:160]
    return BadInput(f"{wanted.flag}:{weights}: no {wanted.what} weights there ({why}); give a folder with config.json and model.safetensors")


class _Foreign(Exception):
    """The model_type of weights that are something else."""


def _class_name(transformers: object, wanted: Wanted, source: str, here: bool) -> str:
    classes = set(wanted.kinds.values())
    if len(classes) == 1 and not here:  # spares a question to the hub: what is missing of the class will show
        return classes.pop()
    facts, _ = _first(transformers.PreTrainedConfig.get_config_dict, source, here, {})
    found = facts.get("model_type")
    if found not in wanted.kinds:
        raise _Foreign(repr(found))
    return wanted.kinds[found]


def _first(load: Callable[..., object], source: str, offline_only: bool, settings: dict[str, object]) -> object:
    try:
        return load(source, local_files_only=True, **settings)
    except OSError:
        if offline_only:
            raise
    return load(source, **settings)
