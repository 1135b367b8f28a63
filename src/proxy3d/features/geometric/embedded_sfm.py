"""Where each patch is, from pictures alone, by our small network, with cameras by structure from motion where pictures share enough corners."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from proxy3d.extras import require
from proxy3d.features.geometric.embedded import Embedded, Posed
from proxy3d.features.geometric.view_network import Said
from proxy3d.features.geometric.view_poses import level_from_camera
from proxy3d.geometry import compose, rigid

LONGEST_PX = 1024  # larger pictures are made smaller before corners are looked for
FOCAL_RATIO = 1.25  # the most by which the two focal lengths may differ
TURN_DEG = 6.0  # the most by which turns may differ, as a median over all pairs of frames
DEPTH_RATIO = 1.25  # the most by which depth may differ, as a median over the corners of any frame, once units agree
KEPT = "structure from motion gave no cameras for all pictures that the network could believe, so cameras stay as predicted"
FOUND = "cameras by structure from motion"


@dataclass(frozen=True)
class Reconstruction:
    """What structure from motion found, in a world of its own and an unknown unit."""

    world_from_camera: Float[Tensor, "T 4 4"]
    focal_px: float
    corner: tuple[Float[Tensor, "n 3"], ...]  # of each frame: column and row in the picture, and depth


@dataclass(frozen=True)
class EmbeddedSfm(Embedded):
    """`Embedded`, but cameras come from pycolmap (Schoenberger and Frahm 2016) where it can place all frames and does not contradict the network.

    The network still says how far everything is, what is up, how high the camera was and how long a metre is.
    """

    name = "embedded_sfm"

    def posed(self, frame: Float[Tensor, "T 3 H W"], said: Said) -> Posed:
        guess = super().posed(frame, said)
        found = reconstructed(frame, float(guess.intrinsics_px[0, 0])) if len(frame) > 1 else None
        if found is None or contradicts(found, guess, off := depth_off(found, said, frame.shape[:1:-1])):
            return replace(guess, notes=(*guess.notes, KEPT))
        return fitted(found, said, guess, float(off.median().exp()))


def reconstructed(frame: Float[Tensor, "T 3 H W"], focal_px: float) -> Reconstruction | None:
    """All frames in one world, by one camera whose focal length is at first as given; None where some frame finds no place in it.

    Raises:
        BadInput: pycolmap is not installed.
    """
    colmap = require("pycolmap", for_what="the geometric encoder embedded_sfm")
    colmap.logging.minloglevel = int(colmap.logging.Level.FATAL)
    colmap.set_random_seed(0)
    height, width = frame.shape[-2:]
    shrink = min(1.0, LONGEST_PX / max(height, width))
    small = F.interpolate(frame, scale_factor=shrink, mode="bilinear", antialias=True, align_corners=False) if shrink < 1 else frame
    ratio = small.shape[-1] / width
    with tempfile.TemporaryDirectory() as scratch:
        folder, pictures = Path(scratch), Path(scratch) / "pictures"
        pictures.mkdir()
        for number, picture in enumerate((small * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()):
            Image.fromarray(picture).save(pictures / f"{number:04d}.png")
        found = _mapped(colmap, folder, pictures, focal_px * ratio, small.shape[:1:-1])
        best = max(found.values(), key=lambda one: one.num_reg_images(), default=None)
        return None if best is None or best.num_reg_images() < len(frame) else _read(best, ratio)


def _mapped(colmap: object, folder: Path, pictures: Path, focal_px: float, size_px: tuple[int, int]) -> dict[int, object]:
    """Reconstructions of all pictures of a folder; one thread, so that the same pictures give the same cameras."""
    camera, corners = colmap.ImageReaderOptions(), colmap.FeatureExtractionOptions()
    pairs, steps = colmap.FeatureMatchingOptions(), colmap.IncrementalPipelineOptions()
    camera.camera_model, camera.camera_params = "SIMPLE_PINHOLE", f"{focal_px},{size_px[0] / 2},{size_px[1] / 2}"
    corners.num_threads = pairs.num_threads = steps.num_threads = 1
    steps.ba_refine_extra_params, steps.min_model_size = False, 2
    cpu, single = colmap.Device.cpu, colmap.CameraMode.SINGLE
    colmap.extract_features(folder / "corners.db", pictures, camera_mode=single, reader_options=camera, extraction_options=corners, device=cpu)
    colmap.match_exhaustive(folder / "corners.db", matching_options=pairs, device=cpu)
    return colmap.incremental_mapping(folder / "corners.db", pictures, folder, options=steps)


def _read(found: object, ratio: float) -> Reconstruction:
    poses, corners = [], []
    for image in sorted(found.images.values(), key=lambda one: one.name):
        camera_from_world = torch.eye(4, dtype=torch.float64)
        camera_from_world[:3] = torch.from_numpy(image.cam_from_world().matrix())
        poses.append(torch.linalg.inv(camera_from_world).float())
        seen = [point for point in image.points2D if point.has_point3D()]
        places = [(*point.xy, (image.cam_from_world() * found.points3D[point.point3D_id].xyz)[2]) for point in seen]
        corner = torch.tensor(places, dtype=torch.float32).reshape(-1, 3)
        corners.append(torch.cat([corner[:, :2] / ratio - 0.5, corner[:, 2:]], 1))  # there the middle of the first pixel is at 0.5
    (camera,) = found.cameras.values()
    return Reconstruction(torch.stack(poses), float(camera.params[0]) / ratio, tuple(corners))


def depth_off(found: Reconstruction, said: Said, size_px: tuple[int, int]) -> Float[Tensor, "T"]:
    """By how much the corners of each frame lie deeper than the network says, as the median logarithm of the ratio; NaN without corners."""
    frames = enumerate(found.corner)
    return torch.stack([(c[:, 2].clamp_min(1e-9).log() - sampled(said.log_depth[0, t], c[:, :2], size_px)).nanmedian() for t, c in frames])


def contradicts(found: Reconstruction, guess: Posed, off: Float[Tensor, "T"]) -> bool:
    """Whether focal length, turns or the depth of some frame differ by more than the network is usually off.

    Wrong matches make worlds that fit them and nothing else, and worlds whose unit changes along the way.
    """
    ratio = found.focal_px / float(guess.intrinsics_px[0, 0])
    one, other = (pose[:, None, :3, :3].transpose(-1, -2) @ pose[None, :, :3, :3] for pose in (found.world_from_camera, guess.world_from_camera))
    trace = (one.transpose(-1, -2) @ other).diagonal(dim1=-2, dim2=-1).sum(-1)
    turn = torch.rad2deg(((trace - 1) / 2).clamp(-1, 1).arccos())[~torch.eye(len(one), dtype=torch.bool)]
    agrees = (off - off.median()).abs() < math.log(DEPTH_RATIO)  # NaN does not
    return max(ratio, 1 / ratio) > FOCAL_RATIO or float(turn.median()) > TURN_DEG or not bool(agrees.all())


def fitted(found: Reconstruction, said: Said, guess: Posed, units_per_metre: float) -> Posed:
    """The reconstruction in the upright, metric world of the first camera."""
    pose = found.world_from_camera
    up = F.normalize((pose[:, :3, :3] @ said.up[0][..., None])[..., 0].mean(0), dim=0)
    first = pose[0, :3, :3]
    turn = level_from_camera(first.T @ up) @ first.T
    place = (pose[:, :3, 3] - pose[0, :3, 3]) @ turn.T / units_per_metre
    place[:, 2] += (said.log_height[0].exp() - place[:, 2]).mean()
    intrinsics = guess.intrinsics_px.clone()
    intrinsics[0, 0] = intrinsics[1, 1] = found.focal_px
    cameras = compose(rigid(turn.expand(len(pose), 3, 3), place), rigid(pose[:, :3, :3], torch.zeros_like(place)))
    return Posed(cameras, intrinsics, (*guess.notes, FOUND))


def sampled(picture: Float[Tensor, "a b"], place_px: Float[Tensor, "n 2"], size_px: tuple[int, int]) -> Float[Tensor, "n"]:
    """Values of a coarse picture at places (column, row) of one of a size (W, H)."""
    grid = (place_px + 0.5) / torch.tensor(size_px) * 2 - 1
    return F.grid_sample(picture[None, None], grid[None, None], mode="bilinear", padding_mode="border", align_corners=False)[0, 0, 0]
