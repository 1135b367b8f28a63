"""Draw a room: pictures with light and shadow, exact depth and object ids, on a CPU through OpenGL (EGL, Mesa's llvmpipe).

Everything about one clip is drawn from flat, non-indexed arrays: indexed draws with scattered vertices are hundreds of times slower
in some versions of llvmpipe. The truth comes from a second pass without anti-aliasing, because a blend of two depths is no depth.
"""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from proxy3d.errors import BadInput
from proxy3d.extras import extra
from proxy3d.spacespan.rooms.camera import Cameras
from proxy3d.spacespan.rooms.scene import SceneArrays, Span

SAMPLES = 2  # pictures are drawn this many times larger in both directions, then averaged
NEAR_M, FAR_M = 0.05, 60.0
LAMP_FOV_RAD = math.radians(150)
SHADOW_PX = 1024

Rendered = tuple[UInt8[np.ndarray, "T H W 3"], Float[np.ndarray, "T H W"], UInt8[np.ndarray, "T H W"], UInt8[np.ndarray, "T H W 3"]]


def render(scene: SceneArrays, cameras: Cameras) -> Rendered:
    """Pictures, depth along the optical axis in metres (0 = none), object ids (0 = the room itself) and unlit sRGB colours.

    Depth, ids and unlit colours are taken at the exact pixel centres.

    Raises:
        BadInput: OpenGL cannot start here; the line says what to install.
    """
    renderer = _renderer()
    clip = renderer.upload(scene)
    try:
        frames = [renderer.draw(clip, cameras, pose) for pose in cameras.world_from_camera]
    finally:
        clip.release()
    return tuple(np.stack(parts) for parts in zip(*frames, strict=True))


@functools.lru_cache(maxsize=1)
def _renderer() -> _Renderer:
    return _Renderer()


def _shader(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


class _Renderer:
    """One OpenGL context with its programs; drawing targets are kept per picture size."""

    def __init__(self):
        # One thread per process: several processes share the cores better than several threads, and pictures stay reproducible.
        os.environ.setdefault("LP_NUM_THREADS", "1")
        try:
            import moderngl

            self.context = moderngl.create_context(standalone=True, backend="egl", require=330)
        except Exception as error:
            raise BadInput(
                f"rooms cannot be drawn here ({error}): {extra('synthetic')}, "
                "and on Debian or Ubuntu: apt install libegl1 libegl-mesa0 libgl1-mesa-dri"
            ) from None
        picture, vertex = _shader("picture.frag.glsl"), _shader("scene.vert.glsl")
        self.picture = self.context.program(vertex, picture)
        self.glass = self.context.program(vertex, picture.replace("#version 330\n", "#version 330\n#define SEE_THROUGH\n", 1))
        self.truth = self.context.program(vertex, _shader("truth.frag.glsl"))
        # With no fragment shader at all, moderngl would draw points instead of triangles.
        self.shadow = self.context.program(_shader("shadow.vert.glsl"), "#version 330\nvoid main() {}\n")
        self.context.enable_only(moderngl.DEPTH_TEST)

    @functools.lru_cache(maxsize=8)  # noqa: B019 - there is one renderer per process, for its whole life
    def targets(self, width: int, height: int) -> tuple[object, object]:
        """Where the picture and where the truth is drawn."""
        big = (SAMPLES * width, SAMPLES * height)
        picture = self.context.framebuffer([self.context.texture(big, 4)], self.context.depth_renderbuffer(big))
        kinds = [self.context.texture((width, height), 1, dtype="f4"), self.context.texture((width, height), 4)]
        return picture, self.context.framebuffer(kinds, self.context.depth_renderbuffer((width, height)))

    def upload(self, scene: SceneArrays) -> _Clip:
        return _Clip(self, scene)

    def draw(self, clip: _Clip, cameras: Cameras, pose: Float[np.ndarray, "4 4"]) -> tuple[np.ndarray, ...]:
        """One frame of everything."""
        width, height = cameras.image_size_px
        picture, truth = self.targets(width, height)
        matrix, eye = projection(cameras) @ np.linalg.inv(pose), pose[:3, 3]
        for program in (self.picture, self.glass, self.truth):
            _set(program, "clip_from_world", matrix.T)
            _set(program, "eye", eye)
            _set(program, "forward", pose[:3, 2])
        spans = visible(clip.scene.solid + clip.scene.hanging, matrix, eye)
        picture.use()
        picture.clear(0, 0, 0, 1)
        clip.bind()
        for span in (*spans, clip.scene.shell, clip.scene.outside):
            clip.pictures.render(vertices=span.count, first=span.first)
        if clip.scene.see_through.count:
            clip.glass.render(vertices=clip.scene.see_through.count, first=clip.scene.see_through.first)
        truth.use()
        truth.clear(0, 0, 0, 0)
        for span in (*spans, clip.scene.shell, clip.scene.outside, clip.scene.see_through):
            if span.count:
                clip.truths.render(vertices=span.count, first=span.first)
        # The projection puts row 0 first, so nothing has to be turned upside down here.
        large = np.frombuffer(picture.read(components=4), np.uint8).reshape(height * SAMPLES, width * SAMPLES, 4)[..., :3]
        depth = np.frombuffer(truth.read(components=1, attachment=0, dtype="f4"), np.float32).reshape(height, width)
        colour = np.frombuffer(truth.read(components=4, attachment=1), np.uint8).reshape(height, width, 4)
        return averaged(large), depth, colour[..., 3], colour[..., :3]


class _Clip:
    """One scene on the graphics side, its shadows drawn once because nothing in it moves."""

    def __init__(self, renderer: _Renderer, scene: SceneArrays):
        context = renderer.context
        self.scene = scene
        self.buffer = context.buffer(scene.vertex.tobytes())
        self.layers = context.texture_array((scene.layers.shape[2], scene.layers.shape[1], len(scene.layers)), 3, scene.layers.tobytes())
        self.layers.build_mipmaps()
        self.crowding = context.texture3d(scene.crowding.shape[::-1], 1, scene.crowding.tobytes(), alignment=1)
        self.crowding.repeat_x = self.crowding.repeat_y = self.crowding.repeat_z = False
        names = ("3f4 3f4 2f4 4f1 4u1", "in_position", "in_normal", "in_uv", "in_colour", "in_slot")
        self.pictures = context.vertex_array(renderer.picture, [(self.buffer, *names)], skip_errors=True)
        self.glass = context.vertex_array(renderer.glass, [(self.buffer, *names)], skip_errors=True)
        self.truths = context.vertex_array(renderer.truth, [(self.buffer, *names)], skip_errors=True)
        self.shadows = context.vertex_array(renderer.shadow, [(self.buffer, "3f4 28x1", "in_position")])
        self.lamp_map, self.sun_map = (context.depth_texture((SHADOW_PX, SHADOW_PX)) for _ in range(2))
        self.targets = [context.framebuffer(depth_attachment=texture) for texture in (self.lamp_map, self.sun_map)]
        light = scene.light
        lamp, sun = lamp_matrix(light.lamp_position_m), sun_matrix(light.to_sun, scene.room_m)
        self._cast(renderer, self.targets[0], lamp, (*scene.solid, scene.shell))
        self._cast(renderer, self.targets[1], sun, (*scene.solid, *scene.hanging, scene.shell) if max(light.sun) > 0 else ())
        for program in (renderer.picture, renderer.glass, renderer.truth):
            self._uniforms(program, lamp, sun)

    def _cast(self, renderer: _Renderer, target: object, matrix: np.ndarray, spans: tuple[Span, ...]) -> None:
        target.use()
        target.clear(depth=1.0)
        _set(renderer.shadow, "clip_from_world", matrix.T)
        for span in spans:
            self.shadows.render(vertices=span.count, first=span.first)

    def _uniforms(self, program: object, lamp: np.ndarray, sun: np.ndarray) -> None:
        light = self.scene.light
        for unit, name in enumerate(("layers", "crowding", "lamp_shadow", "sun_shadow")):
            if name in program:
                program[name] = unit
        panes = [*light.windows, *[((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))] * 2][:2]
        for name, value in (
            ("lamp_from_world", lamp.T),
            ("sun_from_world", sun.T),
            ("room", self.scene.room_m),
            ("lamp_position", light.lamp_position_m),
            ("lamp_light", light.lamp),
            ("sun_direction", light.to_sun),
            ("sun_light", light.sun),
            ("window_centre", [c for c, _ in panes]),
            ("window_inward", [n for _, n in panes]),
            ("sky_light", light.sky),
            ("outside_light", light.outside),
            ("ambient_up", light.ambient_up),
            ("ambient_down", light.ambient_down),
            ("exposure", [light.exposure]),
        ):
            _set(program, name, value)

    def bind(self) -> None:
        for unit, texture in enumerate((self.layers, self.crowding, self.lamp_map, self.sun_map)):
            texture.use(unit)

    def release(self) -> None:
        arrays, textures = (self.pictures, self.glass, self.truths, self.shadows), (self.lamp_map, self.sun_map, self.crowding, self.layers)
        for thing in (*arrays, *self.targets, *textures, self.buffer):
            thing.release()


def _set(program: object, name: str, value: object) -> None:
    if name in program:
        program[name].write(np.ascontiguousarray(value, np.float32).tobytes())


def projection(cameras: Cameras) -> Float[np.ndarray, "4 4"]:
    """OpenGL clip coordinates of OpenCV camera coordinates, such that row 0 of the image is read first.

    OpenGL's pixel (0, 0) spans 0..1; ours has its centre at 0. Hence the + 1 beside twice the principal point.
    """
    (fx, _, cx), (_, fy, cy), _ = cameras.intrinsics_px
    width, height = cameras.image_size_px
    far, near = FAR_M, NEAR_M
    return np.array(
        [
            [2 * fx / width, 0, (2 * cx + 1) / width - 1, 0],
            [0, 2 * fy / height, (2 * cy + 1) / height - 1, 0],
            [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, 1, 0],
        ]
    )


def lamp_matrix(position_m: tuple[float, float, float]) -> Float[np.ndarray, "4 4"]:
    """Clip coordinates of a light that looks straight down."""
    f, far, near = 1 / math.tan(LAMP_FOV_RAD / 2), 10.0, 0.2
    view = np.eye(4)
    view[1, 1] = view[2, 2] = -1  # x right, y down, z forward, which is down in the room
    view[:3, 3] = -view[:3, :3] @ np.array(position_m)
    lens = np.array([[f, 0, 0, 0], [0, f, 0, 0], [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)], [0, 0, 1, 0]])
    return lens @ view


def sun_matrix(to_sun: tuple[float, float, float], room_m: tuple[float, float, float]) -> Float[np.ndarray, "4 4"]:
    """Clip coordinates of parallel light that covers the whole room."""
    forward = -np.array(to_sun)
    right = np.cross(forward, (0.0, 0.0, 1.0) if abs(forward[2]) < 0.99 else (1.0, 0.0, 0.0))
    right /= np.linalg.norm(right)
    centre, radius = np.array(room_m) / 2, np.linalg.norm(room_m) / 2 + 0.3
    axes = np.stack([right, np.cross(forward, right), forward]) / radius
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = axes, -axes @ centre
    return matrix


def visible(spans: tuple[Span, ...], clip_from_world: Float[np.ndarray, "4 4"], eye: Float[np.ndarray, "3"]) -> list[Span]:
    """The spans whose balls touch the view, nearest first: what is hidden by a drawn surface is then never shaded."""
    planes = np.concatenate([clip_from_world[3] + clip_from_world[:3], clip_from_world[3] - clip_from_world[:3]])
    planes = planes / np.linalg.norm(planes[:, :3], axis=1, keepdims=True)
    kept = [s for s in spans if s.count and (planes[:, :3] @ np.array(s.centre_m) + planes[:, 3] > -s.radius_m).all()]
    return sorted(kept, key=lambda s: float(np.linalg.norm(np.array(s.centre_m) - eye)) - s.radius_m)


def averaged(large: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """The mean of every SAMPLES x SAMPLES block."""
    total = sum(large[i::SAMPLES, j::SAMPLES].astype(np.uint16) for i in range(SAMPLES) for j in range(SAMPLES))
    return ((total + SAMPLES**2 // 2) // SAMPLES**2).astype(np.uint8)
