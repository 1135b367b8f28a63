"""An object label per patch.

A mask source states `licence`, `hash` (of its weights) and whether it `takes_weights`, the path or name after the colon of
`--masks NAME:WEIGHTS`. It turns a clip and a grid into `Masks`, or into None where nobody knows. A label means the same object in
every frame, and the order of the frames does not matter up to renaming.
"""

from proxy3d.features.masks.none import NoMasks
from proxy3d.features.masks.sam2 import Sam2Masks
from proxy3d.features.masks.tiny import TinyMasks

MASKS = {"none": NoMasks, "sam2": Sam2Masks, "tiny": TinyMasks}
