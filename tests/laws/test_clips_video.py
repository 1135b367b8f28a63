"""The frames of a video are the same however they are reached."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contracts"))
from capture_writers import video

from proxy3d.clips import open_capture
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.clips.video import scan, seek


@pytest.fixture(scope="module")
def clip():
    return synthetic_clip(seed=4, frames=20, size_px=(64, 48))[0]


def test_scanning_and_seeking_give_the_same_pixels(clip, tmp_path):
    path, _ = video(clip, tmp_path)
    every = [f.index for f in open_capture(path).frames]
    assert len(every) == 20
    wanted = [every[k] for k in (1, 7, 8, 19)]
    scanned, sought = scan(path, wanted, 1296), seek(path, wanted, 1296)
    assert sorted(scanned) == sorted(sought) == wanted
    assert all(torch.equal(scanned[pts], sought[pts]) for pts in wanted)


@pytest.mark.parametrize("name", ["walk.mp4", "walk.mkv", "walk.mov"])
def test_frames_are_the_right_ones_at_the_right_time(name, clip, tmp_path):
    path, _ = video(clip, tmp_path, name, fps=10)
    back = open_capture(path).clip(4)
    index = [int((clip.frame - f).abs().flatten(1).mean(1).argmin()) for f in back.frame]
    assert index == [round(float(t) * 10) for t in back.time_s] == [int(n) for n in back.name]
    assert float((back.frame - clip.frame[index]).abs().mean()) < 0.03  # halved chroma, otherwise lossless
    assert back.depth_m is None and back.world_from_camera is None


def test_gif_is_a_video(clip, tmp_path):
    from PIL import Image

    pictures = [Image.fromarray((f * 255).byte().permute(1, 2, 0).numpy()) for f in clip.frame]
    pictures[0].save(tmp_path / "walk.gif", save_all=True, append_images=pictures[1:], duration=100)
    back = open_capture(tmp_path / "walk.gif").clip(5)
    index = [int((clip.frame - f).abs().flatten(1).mean(1).argmin()) for f in back.frame]
    assert index == [round(float(t) * 10) for t in back.time_s]


def test_large_frames_are_shrunk_while_decoding(clip, tmp_path):
    path, _ = video(clip, tmp_path)
    assert open_capture(path, longest_side_px=32).clip(2).frame.shape[2:] == (24, 32)
