"""A folder with a small capture, its scenes and tiny weights, and a way to type at it: what every test of the command line needs."""

from __future__ import annotations

import random
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from capture_writers import cloud, images, poses_with_names, seven_scenes, video

from proxy3d.cli import main
from proxy3d.clips.synthetic_room import synthetic_clip

TINY = "--preset tiny"


@dataclass(frozen=True)
class Typed:
    """What came back from one command line."""

    status: int
    out: str
    err: str


def typed(capsys: pytest.CaptureFixture, line: str | list[str]) -> Typed:
    """Run one command line, as `proxy3d LINE` in a shell."""
    capsys.readouterr()
    status = main(shlex.split(line) if isinstance(line, str) else line)
    return Typed(status, *capsys.readouterr())


def untrained_weights(path: Path, seed: int, *, reader: bool = True) -> Path:
    """Weights as `proxy3d train tiny` writes them, without the training."""
    from proxy3d.answers.language_models.tiny import tiny
    from proxy3d.answers.model import ReaderSettings, SpatialReader
    from proxy3d.proxies.clusterers.soft_kmeans import SoftKMeans
    from proxy3d.proxies.encoder import EncoderSettings, ProxyEncoder
    from proxy3d.weights import save_weights

    sizes = dict(width=16, heads=2, scene_layers=1, fusion_layers=1, tap=2, cross_every=1, rank=2)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = ProxyEncoder(EncoderSettings(feature_dim=24, width=24, layers=1, heads=2, out_dim=16))
        settings = ReaderSettings("tiny", proxy_dim=16, categories=("chair", "table", "shelf"), **sizes)
        model = SpatialReader(tiny(), settings) if reader else None
    save_weights(path, encoder=encoder, clusterer=SoftKMeans(16, width=8), reader=model, facts={})
    return path


def newer_version(scene: bytes) -> bytes:
    """The same scene as a later format would begin."""
    return scene.replace(b'\\"format\\":1', b'\\"format\\":9')


def furnish(folder: Path) -> Path:
    """Fill a folder: captures room/, named/, walk.mp4, photos/, room.ply; scenes plain.p3d, read.p3d and broken ones; weights."""
    clip = synthetic_clip(seed=0, frames=4, size_px=(64, 48))[0]
    for name, write in (("room", seven_scenes), ("named", poses_with_names), ("photos", images)):
        (folder / name).mkdir()
        write(clip, folder / name)
    cloud(clip, folder), video(clip, folder)
    untrained_weights(folder / "mine.safetensors", 1), untrained_weights(folder / "other.safetensors", 2)
    untrained_weights(folder / "encoder_only.safetensors", 3, reader=False)
    for line in (
        f"encode {folder}/room -o {folder}/plain.p3d {TINY}",
        f"encode {folder}/room -o {folder}/read.p3d {TINY} --weights {folder}/mine.safetensors",
        f"encode {folder}/room -o {folder}/blind.p3d {TINY} --weights {folder}/encoder_only.safetensors",
    ):
        assert main(shlex.split(line)) == 0
    good = (folder / "plain.p3d").read_bytes()
    at = random.Random(0).randrange(len(good) // 2, len(good))
    (folder / "old.html").write_text("a page of yesterday")
    (folder / "empty.p3d").write_bytes(b"")
    (folder / "text.p3d").write_text("Once upon a time there was a room.\n" * 9)
    (folder / "cut.p3d").write_bytes(good[: len(good) * 2 // 3])
    (folder / "hurt.p3d").write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
    (folder / "newer.p3d").write_bytes(newer_version(good))
    (folder / "weights.p3d").write_bytes((folder / "mine.safetensors").read_bytes())
    (folder / "folder.p3d").mkdir(), (folder / "folder.html").mkdir()
    (folder / "nothing").mkdir()
    (folder / "text.safetensors").write_text("not weights\n" * 9)
    return folder


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder with what it holds, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}
