"""Turn a video, a folder of frames, an RGB-D scan or a point cloud into a Clip.

>>> from proxy3d.clips import open_capture
>>> clip = open_capture("my_room").clip(frames=8)  # doctest: +SKIP
"""

from proxy3d.clips.capture import Capture, FrameRef, Layout
from proxy3d.clips.choose import choose
from proxy3d.clips.cloud import Cloud, read_cloud
from proxy3d.clips.depth import DEPTH_UNITS
from proxy3d.clips.look_around import look_around
from proxy3d.clips.options import CaptureOptions, KnownHeight
from proxy3d.clips.reading import LAYOUTS, open_capture, read

__all__ = [
    "DEPTH_UNITS",
    "LAYOUTS",
    "Capture",
    "CaptureOptions",
    "Cloud",
    "FrameRef",
    "KnownHeight",
    "Layout",
    "choose",
    "look_around",
    "open_capture",
    "read",
    "read_cloud",
]
