"""A 3D position and a confidence per patch.

A geometric encoder states its `unit`, `licence`, `hash` and whether it `takes_weights`, the path or name after the colon of
`--geometric NAME:WEIGHTS` (True, False, or OPTIONAL where some ship). It turns a clip and a grid into `Geometry`. A point cloud comes in
as a clip of virtual depth cameras (`proxy3d.clips`), so `sensor_depth` serves it too.
"""

from proxy3d.features.geometric.depth_anything import DepthAnything
from proxy3d.features.geometric.depth_anything_3 import DepthAnything3
from proxy3d.features.geometric.depth_pro import DepthPro
from proxy3d.features.geometric.embedded import Embedded
from proxy3d.features.geometric.embedded_sfm import EmbeddedSfm
from proxy3d.features.geometric.mapanything import MapAnything
from proxy3d.features.geometric.sensor_depth import SensorDepth
from proxy3d.features.geometric.tiny import TinyGeometry
from proxy3d.features.geometric.vggt import Vggt
from proxy3d.features.geometric.zoedepth import ZoeDepth

GEOMETRIC = {
    "sensor_depth": SensorDepth,
    "tiny": TinyGeometry,
    **{kind.name: kind for kind in (Embedded, EmbeddedSfm, DepthAnything, DepthPro, ZoeDepth, Vggt, DepthAnything3, MapAnything)},
}
