"""A 3D position and a confidence per patch.

A geometric encoder states its `unit`, `licence` and `hash` and turns a clip and a grid into `Geometry`. A point cloud
comes in as a clip of virtual depth cameras (`proxy3d.clips`), so `sensor_depth` serves it too.
"""

from proxy3d.features.geometric.sensor_depth import SensorDepth
from proxy3d.features.geometric.tiny import TinyGeometry

GEOMETRIC = {"sensor_depth": SensorDepth, "tiny": TinyGeometry}
