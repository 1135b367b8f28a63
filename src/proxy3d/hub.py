"""A folder of weights as the Hugging Face hub keeps them: model.safetensors, config.json and a model card."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.extras import require

TENSORS = ("model.safetensors", "weights.safetensors")  # the first is what we write
CONFIG, CARD = "config.json", "README.md"
MODEL_TYPE = "proxy3d"  # so that nobody takes it for weights of something else, nor something else for it
FORMAT = 1
LARGEST_CONFIG = 1 << 20  # bytes; ours has a few thousand
HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*(@\w[\w.-]*)?", re.ASCII)
LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Folder:
    """What a folder holds, checked: its config.json speaks of this very file."""

    tensors: Path
    hash: str  # sha256 of that file
    config: dict

    @property
    def name(self) -> str:
        return self.config["name"]


def is_hub_name(named: str) -> bool:
    """Whether this can be OWNER/NAME or OWNER/NAME@REVISION on the hub."""
    return HUB_NAME.fullmatch(named) is not None


def folder_of(named: str) -> Path:
    """Where the files lie: a folder of that path, else in the cache of the hub, else fetched from it.

    Raises:
        BadInput: nowhere; says how far the search came.
    """
    here = Path(named).expanduser()
    if here.is_dir():
        return here
    if not is_hub_name(named):
        raise BadInput(f"{named}: no such folder; expected one made by `proxy3d export`, or OWNER/NAME on the Hugging Face hub")
    hub = require("huggingface_hub", for_what=f"{named}, which is no folder here, so a name on the Hugging Face hub,")
    repository, _, revision = named.partition("@")
    wanted = {"repo_id": repository, "revision": revision or None, "allow_patterns": [*TENSORS, CONFIG, CARD]}
    try:
        cached = Path(hub.snapshot_download(**wanted, local_files_only=True))
        if (cached / CONFIG).is_file() and tensors_in(cached):
            return cached
    except (OSError, ValueError):
        pass  # not in the cache, or only a part of it
    try:
        return Path(hub.snapshot_download(**wanted))
    except Exception as error:  # whatever a network says: each way of having none has an error of its own
        raise BadInput(f"{named}: no such folder here, not in the cache of the Hugging Face hub, and {_why(hub, error)}") from None


def _why(hub: object, error: Exception) -> str:
    """What kept the hub from giving it, in words for people."""
    if hub.constants.HF_HUB_OFFLINE:
        return "this machine is told to stay offline (HF_HUB_OFFLINE); unset it, or give a folder"
    if isinstance(error, hub.errors.RepositoryNotFoundError):
        return "the hub shows no such model to you; check the name, or log in with `hf auth login`"
    if isinstance(error, hub.errors.RevisionNotFoundError):
        return "the hub has the model, but not this revision"
    return f"the hub cannot be reached ({type(error).__name__}); this machine seems to be offline: give a folder"


def tensors_in(folder: Path) -> Path | None:
    """The file with the numbers."""
    return next((folder / name for name in TENSORS if (folder / name).is_file()), None)


def read_config(folder: Path) -> dict:
    """What config.json says, if it is ours.

    Raises:
        BadInput: none there, not JSON, of something else, or of a newer version.
    """
    path = folder / CONFIG
    if not path.is_file():
        loose = tensors_in(folder)
        more = f"; as a single file: {loose}" if loose else ""
        raise BadInput(f"{folder}: expected a folder with {CONFIG} and {TENSORS[0]}, as `proxy3d export` makes it; there is no {CONFIG}{more}")
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise ValueError("too long to be one")
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not a readable config ({str(error)[:120]}); fetch the folder again") from None
    found = config.get("model_type") if isinstance(config, dict) else None
    if found != MODEL_TYPE:
        raise BadInput(f"{folder}: these are weights of {str(found)[:60]!r}, not of {MODEL_TYPE}; expected a folder made by `proxy3d export`")
    if not isinstance(config.get("format"), int) or config["format"] > FORMAT:
        raise BadInput(f"{path}: format {str(config.get('format'))[:20]}, but this proxy3d reads {FORMAT}; update proxy3d")
    name, digest = config.get("name"), config.get("sha256")
    if not (isinstance(name, str) and name.isprintable() and 0 < len(name) <= 200 and isinstance(digest, str)):
        raise BadInput(f"{path}: damaged, it states no name and no sha256 of the weights; fetch the folder again")
    return config


def read_folder(folder: Path) -> Folder:
    """The checked content of a folder; no pickle is ever opened.

    Raises:
        BadInput: a file is missing, damaged, or of something else.
    """
    config, file = read_config(folder), tensors_in(folder)
    if file is None:
        raise BadInput(f"{folder}: there is no {TENSORS[0]}, and other forms of weights are not opened; fetch the folder again")
    data = file.read_bytes()
    if data.startswith(LFS_POINTER):
        raise BadInput(f"{file}: only a pointer of Git LFS, not the weights themselves; type git lfs pull in that folder")
    digest = hashlib.sha256(data).hexdigest()
    if digest != config["sha256"]:
        raise BadInput(f"{file}: damaged, or not the file that {CONFIG} speaks of (sha256 {digest[:8]}, not {config['sha256'][:8]}); fetch it again")
    return Folder(file, digest, config)


def write_folder(folder: Path, tensors: bytes, config: dict, card: str, *, force: bool = False) -> Path:
    """Write the three files, whole or not at all; what else lies in the folder stays.

    Raises:
        BadInput: one of them exists and `force` is not given, or the folder cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder}: is a file; expected the name of a folder")
    there = [name for name in (*TENSORS, CONFIG, CARD) if (folder / name).exists()]
    if there and not force:
        raise BadInput(f"{folder / there[0]}: exists already; add --force to overwrite it, or choose another folder")
    if not folder.absolute().parent.is_dir():
        raise BadInput(f"{folder}: the folder {folder.parent} does not exist; make it with mkdir -p {folder.parent}")
    text = json.dumps(config, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    # config.json comes last: a folder that has it is complete, and one cut short between two versions fails its sha256.
    files = {TENSORS[0]: tensors, CARD: card.encode(), CONFIG: text.encode()}
    staged = None
    try:
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.absolute().parent))
        staged.chmod(0o755)  # mkdtemp is shy; others may read what is published
        for name, data in files.items():
            with open(staged / name, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if not folder.exists():
            os.replace(staged, folder)
        else:
            for name in files:
                os.replace(staged / name, folder / name)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written ({error.strerror})") from None
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)
    return folder
