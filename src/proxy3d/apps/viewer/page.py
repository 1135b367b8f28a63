"""One HTML page that shows a scene and its answers: everything is inside the file, so it opens anywhere, offline, for years.

What comes from users and models travels as JSON and is only ever put on the page as text. A content security policy in the page
allows our own scripts by their hash and nothing else: no request leaves the page, and no text can become a script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import os
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from proxy3d.apps.viewer.colours import feature_colours, number_colours, ramp_colours
from proxy3d.errors import BadInput
from proxy3d.geometry import box_corners, invert, transform
from proxy3d.values import Answer, Box, Preview, Proxies, Scale, Scene

SCRIPTS = ("three.min.js", "stage.js", "viewer.js")  # in the order they run
FRUSTUM_SHARE = 0.07  # depth of a drawn camera, as a share of the scene's diagonal


def write_page(scene: Scene, path: Path, *, answers: Sequence[tuple[str, Answer]] = (), force: bool = False) -> Path:
    """Write the page of a scene and its (question, answer) pairs to `path`, whole or not at all; returns `path`.

    Raises:
        BadInput: `path` exists and `force` is off, its folder does not exist, or an answer does not belong to this scene.
    """
    path = Path(path)
    if path.is_dir():
        raise BadInput(f"{path} is a folder: expected the name of a page to write, for example {path / 'page.html'}")
    if path.exists() and not force:
        raise BadInput(f"{path} already exists: choose another name with -o, or add --force to replace it")
    if not path.parent.is_dir():
        raise BadInput(f"the folder {path.parent} does not exist: type mkdir -p {path.parent} first")
    page = page_html(scene, answers=answers).encode()
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    try:
        half.write_bytes(page)
        half.replace(path)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from error
    finally:
        half.unlink(missing_ok=True)
    return path


def page_html(scene: Scene, *, answers: Sequence[tuple[str, Answer]] = ()) -> str:
    """The page as text; the same scene and answers give the same text.

    Raises:
        BadInput: an answer names a proxy or a frame that the scene does not have, or a box that is not finite.
    """
    folder = files("proxy3d.apps.viewer")
    script = [folder.joinpath(name).read_text("utf-8") for name in SCRIPTS]
    template = folder.joinpath("page.html").read_text("utf-8")
    data = json.dumps(page_data(scene, answers), allow_nan=False, separators=(",", ":"))
    part = {
        "title": html.escape(scene.clip_id),
        "policy": _policy(script, style=re.search(r"<style>(.*?)</style>", template, re.S)[1]),
        # Inside a script element only "<" can end or restart it, and JSON strings may spell it \u003c.
        "data": data.replace("<", "\\u003c"),
        "licence": html.escape(folder.joinpath("three.LICENSE.txt").read_text("utf-8")),
        "scripts": "\n".join(f"<script>{text}</script>" for text in script),
    }
    # One pass over our own template: a scene called "{{data}}" stays a scene called "{{data}}".
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: part[match[1]], template)
    return page.encode("utf-8", "replace").decode("utf-8")  # file names may hold bytes that are not UTF-8


def page_data(scene: Scene, answers: Sequence[tuple[str, Answer]] = ()) -> dict:
    """What the page knows, JSON-able; lengths are in metres if `unit` is "m", and in nothing anybody can name if it is null.

    Raises:
        BadInput: an answer names a proxy or a frame that the scene does not have, or a box that is not finite.
    """
    shown = [_answer(question, answer, scene) for question, answer in answers]
    cloud = _finite(scene.preview)
    low, high = _bounds(scene.proxies, cloud[0])
    return {
        "title": scene.clip_id,
        "unit": "m" if scene.scale.is_metric else None,
        "scale": _scale_in_words(scene.scale),
        "low": _rounded(low),
        "high": _rounded(high),
        "floor": round(float(invert(scene.room_from_world)[2, 3]), 4),
        "proxies": _proxies(scene.proxies),
        "frames": _frames(scene, depth=FRUSTUM_SHARE * float((high - low).norm())),
        "answers": shown,
        "cloud": _cloud(*cloud),
        "ramp": ramp_colours(torch.linspace(0, 1, 5)),
        "encoders": dict(scene.encoders),
    }


def _policy(script: Sequence[str], style: str) -> str:
    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    ours = f"script-src {' '.join(map(source, script))}; style-src {source(style)}"
    return f"default-src 'none'; {ours}; img-src data:; base-uri 'none'; form-action 'none'"


def _scale_in_words(scale: Scale) -> str:
    if not scale.is_metric:
        return "scale unknown: lengths can be compared, but are not metres"
    how = {"sensor": "measured by the sensor", "known_length": "from a known length", "metric_predictor": "estimated by a network"}[scale.source]
    return f"metres, {how} (±{100 * scale.relative_sigma:.2g} %)"


def _finite(preview: Preview | None) -> tuple[Float[Tensor, "P 3"], UInt8[Tensor, "P 3"], Int[Tensor, "P"] | None]:
    if preview is None:
        return torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.uint8), None
    keep = torch.isfinite(preview.xyz_world_m).all(1)
    return preview.xyz_world_m[keep].float(), preview.rgb[keep], None if preview.proxy is None else preview.proxy[keep]


def _bounds(proxies: Proxies, cloud_xyz: Float[Tensor, "P 3"]) -> tuple[Float[Tensor, "3"], Float[Tensor, "3"]]:
    """Two opposite corners around what matters; a few stray points do not move them."""
    body = torch.cat([proxies.xyz_world_m - proxies.extent_m, proxies.xyz_world_m + proxies.extent_m]).float()
    if not len(body):
        body = torch.tensor([[-1.0, -1.0, 0.0], [1.0, 1.0, 1.0]])
    low, high = body.min(0).values, body.max(0).values
    if len(cloud_xyz) >= 100:
        ordered = cloud_xyz.sort(0).values  # not torch.quantile: it refuses more than 2^24 numbers
        stray = len(ordered) // 100
        middle = proxies.xyz_world_m.float() if len(proxies) else ordered[len(ordered) // 2][None]
        low = torch.minimum(middle.min(0).values, ordered[stray])
        high = torch.maximum(middle.max(0).values, ordered[-1 - stray])
    return low, torch.maximum(high, low + 1e-3)


def _proxies(proxies: Proxies) -> list[dict]:
    looks, share, own = feature_colours(proxies.feature), ramp_colours(proxies.weight), number_colours(len(proxies))
    return [
        {
            "position": _rounded(proxies.xyz_world_m[k]),
            "extent": _rounded(proxies.extent_m[k]),
            "weight": round(float(proxies.weight[k]), 5),
            "points": int(proxies.size[k]),
            "seen": [[t, round(v, 3)] for t, v in enumerate(proxies.seen[k].tolist()) if v >= 0.0005],
            "looks": looks[k],
            "share": share[k],
            "own": own[k],
        }
        for k in range(len(proxies))
    ]


def _frames(scene: Scene, depth: float) -> list[dict]:
    width, height = scene.image_size_px
    corner_px = torch.tensor([[0.0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]]) - torch.tensor([0.5, 0.5, 0])
    ray = torch.einsum("tij,cj->tci", torch.linalg.pinv(scene.intrinsics_px.double()), corner_px.double()).float()
    corner = transform(scene.world_from_camera.float(), ray * depth)
    picture = scene.preview.thumbnail_jpeg if scene.preview is not None else ()
    return [
        {
            "name": name,
            "time_s": round(float(scene.time_s[t]), 3),
            "centre": _rounded(scene.world_from_camera[t, :3, 3]),
            "corners": [_rounded(row) for row in corner[t]],
            "jpeg": base64.b64encode(picture[t]).decode() if t < len(picture) and picture[t] else None,
        }
        for t, name in enumerate(scene.frame_name)
    ]


def _answer(question: str, answer: Answer, scene: Scene) -> dict:
    _check_numbers(question, "proxy", [*answer.proxies, *(k for box in answer.boxes for k in box.proxies)], len(scene.proxies))
    _check_numbers(question, "frame", [*answer.frames, *(t for box in answer.boxes for t in box.frames)], len(scene.frame_name))
    boxes = [_box(question, box) for box in answer.boxes]
    return {"question": question, "text": answer.text, "boxes": boxes, "proxies": list(answer.proxies), "frames": list(answer.frames)}


def _check_numbers(question: str, kind: str, numbers: Sequence[int], count: int) -> None:
    wrong = [n for n in numbers if not 0 <= n < count]
    if wrong:
        raise BadInput(f"the answer to {question!r} names {kind} {wrong[0]}, but the scene has {count} (counted from 0): ask this scene again")


def _box(question: str, box: Box) -> dict:
    numbers = (*box.centre_m, *box.size_m, box.yaw_rad, box.score)
    if not all(math.isfinite(v) for v in numbers):
        raise BadInput(f"the answer to {question!r} holds a box that is not finite ({numbers}): ask this scene again")
    row = box.to_json(metric=False)
    return {**row, "corners": [_rounded(corner) for corner in box_corners(box)]}


def _cloud(xyz: Float[Tensor, "P 3"], rgb: UInt8[Tensor, "P 3"], owner: Int[Tensor, "P"] | None) -> dict | None:
    """Positions as 16-bit steps between two corners (0.2 mm in a room of 10 m, half the bytes of float32), both arrays in base64.

    `proxy` is null where nobody knows which proxy stands for which point.
    """
    if not len(xyz):
        return None
    low = xyz.min(0).values
    step = ((xyz.max(0).values - low) / 65535).clamp_min(1e-9)
    steps = ((xyz - low) / step).round().clamp(0, 65535).to(torch.int32).numpy().astype("<u2")
    return {
        "count": len(xyz),
        "low": low.tolist(),
        "step": step.tolist(),
        "xyz_u16": base64.b64encode(steps.tobytes()).decode(),
        "rgb_u8": base64.b64encode(rgb.contiguous().numpy().tobytes()).decode(),
        "proxy": None if owner is None else owner.tolist(),
    }


def _rounded(values: Float[Tensor, "n"]) -> list[float]:
    return [round(v, 4) for v in values.tolist()]
