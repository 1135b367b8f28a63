"""The one place where coordinates become metric; it refuses when nobody knows how long a metre is."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.values import Geometry, Scale

UNKNOWN_SIGMA = 10.0  # relative; a scale file cannot hold infinity
PREDICTED_SIGMA = 0.2  # relative; of networks that guess metres from one picture, by order of magnitude: not measured here
KNOWN_SIGMA = 0.15  # relative; of a box whose true height somebody told us, by order of magnitude: not measured here
NOMINAL_DISTANCE_M = 2.5  # what an unknown scale makes of the median distance from a camera to what it sees


def predicted_scale(relative_sigma: float = PREDICTED_SIGMA) -> Scale:
    """Of depth in metres that a network guessed: metric, but far less sure than a sensor."""
    return Scale(1.0, "metric_predictor", relative_sigma)


def known_scale(scale: Scale, true_m: float, said: float) -> Scale:
    """The scale under which something that is said to measure `said` under another one measures `true_m`."""
    return Scale(scale.metres_per_unit * true_m / said, "known_length", KNOWN_SIGMA)


def settle_scale(geometry: Geometry, camera_xyz: Float[Tensor, "T 3"], *, allow_unknown: bool) -> Scale:
    """The scale of a geometry; without one, a nominal scale if the caller agrees to lose metres.

    The nominal scale puts the median camera distance at 2.5, so that position encodings see familiar numbers. Its
    source is "unknown", and from then on no answer is stated in metres.

    Raises:
        BadInput: no scale and `allow_unknown` is False.
    """
    if geometry.scale is not None:
        return geometry.scale
    if not allow_unknown:
        raise BadInput("the capture's unit is unknown: pass --scale unknown to go on without metres, --metres-per-unit VALUE, or --known door=2.0m")
    seen = geometry.confidence > 0
    distance = (geometry.xyz_world - camera_xyz[:, None, None]).norm(dim=-1)[seen]
    median = float(distance.median()) if len(distance) else 1.0
    return Scale(NOMINAL_DISTANCE_M / max(median, 1e-9), "unknown", UNKNOWN_SIGMA)
