"""A vector per patch.

A semantic encoder states `dim`, `licence`, `hash` (of its weights) and whether it `takes_weights`, the path or name after the colon
of `--semantic NAME:WEIGHTS`. It turns a clip and a grid into `Semantics`.
"""

from proxy3d.features.semantic.clip import ClipVision
from proxy3d.features.semantic.dinov2 import DinoV2
from proxy3d.features.semantic.dinov3 import DinoV3
from proxy3d.features.semantic.efficientnet import EfficientNetLite0
from proxy3d.features.semantic.qwen_vl import QwenVision
from proxy3d.features.semantic.siglip2 import Siglip2Vision
from proxy3d.features.semantic.tiny import TinySemantics

SEMANTIC = {
    "efficientnet_lite0": EfficientNetLite0,
    "tiny": TinySemantics,
    **{kind.name: kind for kind in (ClipVision, Siglip2Vision, DinoV2, DinoV3, QwenVision)},
}
