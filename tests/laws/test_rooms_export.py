"""A rendered room exported as a capture has the world points it had before, and gives nothing of the truth away."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from proxy3d.clips import open_capture
from proxy3d.errors import BadInput
from proxy3d.geometry import transform, unproject
from proxy3d.spacespan.room_clip import load_clip
from proxy3d.spacespan.rooms.export import export_7scenes, main
from proxy3d.verbs import DEMO_ROOM


@pytest.fixture
def room_folder(tmp_path):
    """Three frames of noise, seen by cameras that step and turn; nothing is rendered, so the test needs no graphics."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "test-000001"
    poses = []
    for t in range(3):
        c, s = np.cos(0.2 * t), np.sin(0.2 * t)
        poses.append([[c, 0.0, s, 1.0 + 0.1 * t], [-s, 0.0, c, 2.0], [0.0, -1.0, 0.0, 1.4], [0.0, 0.0, 0.0, 1.0]])
        for name in ("color", "depth", "instance"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        depth = rng.integers(800, 4000, (12, 16)).astype(np.uint16)
        depth[2, 3] = 0
        Image.fromarray(rng.integers(0, 255, (12, 16, 3)).astype(np.uint8)).save(folder / "color" / f"{t:02d}.jpg", quality=92)
        Image.fromarray(depth).save(folder / "depth" / f"{t:02d}.png")
        Image.fromarray(np.zeros((12, 16), np.uint8)).save(folder / "instance" / f"{t:02d}.png")
    facts = {
        "room_id": "test-000001", "split": "test", "seed": 1, "kind": "office", "size_m": [4.0, 5.0, 2.5], "image_size_px": [16, 12],
        "intrinsics_px": [[14.5, 0.0, 7.5], [0.0, 14.5, 5.5], [0.0, 0.0, 1.0]], "world_from_camera": poses, "textures": [], "objects": [],
    }  # fmt: skip
    (folder / "room.json").write_text(json.dumps(facts))
    return folder


def test_the_reader_finds_the_same_world_points_in_the_export(room_folder, tmp_path):
    before = load_clip(room_folder)[1]
    capture = open_capture(export_7scenes(room_folder, tmp_path / "out"))
    after = capture.clip(3)
    assert capture.layout == "seven_scenes" and all("timestamps" in note for note in capture.notes)
    points = [transform(c.world_from_camera, unproject(c.depth_m, c.intrinsics_px).flatten(1, 2)) for c in (before, after)]
    assert (points[0] - points[1]).abs().max() < 1e-4
    assert torch.equal(before.depth_m > 0, after.depth_m > 0)
    assert torch.equal(before.frame, after.frame)


def test_the_export_holds_no_truth_and_never_overwrites(room_folder, tmp_path):
    out = export_7scenes(room_folder, tmp_path / "out")
    assert sorted(p.name.split(".", 1)[1] for p in out.iterdir()) == sorted(["color.png", "depth.png", "pose.txt"] * 3 + ["txt"])
    with pytest.raises(BadInput, match="exists already"):
        export_7scenes(room_folder, out)


def test_a_room_with_a_missing_picture_leaves_nothing_behind(room_folder, tmp_path, capsys):
    (room_folder / "depth" / "02.png").unlink()
    assert main([str(room_folder), str(tmp_path / "out")]) == 2
    assert "02.png: no such picture" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["test-000001"]
    assert main([]) == 2


def test_the_shipped_room_reads_without_notes_and_names_its_makers():
    capture = open_capture(DEMO_ROOM)
    clip = capture.clip(8)
    assert all("timestamps" in note for note in capture.notes_for(8))
    assert clip.frame.shape == (8, 3, 256, 256)
    assert float((clip.depth_m > 0).float().mean()) > 0.99
    # Frames of one static room agree: most of what frame 0 sees lies in the box that all other frames span.
    points = transform(clip.world_from_camera, unproject(clip.depth_m, clip.intrinsics_px).flatten(1, 2))
    others = points[1:].flatten(0, 1)
    inside = ((points[0] >= others.amin(0) - 0.05) & (points[0] <= others.amax(0) + 0.05)).all(-1)
    assert float(inside.float().mean()) > 0.8
    text = (DEMO_ROOM / "ATTRIBUTION.md").read_text()
    assert "Jay-Artist" in text and "creativecommons.org/licenses/by/3.0" in text
    assert sum(f.stat().st_size for f in DEMO_ROOM.iterdir()) < 1_500_000
