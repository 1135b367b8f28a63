"""Metres from one height that somebody knows: of a thing that was found, or of the camera above the floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy3d.answers.measure import height_of
from proxy3d.answers.objects import find_objects
from proxy3d.clips.options import CAMERA, KnownHeight
from proxy3d.errors import BadInput
from proxy3d.points.scale import known_scale
from proxy3d.tokens.position import viewer_numbers
from proxy3d.values import Scale, Scene

if TYPE_CHECKING:
    from proxy3d.weights import Weights

ROUNDS = 2  # of measuring what is known and encoding again: things are found better the better the scale is


def scale_by(known: KnownHeight, scene: Scene, weights: Weights | None) -> Scale:
    """The scale under which something in a scene is as tall as somebody knows it to be; then its clip must be encoded again.

    Raises:
        BadInput: a sensor has measured metres already, the thing is not found, or nothing here can name things.
    """
    if scene.scale.source == "sensor":
        raise BadInput("--known: the depth of this capture is in metres already; leave it out, or say its unit with --depth-unit")
    if known.name == CAMERA:
        return known_scale(scene.scale, known.metres, max(camera_height(scene), 1e-6))
    if weights is None or not weights.has_reader:
        raise BadInput(f"--known {known.name}: finding things needs trained weights; say how high the camera was held instead: camera=1.5m")
    namer = weights.namer
    return known_scale(scene.scale, known.metres, height_of(scene, find_objects(scene, namer), known.name, namer.categories))


def camera_height(scene: Scene) -> float:
    """Of the earliest camera above the floor, in what the scene takes for metres."""
    first = scene.world_from_camera[int(scene.time_s.argmin())]
    return float(viewer_numbers(first, scene.room_from_world)[3])
