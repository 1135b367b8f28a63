"""The whole flow on one page: clip -> features -> points -> proxies -> tokens -> answer."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Int
from PIL import Image
from torch import Tensor

from proxy3d import scene_file
from proxy3d.answers.language_models import LANGUAGE_MODELS, PUBLISHED
from proxy3d.answers.language_models.causal import CausalHost
from proxy3d.answers.model import SpatialReader
from proxy3d.answers.paper import PaperReader
from proxy3d.answers.paper_session import PaperSession
from proxy3d.answers.session import Session
from proxy3d.clips import CaptureOptions, open_capture
from proxy3d.errors import BadInput
from proxy3d.features.geometric import GEOMETRIC
from proxy3d.features.grid import grid_for
from proxy3d.features.masks import MASKS
from proxy3d.features.named import chosen, known
from proxy3d.features.semantic import SEMANTIC
from proxy3d.geometry import compose, invert, rigid, transform
from proxy3d.hub import folder_of, read_config
from proxy3d.known_height import ROUNDS, scale_by
from proxy3d.paper_weights import PaperWeights
from proxy3d.points.lift import lift
from proxy3d.points.scale import UNKNOWN_SIGMA, settle_scale
from proxy3d.points.upright import patch_normals, room_from_world, up_direction, wall_yaw, world_from_capture
from proxy3d.presets import Preset, changed, of_published, published
from proxy3d.proxies.adaptive import proxies_needed
from proxy3d.proxies.clusterers import CLUSTERERS, SoftKMeans
from proxy3d.proxies.owners import with_owners
from proxy3d.values import Clip, Geometry, Points, Preview, Proxies, Scale, Scene
from proxy3d.weights import Weights, load_learned

PREVIEW_POINTS = 6000
CLOUD = "cloud"  # the layout of a file of points
MASKED_CLUSTERER = "grouped_kmeans"  # the one that reads labels


def semantic_encoder(named: str) -> Callable[[], object]:
    """What builds what `--semantic NAME` or NAME:WEIGHTS means."""
    return chosen(SEMANTIC, named, "--semantic", "semantic encoder")


def geometric_encoder(named: str) -> Callable[[], object]:
    """What builds what `--geometric NAME` or NAME:WEIGHTS means."""
    return chosen(GEOMETRIC, named, "--geometric", "geometric encoder")


def mask_source(named: str) -> object:
    """What `--masks NAME` or NAME:WEIGHTS means; nothing is loaded yet."""
    return chosen(MASKS, named, "--masks", "mask source")()


def language_model(named: str) -> Callable[[], CausalHost]:
    """What builds what `--language-model NAME:WEIGHTS` means."""
    return chosen(PUBLISHED, named, "--language-model", "published language model")


def unnamed_weights(preset: Preset) -> list[str]:
    """The flags to type for parts that take weights and have none."""
    roles = (("semantic", SEMANTIC), ("geometric", GEOMETRIC), ("masks", MASKS))
    named = [(role, getattr(preset, role), registry) for role, registry in roles]
    return [f"--{role} {name}:WEIGHTS" for role, name, registry in named if name in registry and registry[name].takes_weights is True]


@dataclass(frozen=True)
class Pipeline:
    """From a capture to a scene, and from a scene and a question to an answer.

    >>> pipeline = Pipeline(PRESETS["laptop"])
    >>> scene = pipeline.encode("my_room")                              # once
    >>> pipeline.session(scene).ask("Is the cup on the table?").text    # many times
    """

    preset: Preset

    def __post_init__(self):
        unnamed = unnamed_weights(self.preset)
        if len(unnamed) > 1:  # one at a time would be a riddle
            raise BadInput(
                f"these parts need weights that you name, each a folder or a name on the Hugging Face hub: {' '.join(unnamed)}; "
                "`proxy3d doctor --preset NAME` says which ones go with a preset, and their licences"
            )
        semantic_encoder(self.preset.semantic)  # wrong names are said before anything is read
        geometric_encoder(self.preset.geometric or "sensor_depth")
        named = self.preset.clusterer
        if named is not None:
            known(CLUSTERERS, named, "clusterer")
        if self.masked and mask_source(self.preset.masks) and named not in (None, MASKED_CLUSTERER):
            raise BadInput(f"--masks {self.preset.masks}: the clusterer {named} does not read masks; leave --clusterer out")

    @classmethod
    def from_pretrained(cls, path_or_hub_id: str | Path, **changes: object) -> Pipeline:
        """The pipeline that `save_pretrained` wrote: from a folder, else from the hub's cache, else from the hub; `changes` are preset fields.

        Raises:
            BadInput: nothing there, it is damaged or something else, or it needs other weights that `changes` have to name.
        """
        where = str(path_or_hub_id)
        pipeline = cls(changed(of_published(read_config(folder_of(where)).get("preset"), where), **changes))
        _ = pipeline.weights  # damage is said now, not at the first clip
        return pipeline

    def save_pretrained(self, folder: str | Path, *, licence: str | None = None, force: bool = False) -> Path:
        """Write the learned parts and these settings as a folder that the Hugging Face hub can hold, with a model card.

        Raises:
            BadInput: nothing learned, files that exist, or a folder that cannot be written.
        """
        if self.weights is None:
            why = "this preset has no learned parts to save; name some with --weights"
            raise BadInput("a reader of the paper's kind is one file already; give that away as it is" if self.learned else why)
        return self.weights.save_pretrained(folder, preset=published(self.preset), licence=licence, force=force)

    @cached_property
    def learned(self) -> Weights | PaperWeights | None:
        """What `--weights` names: learned parts of our own, or a reader of the paper's kind."""
        return load_learned(self.preset.weights) if self.preset.weights else None

    @property
    def weights(self) -> Weights | None:
        """Learned parts that encode, and perhaps read."""
        return self.learned if isinstance(self.learned, Weights) else None

    @cached_property
    def reader(self) -> SpatialReader | PaperReader:
        """Who answers, with its language model; loading takes a while the first time. Only where `check_reader` finds one."""
        if isinstance(self.learned, PaperWeights):
            return self.learned.reader(language_model(self.preset.language_model)())
        return self.weights.reader

    @cached_property
    def semantic(self) -> object:
        return semantic_encoder(self.preset.semantic)()

    def geometric_name(self, clip: Clip) -> str:
        """What is named, else what fits the clip: depth that a sensor measured where cameras are known too, else pictures alone."""
        measured = all(value is not None for value in (clip.depth_m, clip.world_from_camera, clip.intrinsics_px))
        return self.preset.geometric or ("sensor_depth" if measured else "embedded")

    def geometric(self, clip: Clip) -> object:
        """The encoder of that name, built once."""
        return self._geometric(self.geometric_name(clip))

    def _geometric(self, name: str) -> object:
        if name not in self._built:
            self._built[name] = geometric_encoder(name)()
        return self._built[name]

    @cached_property
    def _built(self) -> dict[str, object]:
        return {}

    @property
    def masked(self) -> bool:
        return self.preset.masks != "none"

    @cached_property
    def masks(self) -> object:
        return mask_source(self.preset.masks)

    @property
    def quartered(self) -> bool:
        """Whether every quarter of a patch is a point: only an encoder that was trained on quarters can tell them apart."""
        return bool(self.weights and self.weights.encoder.settings.detail_dim)

    @property
    def clusterer_name(self) -> str:
        """The one that is named, else the one that reads masks, else the one that the weights were trained with."""
        learned = self.weights.clusterer_name if self.weights else "soft_kmeans"
        return self.preset.clusterer or (MASKED_CLUSTERER if self.masked else learned)

    @cached_property
    def clusterer(self) -> object:
        learned = self.weights and self.weights.clusterer_name == self.clusterer_name
        return self.weights.clusterer if learned else CLUSTERERS[self.clusterer_name]()

    def encode(self, path: str | Path, options: CaptureOptions | None = None, *, preview: bool = False, allow_unknown_scale: bool = True) -> Scene:
        """Read a capture and summarise it.

        Raises:
            BadInput: the capture cannot be used; says what is missing.
        """
        capture = open_capture(Path(path), options)
        known = capture.options.known
        if known is not None and capture.layout == CLOUD and capture.options.metres_per_unit is None:
            return self._of_known_cloud(path, capture.options, preview=preview)
        clip = capture.clip(self.preset.frames)
        try:
            scene = self.encode_clip(clip, clip_id=Path(path).resolve().name, preview=preview, allow_unknown_scale=allow_unknown_scale or bool(known))
            for _ in range(ROUNDS if known is not None else 0):
                scene = self.encode_clip(clip, clip_id=scene.clip_id, preview=preview, scale=scale_by(known, scene, self.weights))
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
        notes = [*capture.notes_for(self.preset.frames), *scene.provenance["notes"]]
        if len(scene.proxies) < self.preset.proxies and not self.preset.adaptive:
            notes.append(f"{self.preset.proxies} proxies asked for, but only {len(scene.proxies)} patches have a position: that many are made")
        scene = replace(scene, provenance={**scene.provenance, "layout": capture.layout, "notes": notes})
        if capture.layout == CLOUD:  # a depth camera measures metres; a file of points only has numbers
            stated = capture.options.metres_per_unit is not None
            scene = replace(scene, scale=Scale(1.0, "known_length", 0.05) if stated else Scale(1.0, "unknown", UNKNOWN_SIGMA))
        return scene

    def _of_known_cloud(self, path: str | Path, options: CaptureOptions, *, preview: bool) -> Scene:
        """A point cloud in which the height of something is known: found at the numbers as they are, then read again in metres."""
        scene, unit = self.encode(path, replace(options, known=None)), 1.0
        for _ in range(ROUNDS):
            try:
                scale = scale_by(options.known, scene, self.weights)
            except BadInput as error:
                raise BadInput(f"{path}: {error}") from error
            unit *= scale.metres_per_unit
            scene = self.encode(path, replace(options, known=None, metres_per_unit=unit), preview=preview)
        return replace(scene, scale=replace(scale, metres_per_unit=1.0))

    def encode_clip(
        self, clip: Clip, *, clip_id: str = "clip", preview: bool = False, allow_unknown_scale: bool = True, scale: Scale | None = None
    ) -> Scene:
        """Summarise frames that are already in memory; a scale that is given wins over what the geometric encoder says."""
        height, width = clip.frame.shape[-2:]
        grid = grid_for(width, height, self.preset.patches)
        semantics = self.semantic(clip, grid)
        fine = grid.finer if self.quartered else grid
        geometry = self.geometric(clip)(clip, fine)
        encoders = self._encoders(clip)
        clip = completed(clip, geometry)
        poses = clip.world_from_camera if clip.world_from_camera is not None else torch.eye(4).expand(len(clip.frame), 4, 4)
        scale = scale or settle_scale(geometry, poses[:, :3, 3], allow_unknown=allow_unknown_scale)
        upright = world_from_capture(up_direction(geometry, poses), scale.metres_per_unit)
        cameras = upright_cameras(upright, poses, scale.metres_per_unit)
        points, _ = lift(clip, semantics, geometry, upright, masks=self.masks(clip, fine))
        normals, sure = patch_normals(geometry, poses[:, :3, 3])
        first = cameras[int(clip.time_s.argmin())]
        room = room_from_world(points.xyz_world_m, points.weight, wall_yaw(normals @ rotation_of(upright).T, sure), first)
        proxies, owner = self.summarise(points, room, len(clip.frame), owners=preview)
        return Scene(
            clip_id=clip_id,
            proxies=proxies,
            scale=scale,
            world_from_camera=cameras,
            intrinsics_px=clip.intrinsics_px if clip.intrinsics_px is not None else torch.eye(3).expand(len(cameras), 3, 3),
            image_size_px=(width, height),
            time_s=clip.time_s,
            frame_name=clip.name,
            world_from_capture=upright,
            room_from_world=room,
            encoders=encoders,
            provenance={"preset": self.settings(), "points": len(points), "notes": list(geometry.notes)},
            preview=look_small(clip, points, owner) if preview else None,
        )

    def summarise(
        self, points: Points, room_from_world: torch.Tensor, frames: int, *, owners: bool = False
    ) -> tuple[Proxies, Int[Tensor, "L"] | None]:
        """Points -> proxies: the learned encoder, if there is one, then the clusterer; with `owners` also who stands for each point."""
        if self.weights:
            try:
                points = self.weights.encoder.encode(points, room_from_world)
            except BadInput as error:
                role = f"the semantic encoder {self.preset.semantic}"
                raise BadInput(f"the weights {self.weights.name} do not go with {role}: {error}; --preset tiny needs none") from None
        budget = self._budget(points)
        return with_owners(self.clusterer, points, budget, frames) if owners else (self.clusterer(points, budget, frames), None)

    def _budget(self, points: Points) -> int:
        """How many proxies to make: what the preset says, or with `adaptive` what these points need under that ceiling."""
        if not self.preset.adaptive or len(points) == 0:
            return self.preset.proxies
        space = self.weights.clusterer if self.weights else SoftKMeans()
        with torch.no_grad():
            u = space.embed(points.feature, points.xyz_world_m, points.weight)
        return proxies_needed(u, points.weight, self.preset.proxies)

    def check_parts(self) -> None:
        """Load the weights that `--weights` and `--masks` name, asked before a capture is read for them.

        Raises:
            BadInput: they are not there, damaged, or something else.
        """
        _ = self.learned, self.masks.hash if self.masked else None

    def check_reader(self) -> None:
        """Whether somebody is there to answer, asked before minutes are spent on encoding.

        Raises:
            BadInput: a language model without a reader for it, or the reverse.
        """
        named, learned = self.preset.language_model, self.learned
        name, colon, _ = named.partition(":")
        if isinstance(learned, PaperWeights):
            kind = learned.settings.language_model
            if name != kind:
                raise BadInput(f"--language-model {named}: the weights {learned.name} read with {kind}; pass --language-model {kind}:FOLDER")
            language_model(named)  # says which weights are missing
        elif learned is not None and colon:
            own = learned.reader_settings.language_model
            raise BadInput(f"--language-model {named}: the weights {learned.name} bring their own, {own}; leave --language-model out")
        elif learned is None and name in PUBLISHED:
            raise BadInput(
                f"--language-model {named}: nothing has taught it to read proxies yet, so it would answer noise; pass --weights FILE, made by "
                f"`proxy3d train paper --semantic NAME:FOLDER --language-model {name}:FOLDER`, and --language-model {name}:FOLDER"
            )
        elif learned is None and named not in LANGUAGE_MODELS:
            known_ones = ", ".join((*LANGUAGE_MODELS, *PUBLISHED))
            raise BadInput(f"no language model is called {named!r}; known: {known_ones}")

    def session(self, scene: Scene) -> Session | PaperSession:
        """Something that answers questions about a scene; the language model is loaded at the first question that needs it."""
        self.check_reader()
        if isinstance(self.learned, PaperWeights):
            self.learned.check_scene(scene)
            return PaperSession(scene, lambda: self.reader)
        return Session(scene, self.weights, self.preset.language_model)

    def settings(self) -> dict[str, object]:
        """The preset with what its Nones meant, and weights of one's own by their hash: where those lie is nobody else's business."""
        named = {role: getattr(self.preset, role) or "" for role in ("semantic", "geometric", "masks")}
        of = {"semantic": lambda: self.semantic, "geometric": lambda: self._geometric(named["geometric"]), "masks": lambda: self.masks}
        hashed = {role: by_hash(name, of[role]()) for role, name in named.items() if ":" in name or (role == "masks" and self.masked)}
        hashed |= {"clusterer": self.clusterer_name, "language_model": self.preset.language_model.partition(":")[0]}
        return {**self.preset.__dict__, **hashed, "weights": self.weights.name if self.weights else None}

    def _encoders(self, clip: Clip) -> dict[str, str]:
        parts = {"semantic": by_hash(self.preset.semantic, self.semantic)}
        parts["geometric"] = by_hash(self.geometric_name(clip), self.geometric(clip))
        parts["clusterer"] = self.clusterer_name
        if self.masked:
            parts["masks"] = by_hash(self.preset.masks, self.masks)
        return parts | ({"weights": f"{self.weights.name} sha256:{self.weights.hash[:16]}"} if self.weights else {})


def by_hash(named: str, component: object) -> str:
    """Which component looked at the frames, without the place of its weights."""
    return f"{named.partition(':')[0]} sha256:{component.hash[:16]}"


def completed(clip: Clip, geometry: Geometry) -> Clip:
    """The clip with the cameras that its geometry was worked out with, and with that geometry as depth, where a network guessed them."""
    if geometry.world_from_camera is None:
        return clip
    frames, h, w, _ = geometry.xyz_world.shape
    depth = transform(invert(geometry.world_from_camera), geometry.xyz_world.reshape(frames, h * w, 3))[..., 2].view(frames, 1, h, w)
    depth = F.interpolate(depth * (geometry.confidence > 0)[:, None], clip.frame.shape[-2:], mode="nearest")[:, 0]
    return replace(clip, intrinsics_px=geometry.intrinsics_px, world_from_camera=geometry.world_from_camera, depth_m=depth)


def rotation_of(similarity: torch.Tensor) -> torch.Tensor:
    """The rotation of a transform that turns and scales."""
    return similarity[:3, :3] / torch.linalg.det(similarity[:3, :3]).abs() ** (1 / 3)


def upright_cameras(world_from_capture: torch.Tensor, capture_from_camera: torch.Tensor, metres_per_unit: float) -> torch.Tensor:
    """Poses in the upright, metric world; they stay rigid although the world changes its unit."""
    turned = compose(rigid(rotation_of(world_from_capture), torch.zeros(3)), capture_from_camera)
    turned[:, :3, 3] *= metres_per_unit
    return turned


def look_small(clip: Clip, points: Points, owner: Int[Tensor, "L"]) -> Preview:
    """A thinned coloured cloud, each point with the proxy that stands for it, and a thumbnail per frame, for people."""
    step = max(1, -(-len(points) // PREVIEW_POINTS))
    pictures = (clip.frame * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    thumbnails = []
    for picture in pictures:
        image, out = Image.fromarray(picture), io.BytesIO()
        image.thumbnail((192, 192))
        image.save(out, "JPEG", quality=80)
        thumbnails.append(out.getvalue())
    return Preview(points.xyz_world_m[::step], (points.rgb[::step] * 255).round().to(torch.uint8), tuple(thumbnails), owner[::step])


def load_or_encode(
    pipeline: Pipeline, path: str | Path, options: CaptureOptions | None = None, *, preview: bool = False
) -> tuple[Scene, float, float]:
    """A scene from a scene file or a capture, and the milliseconds spent on loading and on encoding."""
    started = time.perf_counter()
    if scene_file.is_scene(path):
        scene = scene_file.load(path)
        return scene, (time.perf_counter() - started) * 1000, 0.0
    scene = pipeline.encode(path, options, preview=preview)
    return scene, 0.0, (time.perf_counter() - started) * 1000
