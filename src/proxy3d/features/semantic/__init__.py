"""A vector per patch.

A semantic encoder states `dim`, `licence` and `hash` (of its weights) and turns a clip and a grid into `Semantics`.
"""

from proxy3d.features.semantic.efficientnet import EfficientNetLite0
from proxy3d.features.semantic.tiny import TinySemantics

SEMANTIC = {"efficientnet_lite0": EfficientNetLite0, "tiny": TinySemantics}
