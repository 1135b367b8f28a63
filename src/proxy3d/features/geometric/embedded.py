"""Where each patch is, from pictures alone, by a small network of ours: no depth, no poses, no intrinsics, nothing else to install."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from proxy3d.errors import BadInput
from proxy3d.features.geometric.predicted import in_time_order
from proxy3d.features.geometric.view_network import UNIT_PX, Looks, Said, ViewNetwork, ViewSettings
from proxy3d.features.geometric.view_poses import cameras, joined, matched_pairs
from proxy3d.features.grid import Grid, grid_for
from proxy3d.features.named import OPTIONAL
from proxy3d.geometry import resized_intrinsics, transform, unproject
from proxy3d.points.scale import PREDICTED_SIGMA, predicted_scale
from proxy3d.tensor_file import load_tensors, save_tensors
from proxy3d.values import Clip, Geometry

SHIPPED = Path(__file__).parents[2] / "weights" / "views.safetensors"
NOTE = "depth, cameras and scale were predicted by a network trained on rendered rooms"


@dataclass(frozen=True)
class Posed:
    """Cameras of T frames in an upright, metric world."""

    world_from_camera: Float[Tensor, "T 4 4"]
    intrinsics_px: Float[Tensor, "3 3"]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Embedded:
    """Depth, gravity and matches by `ViewNetwork`, cameras from matches in closed form; trained by `proxy3d train views`.

    It reads the features of a frozen semantic encoder, named in its weights, and looks at the frames for itself: where the scene's
    features are of the same encoder, frames are encoded twice.
    """

    weights: str | None = None  # a file; None = the one that ships

    name = "embedded"
    takes_weights = OPTIONAL
    kinds = {}  # none of transformers
    example = "FILE"
    licence = "Apache-2.0"
    unit = "metre"

    @cached_property
    def file(self) -> Path:
        """Raises BadInput where no weights are named and none ship."""
        if self.weights is None and not SHIPPED.is_file():
            raise BadInput(f"--geometric {self.name}: no weights ship yet; make some (`proxy3d train views`) and type --geometric {self.name}:FILE")
        return SHIPPED if self.weights is None else Path(self.weights).expanduser()

    @cached_property
    def network(self) -> ViewNetwork:
        return self._loaded[0]

    @cached_property
    def semantic(self) -> object:
        """The frozen encoder whose features the network reads."""
        from proxy3d.features.semantic import SEMANTIC

        return SEMANTIC[self._loaded[1]["semantic"]]()

    @cached_property
    def hash(self) -> str:
        _ = self._loaded
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    @property
    def typical(self) -> dict[str, float]:
        """Median depth, mean height and pitch of cameras and mean focal length (in UNIT_PX) of the rooms it was trained on."""
        return self._loaded[1]["typical"]

    @cached_property
    def _loaded(self) -> tuple[ViewNetwork, dict]:
        return load_views(self.file)

    @torch.no_grad()
    def __call__(self, clip: Clip, grid: Grid) -> Geometry:
        """Positions (T, h, w, 3) in metres, in an upright world: floor at z = 0 below the earliest camera, which looks along y.

        The order of frames changes nothing: they are seen in order of time. What the capture itself says of cameras is not used.

        Raises:
            BadInput: no weights, or the file holds something else.
        """
        frame, place = in_time_order(clip)
        height, width = frame.shape[-2:]
        own = grid_for(width, height)
        ordered = Clip(frame, clip.time_s.sort().values, tuple(str(t) for t in range(len(frame))))
        said = self.network(Looks.of(ordered, self.semantic(ordered, own)))
        posed = self.posed(frame, said)
        geometry = placed_views(said, posed, grid, (width, height))
        sigma = self._loaded[1].get("relative_sigma", PREDICTED_SIGMA)
        return Geometry(
            geometry[0][place],
            geometry[1][place],
            predicted_scale(sigma),
            intrinsics_px=posed.intrinsics_px.expand(len(frame), 3, 3),
            world_from_camera=posed.world_from_camera[place],
            notes=posed.notes,
        )

    def posed(self, frame: Float[Tensor, "T 3 H W"], said: Said) -> Posed:
        """Where the cameras of frames in order of time were."""
        size = frame.shape[:1:-1]
        pose = cameras(said.up[0], *joined(matched_pairs(said), said.log_height))
        return Posed(pose, intrinsics_of(said, grid_for(*size), size), (NOTE,))


def intrinsics_of(said: Said, grid: Grid, size_px: tuple[int, int]) -> Float[Tensor, "3 3"]:
    """Of pictures of a size (W, H) with square pixels, seen on a grid, with the principal point in the middle."""
    width, height = size_px
    focal = float(said.log_focal[0].exp()) * UNIT_PX * (width * height / (grid.width_px * grid.height_px)) ** 0.5
    return torch.tensor([[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]])


def placed_views(said: Said, posed: Posed, grid: Grid, size_px: tuple[int, int]) -> tuple[Float[Tensor, "T h w 3"], Float[Tensor, "T h w"]]:
    """World points of the patches of any grid, each on the ray through its middle, and their confidences."""
    depth, sure = (F.adaptive_avg_pool2d(value[0], (grid.h, grid.w)) for value in (said.log_depth, said.confidence))
    camera = unproject(depth.exp(), resized_intrinsics(posed.intrinsics_px, size_px, (grid.w, grid.h)))
    return transform(posed.world_from_camera, camera.flatten(1, 2)).view(camera.shape), sure


def save_views(path: Path, network: ViewNetwork, semantic: str, facts: dict) -> None:
    """Write a network in float16 with its sizes, the name of the semantic encoder it reads, and facts about its training."""
    tensors = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_tensors(path, tensors, {**facts, "views": asdict(network.settings), "semantic": semantic})


def load_views(path: Path) -> tuple[ViewNetwork, dict]:
    """The network of a file made by `proxy3d train views`, frozen, and its facts.

    Raises:
        BadInput: missing or broken, or it holds something else.
    """
    tensors, facts = load_tensors(path)
    try:
        network = ViewNetwork(ViewSettings(**facts["views"]))
        network.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (KeyError, TypeError, RuntimeError):
        raise BadInput(f"{path}: not weights of this version's --geometric embedded; expected a file made by `proxy3d train views`") from None
    return network.eval().requires_grad_(False), facts
