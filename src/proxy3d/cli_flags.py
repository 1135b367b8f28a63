"""Flags that several verbs take, what they become, and how every verb prints what came back."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from proxy3d.errors import BadInput

# Names only: importing what they name to list them would cost --help two seconds. A test compares.
CLUSTERER_NAMES = (
    "soft_kmeans, set_encoder, grouped_kmeans, agglomerative, density, token_merging, kmeans_feature, kmeans_position, farthest, voxel, uniform, "
    "random_k"
)
PRESET_NAMES = "laptop, brief_16; paper_450, paper_700, modern need weights of your own; tiny is for tests and says noise"
SEMANTIC_NAMES = "clip, siglip2, dinov2, dinov3, qwen_vl, with :FOLDER or :NAME_ON_THE_HUB of weights"
LANGUAGE_NAMES = "qwen2_5_vl, qwen3_vl, causal (any causal model of transformers), each with :FOLDER or :NAME_ON_THE_HUB"
GEOMETRIC_NAMES = (
    "embedded, embedded_sfm; depth_anything, depth_pro, zoedepth, vggt, depth_anything_3, mapanything, with :FOLDER or :NAME_ON_THE_HUB of weights"
)
Semantic = Annotated[str | None, Parameter(help=f"what a patch looks like: efficientnet_lite0, tiny, or {SEMANTIC_NAMES}")]
LanguageModel = Annotated[str | None, Parameter(help=f"who reads proxies as tokens, with --weights trained for it: {LANGUAGE_NAMES}")]


def whole(kind: type, tokens: Sequence[object]) -> int:
    """The number typed; 2.5 is not one (left alone, it would quietly become 2)."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number, got {tokens[0].value!r}") from None


def number_or_auto(kind: type, tokens: Sequence[object]) -> int | str:
    """The number typed, or auto or auto:CEILING, which the preset reads."""
    word = tokens[0].value
    if word == "auto" or word.startswith("auto:"):
        return word
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"expected a whole number, auto, or auto:CEILING, got {word!r}") from None


@Parameter(name="*")
@dataclass(frozen=True)
class CaptureFlags:
    """What the files of a capture do not say themselves."""

    intrinsics: Annotated[str | None, Parameter(help="fx,fy,cx,cy in pixels of the stored colour picture")] = None
    depth_unit: Annotated[str | None, Parameter(help="unit of stored depth: a name (millimetres, tum ...) or how many units make a metre")] = None
    poses: Annotated[Literal["world_from_camera", "camera_from_world"], Parameter(help="which way the pose files go")] = "world_from_camera"
    axes: Annotated[Literal["opencv", "opengl"] | None, Parameter(help="camera axes, where they are not what the layout is known for")] = None
    color: Annotated[str | None, Parameter(help="with --depth: the two files of one RGB-D frame")] = None
    depth: Annotated[str | None, Parameter(help="with --color: the depth file of one RGB-D frame")] = None
    metres_per_unit: Annotated[float | None, Parameter(help="of the pose translations, or of a point cloud (which states none)")] = None
    known: Annotated[  # read by KnownHeight.typed
        str | None, Parameter(help="where nobody measured metres, how tall something is: door=2.0m, or how high the camera was held: camera=1.5m")
    ] = None

    def options(self) -> object:
        from proxy3d.clips import CaptureOptions, KnownHeight

        numbers = None
        if self.intrinsics is not None:
            try:
                numbers = tuple(float(v) for v in self.intrinsics.replace(" ", ",").split(",") if v)
            except ValueError:
                raise BadInput(f"--intrinsics {self.intrinsics}: expected four numbers fx,fy,cx,cy, for example 525,525,319.5,239.5") from None
        unit = self.depth_unit
        try:
            unit = float(unit) if unit is not None else None
        except ValueError:
            pass  # a name
        return CaptureOptions(
            intrinsics=numbers,
            depth_unit=unit,
            poses=self.poses,
            axes=self.axes,
            color=self.color,
            depth=self.depth,
            metres_per_unit=self.metres_per_unit,
            known=None if self.known is None else KnownHeight.typed(self.known),
        )


@Parameter(name="*")
@dataclass(frozen=True)
class SceneFlags:
    """How a capture becomes a scene. Only needed to change a preset."""

    preset: Annotated[str, Parameter(help=f"named settings: {PRESET_NAMES}")] = "laptop"
    proxies: Annotated[
        int | str | None, Parameter(converter=number_or_auto, help="how many proxies, exactly; or auto:CEILING, as many as needed")
    ] = None
    frames: Annotated[int | None, Parameter(converter=whole, help="how many frames are looked at, spread over the view")] = None
    patches: Annotated[int | None, Parameter(converter=whole, help="about how many patches of a frame are looked at")] = None
    semantic: Semantic = None
    geometric: Annotated[
        str | None, Parameter(help=f"where a patch is: sensor_depth, and embedded where there is none; or tiny; or guessed: {GEOMETRIC_NAMES}")
    ] = None
    masks: Annotated[str | None, Parameter(help="which patches are one object: none, tiny, or sam2:FOLDER with weights of SAM 2")] = None
    clusterer: Annotated[str | None, Parameter(help=f"how points become proxies: {CLUSTERER_NAMES}")] = None
    weights: Annotated[str | None, Parameter(help="shipped weights by name, a .safetensors file, a folder, or OWNER/NAME on the hub")] = None
    language_model: LanguageModel = None

    def pipeline(self) -> object:
        from proxy3d.pipeline import Pipeline
        from proxy3d.presets import preset

        changes = {k: v for k, v in self.__dict__.items() if k != "preset"}
        return Pipeline(preset(self.preset, **changes))


@Parameter(name="*")
@dataclass(frozen=True)
class CorruptionFlags:
    """What goes wrong in a hurry, by strength: 0 = off, 1 = as bad as it usually gets, at most 4. Ids, boxes and poses stay true."""

    motion_blur: Annotated[float, Parameter(help="the hand moves while the shutter is open: 1/30 s at strength 1")] = 0.0
    exposure: Annotated[float, Parameter(help="pictures too bright or too dark, with a jump on the way")] = 0.0
    depth_noise: Annotated[float, Parameter(help="steps, noise, frayed edges and holes of a depth sensor")] = 0.0


def scene_read_with(where: str, scene: SceneFlags, reading: CaptureFlags) -> tuple[object, object]:
    """The pipeline and the capture options that were typed for a scene file or a capture.

    Encoders named beside a scene file pass where the preset itself names some without weights: that preset starts in no other way.

    Raises:
        BadInput: a flag that cannot be meant, or one of making a scene where `where` is a scene already.
    """
    from proxy3d.pipeline import unnamed_weights
    from proxy3d.presets import PRESETS
    from proxy3d.scene_file import is_scene

    pipeline, options = scene.pipeline(), reading.options()
    if is_scene(where):
        encoders = () if unnamed_weights(PRESETS[scene.preset]) else ("semantic", "geometric", "masks")
        made_with = {name: getattr(scene, name) for name in ("proxies", "frames", "patches", "clusterer", *encoders)} | reading.__dict__
        idle = next((name for name, value in made_with.items() if value not in (None, getattr(DEFAULT_CAPTURE, name, None))), None)
        if idle:
            flag = f"--{idle.replace('_', '-')}"
            raise BadInput(f"{flag}: {where} is a scene file, encoded already, so that {flag} changes nothing; give it to `proxy3d encode CAPTURE`")
    return pipeline, options


Json = Annotated[bool, Parameter(name="--json", negative="", help="print exactly one JSON object")]
Force = Annotated[bool, Parameter(negative="", help="overwrite an existing file")]
DEFAULT_SCENE, DEFAULT_CAPTURE = SceneFlags(), CaptureFlags()
CLEAN = CorruptionFlags()


def tell(lines: Sequence[str], kind: str = "note") -> None:
    """What people should know beside the answer, a line each, on stderr."""
    for line in lines:
        print(f"{kind}: {line}", file=sys.stderr)


def show(result: dict, as_json: bool, text: str) -> None:
    """One JSON object, or text for people."""
    print(json.dumps(result, allow_nan=False) if as_json else text)
