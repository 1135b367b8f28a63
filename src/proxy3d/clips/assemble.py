"""Decode chosen frames and bring them onto one grid: undistorted, upright, depth registered to colour, all of one size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from proxy3d.clips.cameras import NO_DISTORTION, mirrored
from proxy3d.clips.capture import Camera, Capture, FrameRef
from proxy3d.clips.choose import choose
from proxy3d.clips.depth import check_plausible, read_depth
from proxy3d.clips.images import read_image
from proxy3d.errors import BadInput
from proxy3d.geometry import resized_intrinsics
from proxy3d.values import Clip

ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded frame before all are brought to one size."""

    ref: FrameRef
    rgb: UInt8[Tensor, "3 H W"]
    depth_m: Float[Tensor, "H W"] | None = None
    matrix_px: Float[Tensor, "3 3"] | None = None
    world_from_camera: Float[Tensor, "4 4"] | None = None


def take_files(capture: Capture, count: int) -> Clip:
    """A Clip of at most `count` frames of a capture whose frames are files.

    Raises:
        BadInput: a file is damaged, a camera does not fit its picture, or the depth unit is implausible.
    """
    chosen = choose(capture.frames, count)
    pictures = [_picture(ref, capture) for ref in chosen]
    return clip_of(pictures, capture)


def clip_of(pictures: list[Picture], capture: Capture) -> Clip:
    """Pictures of one aspect ratio as a Clip of the first picture's size, or smaller when that exceeds the longest side.

    Raises:
        BadInput: another aspect ratio, or an implausible depth unit.
    """
    height, width = pictures[0].rgb.shape[1:]
    shrink = min(1.0, capture.options.longest_side_px / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    for p in pictures:
        h, w = p.rgb.shape[1:]
        if abs((w / h) / (width / height) - 1) > ASPECT_TOLERANCE:
            first = f"{pictures[0].ref.color.name} has {width}x{height}"
            raise BadInput(f"{p.ref.color}: {w}x{h} pixels, but {first}: frames need one aspect ratio; crop or remove it")
    frame = torch.stack([_resized_colour(p.rgb, size) for p in pictures])
    depth = None
    if all(p.depth_m is not None for p in pictures):
        check_plausible([p.depth_m for p in pictures], capture.path)
        depth = torch.stack([_resized_depth(p.depth_m, size) for p in pictures])
    matrix = None
    if all(p.matrix_px is not None for p in pictures):
        matrix = torch.stack([resized_intrinsics(p.matrix_px, (p.rgb.shape[2], p.rgb.shape[1]), size) for p in pictures]).float()
    pose = torch.stack([p.world_from_camera for p in pictures]).float() if all(p.world_from_camera is not None for p in pictures) else None
    time = torch.tensor([p.ref.time_s for p in pictures], dtype=torch.float64).float()
    return Clip(frame, time, tuple(p.ref.name for p in pictures), matrix, pose, depth)


def registered(
    depth_m: Float[Tensor, "h w"], depth_px: Float[Tensor, "3 3"], color_px: Float[Tensor, "3 3"], size: tuple[int, int]
) -> Float[Tensor, "H W"]:
    """Depth on the colour grid of (W, H), nearest neighbour; 0 outside the depth picture.

    The two cameras are taken to share centre and axes, so that a colour pixel sees what depth pixel K_d K_c^-1 [u v 1] sees.
    """
    width, height = size
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixel = torch.stack([u, v, torch.ones_like(u)], -1).double()
    where = (pixel @ (depth_px @ torch.linalg.inv(color_px)).T)[..., :2].round().long()
    inside = (where >= 0).all(-1) & (where[..., 0] < depth_m.shape[1]) & (where[..., 1] < depth_m.shape[0])
    x, y = where[..., 0].clamp(0, depth_m.shape[1] - 1), where[..., 1].clamp(0, depth_m.shape[0] - 1)
    return torch.where(inside, depth_m[y, x], torch.zeros(()))


def undistorted(image: Float[Tensor, "C H W"], camera: Camera, mode: str) -> Float[Tensor, "C H W"]:
    """The picture that a lens without distortion would have made with the same matrix (OpenCV's k1 k2 p1 p2 k3 model).

    Every pixel of the result looks up where the lens put it, so no inversion is needed. Outside, colour repeats the border; depth is 0.
    """
    k1, k2, p1, p2, k3 = camera.distortion
    height, width = image.shape[1:]
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    ray = torch.stack([u, v, torch.ones_like(u)], -1).double() @ torch.linalg.inv(camera.matrix_px).T
    x, y = ray[..., 0], ray[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    bent_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    bent = torch.stack([bent_x, bent_y, torch.ones_like(x)], -1)
    pixel = (bent @ camera.matrix_px.T)[..., :2]
    grid = (pixel / torch.tensor([max(width - 1, 1), max(height - 1, 1)]) * 2 - 1).float()
    padding = "border" if mode == "bilinear" else "zeros"
    return grid_sample(image[None], grid[None], mode=mode, padding_mode=padding, align_corners=True)[0]


def _picture(ref: FrameRef, capture: Capture) -> Picture:
    options = capture.options
    bare = ref.camera is None and ref.depth is None and ref.world_from_camera is None
    rgb = read_image(ref.color, upright=bare)
    height, width = rgb.shape[1:]
    camera = _fitted(ref.camera, (width, height), ref) if ref.camera is not None else None
    depth = None
    if ref.depth is not None:
        unit = options.depth_unit if options.depth_unit is not None else capture.depth_unit
        depth = _depth_on_colour(read_depth(ref.depth, unit), ref, camera, (width, height))
    if camera is not None and camera.distortion not in (None, NO_DISTORTION):
        rgb = undistorted(rgb.float(), camera, "bilinear").round().clamp(0, 255).to(torch.uint8)
        depth = undistorted(depth[None], camera, "nearest")[0] if depth is not None else None
    pose, matrix = ref.world_from_camera, camera.matrix_px if camera is not None else None
    if matrix is not None and float(matrix[1, 1]) < 0:
        matrix = matrix.clone()
        if options.negative_fy == "left_handed":
            matrix[:, 1] *= -1
            pose = mirrored(pose) if pose is not None else None
        else:  # row v becomes row H-1-v, which is exactly what turns fy positive
            rgb, depth = rgb.flip(1), depth.flip(0) if depth is not None else None
            matrix[1, 1:] = torch.stack([-matrix[1, 1], height - 1 - matrix[1, 2]])
    return Picture(ref, rgb, depth, matrix, pose)


def _fitted(camera: Camera, size: tuple[int, int], ref: FrameRef) -> Camera:
    """The camera for the picture as it is stored, which may be smaller than the one the file speaks of."""
    matrix = camera.matrix_px
    if camera.size_px is not None and camera.size_px != size:
        if abs((camera.size_px[0] / camera.size_px[1]) / (size[0] / size[1]) - 1) > ASPECT_TOLERANCE:
            stated = f"{camera.size_px[0]}x{camera.size_px[1]}"
            raise BadInput(f"{ref.color}: {size[0]}x{size[1]} pixels, but its intrinsics are for {stated}; type --intrinsics fx,fy,cx,cy")
        matrix = resized_intrinsics(matrix, camera.size_px, size)
    cx, cy = float(matrix[0, 2]), float(matrix[1, 2])
    if not (-0.5 <= cx <= size[0] - 0.5 and -0.5 <= cy <= size[1] - 0.5):
        raise BadInput(
            f"{ref.color}: the principal point ({cx:.1f}, {cy:.1f}) lies outside the {size[0]}x{size[1]} picture: "
            "the intrinsics are for another size; type --intrinsics fx,fy,cx,cy"
        )
    return Camera(matrix, camera.distortion, size)


def _depth_on_colour(depth_m: Tensor, ref: FrameRef, camera: Camera | None, size: tuple[int, int]) -> Tensor:
    height, width = depth_m.shape
    if ref.depth_camera is not None:
        own = ref.depth_camera
        matrix = resized_intrinsics(own.matrix_px, own.size_px, (width, height)) if own.size_px else own.matrix_px
        return registered(depth_m, matrix, camera.matrix_px, size)
    if (width, height) == size:
        return depth_m
    if abs((width / height) / (size[0] / size[1]) - 1) > ASPECT_TOLERANCE:
        raise BadInput(
            f"{ref.depth}: depth is {width}x{height} and colour {size[0]}x{size[1]}, another aspect ratio: "
            "expected intrinsics of both in intrinsic/intrinsic_color.txt and intrinsic/intrinsic_depth.txt"
        )
    return _resized_depth(depth_m, size)


def _resized_colour(rgb: Tensor, size: tuple[int, int]) -> Tensor:
    if (rgb.shape[2], rgb.shape[1]) != size:
        rgb = interpolate(rgb[None], (size[1], size[0]), mode="bilinear", antialias=True)[0]
    return rgb.float() / 255


def _resized_depth(depth_m: Tensor, size: tuple[int, int]) -> Tensor:
    if (depth_m.shape[1], depth_m.shape[0]) == size:
        return depth_m
    # nearest-exact picks by pixel centres; plain "nearest" would shift the depth by up to half a pixel.
    # Never averaged: that would invent points in the air between a chair and the wall.
    return interpolate(depth_m[None, None], (size[1], size[0]), mode="nearest-exact")[0, 0]
