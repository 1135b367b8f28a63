"""Read the pictures of a rendered room: the clip as a camera would have given it, and the true object of every pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from PIL import Image
from torch import Tensor

from proxy3d.spacespan.room import Room
from proxy3d.values import Clip


def load_clip(folder: Path) -> tuple[Room, Clip, Int[Tensor, "T H W"]]:
    """Room, clip and instance ids (0 = walls, floor, ceiling, outside) of a folder made by `proxy3d data make`.

    Raises:
        BadInput: the folder has no readable room.json.
    """
    folder = Path(folder)
    room = Room.load(folder)
    frames = range(len(room.world_from_camera))
    colour = [np.asarray(Image.open(folder / "color" / f"{t:02d}.jpg").convert("RGB")) for t in frames]
    depth = [np.asarray(Image.open(folder / "depth" / f"{t:02d}.png"), dtype=np.float32) / 1000 for t in frames]
    instance = [np.asarray(Image.open(folder / "instance" / f"{t:02d}.png"), dtype=np.int64) for t in frames]
    clip = Clip(
        frame=torch.from_numpy(np.stack(colour)).permute(0, 3, 1, 2).float() / 255,
        time_s=torch.arange(len(colour), dtype=torch.float32) / 2,
        name=tuple(f"{t:02d}" for t in frames),
        intrinsics_px=torch.tensor(room.intrinsics_px).expand(len(colour), 3, 3),
        world_from_camera=torch.tensor(room.world_from_camera),
        depth_m=torch.from_numpy(np.stack(depth)),
    )
    return room, clip, torch.from_numpy(np.stack(instance))
