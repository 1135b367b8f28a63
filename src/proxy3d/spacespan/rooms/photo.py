"""What cameras do to a clean picture: a phone's small errors always, and worse ones, of its depth sensor too, where they are asked for."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageFilter

from proxy3d.errors import BadInput
from proxy3d.spacespan.rooms.camera import Cameras

FRAMES_PER_S = 2.0
SHUTTER_S = 1 / 30  # how long the shutter is open at motion blur 1
TAPS = 7  # sharp pictures that a blurred one is the mean of
GAMMA = 2.2
STOPS = 0.8  # standard deviation of the exposure error at strength 1
# A structured-light sensor at depth noise 1: noise along the ray as measured by Nguyen, Izadi and Lovell (3DIMPVT 2012, eq. 4), and disparity in
# eighths of a pixel at a baseline of 75 mm and a focal length of 580 pixels.
NEAR_M, FAR_M = 0.4, 8.0
DISPARITY_STEP_PER_M = 1 / (8 * 0.075 * 580)
EDGE_PX = 0.7  # how far sideways a measurement may come from
EDGE_STEP = 0.04  # a relative step to a neighbour that makes an edge, or a surface seen too flat
EDGE_LOST, PATCH_LOST = 0.35, 0.02  # shares of edge pixels, and of all others, that are holes


@dataclass(frozen=True)
class Photo:
    """Moderate, seeded corruptions of the frames of one clip; a strength of 0 leaves the frames as they are."""

    strength: float = 1.0

    def __call__(self, rng: np.random.Generator, rgb: UInt8[np.ndarray, "T H W 3"]) -> UInt8[np.ndarray, "T H W 3"]:
        if self.strength == 0:
            return rgb
        s = self.strength
        balance = np.exp(rng.normal(0, 0.04 * s, 3))
        exposure = np.exp(rng.normal(0, 0.12 * s) + np.cumsum(rng.normal(0, 0.02 * s, len(rgb))))
        blur_px, noise = rng.uniform(0, 0.8 * s), rng.uniform(0.5, 4.0) * s
        out = []
        for frame, gain in zip(rgb, exposure, strict=True):
            if blur_px > 0.25:
                frame = np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(blur_px * rng.uniform(0.7, 1.5))))
            value = frame * (gain * balance).astype(np.float32)
            # Shot noise grows with the light, read-out noise does not.
            value += rng.standard_normal(frame.shape, np.float32) * (noise * (0.5 + value.clip(0, 255) / 255))
            out.append((value + 0.5).clip(0, 255).astype(np.uint8))
        return np.stack(out)


@dataclass(frozen=True)
class Corruption:
    """What goes wrong in a hurry, each with a strength from 0 (off) to 4; ids, boxes and poses stay true.

    Every corruption draws from a seed of its own, so switching one on changes nothing about the others.
    """

    motion_blur: float = 0.0  # 1 = the shutter stays open for 1/30 s while the hand moves on
    exposure: float = 0.0  # 1 = most clips within 0.8 stops of right, with one jump on the way
    depth_noise: float = 0.0  # 1 = steps, noise, frayed edges and holes of a structured-light sensor

    def __post_init__(self):
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and 0 <= value <= 4):
                raise BadInput(f"--{name.replace('_', '-')} {value}: expected a strength from 0 (off) to 4")

    def __call__(
        self, seed: int, rgb: UInt8[np.ndarray, "T H W 3"], depth_m: Float[np.ndarray, "T H W"], cameras: Cameras
    ) -> tuple[UInt8[np.ndarray, "T H W 3"], Float[np.ndarray, "T H W"]]:
        if self.motion_blur:
            rgb = motion_blurred(rgb, depth_m, cameras, self.motion_blur * SHUTTER_S * FRAMES_PER_S)
        if self.exposure:
            rgb = badly_exposed(np.random.default_rng((seed, 101)), rgb, self.exposure)
        if self.depth_noise:
            depth_m = badly_measured(np.random.default_rng((seed, 102)), depth_m, self.depth_noise)
        return rgb, depth_m


CLEAN = Corruption()


def motion_blurred(
    rgb: UInt8[np.ndarray, "T H W 3"], depth_m: Float[np.ndarray, "T H W"], cameras: Cameras, shutter: float
) -> UInt8[np.ndarray, "T H W 3"]:
    """Each frame as the mean of sharp ones along the way that its own surfaces move; the shutter is a share of the time between frames."""
    out = []
    for t, frame in enumerate(rgb):
        if len(rgb) < 2:
            return rgb
        shift = shutter / 2 * pixel_motion(depth_m[t], cameras, t)
        light = (frame / 255.0) ** GAMMA
        mean = sum(shifted(light, s * shift) for s in np.linspace(-1, 1, TAPS)) / TAPS
        out.append((mean ** (1 / GAMMA) * 255 + 0.5).astype(np.uint8))
    return np.stack(out)


def pixel_motion(depth_m: Float[np.ndarray, "H W"], cameras: Cameras, t: int) -> Float[np.ndarray, "H W 2"]:
    """How far (u, v) the surface in each pixel of frame t would move until the next frame, at the speed it has now."""
    import torch
    from scipy.spatial.transform import Rotation

    from proxy3d.geometry import compose, invert, project, unproject

    poses = torch.from_numpy(np.ascontiguousarray(cameras.world_from_camera)).double()
    now, other = (t, t + 1) if t + 1 < len(poses) else (t - 1, t)
    step = compose(invert(poses[other]), poses[now])  # of the camera, over one interval
    small = 1 / 64  # a step so short that turning and moving add up
    turn = torch.from_numpy(Rotation.from_rotvec(small * Rotation.from_matrix(step[:3, :3].numpy()).as_rotvec()).as_matrix())
    matrix = torch.from_numpy(np.ascontiguousarray(cameras.intrinsics_px)).double()
    xyz = unproject(torch.from_numpy(np.maximum(depth_m, 0.1)).double(), matrix).reshape(-1, 3)
    moved, _ = project(xyz @ turn.T + small * step[:3, 3], matrix)
    still, _ = project(xyz, matrix)
    return ((moved - still) / small).reshape(*depth_m.shape, 2).numpy()


def shifted(picture: Float[np.ndarray, "H W C"], by_px: Float[np.ndarray, "H W 2"]) -> Float[np.ndarray, "H W C"]:
    """The picture read at a place (u, v) beside each pixel, with bilinear weights; the border goes on for ever."""
    height, width = picture.shape[:2]
    v, u = np.indices((height, width))
    u, v = (u + by_px[..., 0]).clip(0, width - 1), (v + by_px[..., 1]).clip(0, height - 1)
    left, top = np.minimum(u.astype(int), width - 2), np.minimum(v.astype(int), height - 2)
    right, down = (u - left)[..., None], (v - top)[..., None]
    above = picture[top, left] * (1 - right) + picture[top, left + 1] * right
    below = picture[top + 1, left] * (1 - right) + picture[top + 1, left + 1] * right
    return above * (1 - down) + below * down


def badly_exposed(rng: np.random.Generator, rgb: UInt8[np.ndarray, "T H W 3"], strength: float) -> UInt8[np.ndarray, "T H W 3"]:
    """Too bright or too dark from the first frame on, and off by something else from some frame on; what is over the top is lost."""
    stops = np.full(len(rgb), rng.normal(0, STOPS * strength))
    stops[rng.integers(0, len(rgb) + 1) :] += rng.normal(0, STOPS * strength / 2)
    light = (rgb / 255.0) ** GAMMA * np.exp2(stops)[:, None, None, None]
    return (light.clip(0, 1) ** (1 / GAMMA) * 255 + 0.5).astype(np.uint8)


def badly_measured(rng: np.random.Generator, depth_m: Float[np.ndarray, "T H W"], strength: float) -> Float[np.ndarray, "T H W"]:
    """Depth as a structured-light sensor gives it: frayed at edges, noisy and in steps that grow with the square of it, with holes (0)."""
    from scipy.ndimage import gaussian_filter

    frames, height, width = depth_m.shape
    t, v, u = np.indices(depth_m.shape)
    fray = np.round(rng.normal(0, EDGE_PX * strength, (2, *depth_m.shape))).astype(int)
    z = depth_m[t, (v + fray[0]).clip(0, height - 1), (u + fray[1]).clip(0, width - 1)].astype(np.float64)
    none = z <= 0
    z = np.maximum(z, 0.05)
    z = z + rng.normal(size=z.shape) * strength * (0.0012 + 0.0019 * (z - NEAR_M) ** 2)
    step = strength * DISPARITY_STEP_PER_M
    z = 1 / (np.maximum(np.round(1 / np.maximum(z, 0.05) / step), 1) * step)
    patchy = gaussian_filter(rng.normal(size=z.shape), (0, 3, 3))
    lost = patchy > np.quantile(patchy, 1 - min(PATCH_LOST * strength, 0.5))
    lost |= edges(depth_m) & (rng.random(z.shape) < EDGE_LOST * strength)
    z[none | lost | (z < NEAR_M) | (z > FAR_M)] = 0
    return z.astype(np.float32)


def edges(depth_m: Float[np.ndarray, "T H W"]) -> np.ndarray:
    """Where the next pixel is much nearer or farther: outlines, and surfaces that are seen almost from the side."""
    out = np.zeros(depth_m.shape, bool)
    for axis in (1, 2):
        step = np.abs(np.diff(depth_m, axis=axis)) > EDGE_STEP * np.minimum(np.take(depth_m, range(depth_m.shape[axis] - 1), axis), 10.0)
        pad = [(0, 0)] * 3
        pad[axis] = (0, 1)
        out |= np.pad(step, pad)
        pad[axis] = (1, 0)
        out |= np.pad(step, pad)
    return out
