"""What each form of a saved scene costs in bytes, and what is lost of its proxies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from proxy3d.evaluation.metrics.objects import large_enough, owned_objects
from proxy3d.evaluation.proxy_measures import LARGE, Sight
from proxy3d.proxies.owners import Clusterer, with_owners
from proxy3d.proxies.pool import composition
from proxy3d.scene_file import FORMS, from_bytes, to_bytes
from proxy3d.values import Proxies, Scale, Scene


def scene_of(view: Sight, proxies: Proxies) -> Scene:
    """The scene that encoding the room's frames would save, without pictures."""
    room, frames = view.room, len(view.room.world_from_camera)
    return Scene(
        clip_id=room.room_id,
        proxies=proxies,
        scale=Scale(1.0, "sensor", 0.01),
        world_from_camera=torch.tensor(room.world_from_camera),
        intrinsics_px=torch.tensor(room.intrinsics_px).expand(frames, 3, 3),
        image_size_px=room.image_size_px,
        time_s=torch.arange(frames).float(),
        frame_name=tuple(f"{i:06d}" for i in range(frames)),
        world_from_capture=torch.eye(4),
        room_from_world=view.room_from_world,
        encoders={},
    )


def form_figures(views: Sequence[Sight], clusterer: Clusterer, n: int) -> dict[str, dict[str, float]]:
    """By form: mean bytes of a scene of n proxies, bytes of the proxies alone, recall of large objects after a round trip, and cosine of features."""
    kept: dict[str, list[tuple[float, float, float]]] = {form: [] for form in FORMS}
    found: dict[str, list[bool]] = {form: [] for form in FORMS}
    for view in views:
        proxies, owner = with_owners(clusterer, view.points, n, int(view.points.frame.max()) + 1)
        room, size = view.room, max([o.id for o in view.room.objects] + [int(view.instance.max())]) + 1
        shares = composition(owner, view.instance, len(proxies), size)
        pixels = np.array([o.pixels for o in room.objects]).reshape(len(room.objects), -1)
        large = large_enough(pixels, room.image_size_px[0] * room.image_size_px[1], LARGE)
        boxes = {o.id: o.box for o, chosen in zip(room.objects, large, strict=True) if chosen}
        scene = scene_of(view, proxies)
        for form in FORMS:
            data = to_bytes(scene, form)
            back = from_bytes(data).proxies
            alike = float(F.cosine_similarity(back.feature, proxies.feature, dim=1).mean())
            kept[form].append((len(data), tensor_bytes(data), alike))
            found[form] += owned_objects(back.xyz_world_m, shares, boxes).values()
    figures = {form: np.array(rows).mean(0).tolist() for form, rows in kept.items()}
    return {
        form: {"file_bytes": whole, "tensor_bytes": alone, "cosine": alike, "recall": float(np.mean(found[form]))}
        for form, (whole, alone, alike) in figures.items()
    }


def tensor_bytes(data: bytes) -> int:
    """Bytes of a scene file without its header: proxies, and some 40 numbers for each camera."""
    return len(data) - 8 - int.from_bytes(data[:8], "little")
