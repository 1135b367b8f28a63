"""What a folder of rooms promises: layout on disk, completeness, going on after a stop, and one line when something is wrong."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from proxy3d.errors import BadInput
from proxy3d.extras import extra
from proxy3d.spacespan.room import Room
from proxy3d.spacespan.rooms import make, render

pytestmark = pytest.mark.slow  # rendering takes seconds; layout, truth and corruptions of rooms are tested without it


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    try:
        render._renderer()
    except BadInput as reason:
        pytest.skip(str(reason))
    out = tmp_path_factory.mktemp("rooms") / "val"
    make.make_rooms(out, "val", 2, seed=3, workers=1, progress=False)
    return out


def test_a_clip_folder_holds_what_room_load_promises(made):
    room = Room.load(made / "val-000001")
    assert room.room_id == "val-000001" and room.split == "val" and room.seed == make.room_seed("val", 1, 3)
    width, height = room.image_size_px
    for i, pose in enumerate(room.world_from_camera):
        with Image.open(made / "val-000001" / "color" / f"{i:02d}.jpg") as picture:
            assert picture.size == (width, height) and picture.mode == "RGB"
        depth = np.asarray(Image.open(made / "val-000001" / "depth" / f"{i:02d}.png"))
        instance = np.asarray(Image.open(made / "val-000001" / "instance" / f"{i:02d}.png"))
        assert depth.shape == instance.shape == (height, width) and depth.dtype == np.uint16 and instance.dtype == np.uint8
        assert 300 < np.median(depth) < 9000 and np.shape(pose) == (4, 4)
        assert [t.pixels[i] for t in room.objects] == [int((instance == t.id).sum()) for t in room.objects]
    assert len(room.textures) == 2 and all(t.model.startswith("parametric/") for t in room.objects)


def test_a_stopped_run_goes_on_to_the_same_dataset(made):
    description = json.loads((made / "dataset.json").read_text())
    assert {k: description[k] for k in ("split", "seed", "bank", "count")} == {"split": "val", "seed": 3, "bank": "parametric", "count": 2}
    picture = (made / "val-000000" / "color" / "00.jpg").read_bytes()
    kept = (made / "val-000001" / "room.json").stat().st_mtime_ns
    for file in (made / "val-000000").rglob("*.*"):
        file.unlink()
    (made / "dataset.json").unlink()
    for folder in ("color", "depth", "instance", "."):
        (made / "val-000000" / folder).rmdir() if folder != "." else (made / "val-000000").rmdir()
    make.make_rooms(made, "val", 2, seed=3, workers=1, progress=False)
    assert json.loads((made / "dataset.json").read_text()) == description
    assert (made / "val-000000" / "color" / "00.jpg").read_bytes() == picture
    assert (made / "val-000001" / "room.json").stat().st_mtime_ns == kept
    assert not [p for p in made.iterdir() if p.name.startswith(".") or p.suffix == ".tmp"]


def test_rooms_of_another_seed_or_foreign_files_are_not_mixed(made, tmp_path):
    with pytest.raises(BadInput, match=r"holds other rooms \(seed 3 instead of 4\); name another folder"):
        make.make_rooms(made, "val", 2, seed=4, workers=1, progress=False)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty, and not a folder of rooms"):
        make.make_rooms(tmp_path, "val", 1, workers=1, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    room = Room("val-0", "val", 0, "office", (1.0, 1.0, 1.0), (4, 4), (), (), (), ())
    frames = np.zeros((1, 4, 4), np.uint8)
    rendered = make.RenderedRoom(room, np.zeros((1, 4, 4, 3), np.uint8), frames.astype(np.float32), frames)
    monkeypatch.setattr(Room, "to_json", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make.write_room(tmp_path / "val-0", rendered)
    assert not list(tmp_path.iterdir())


def test_splits_share_no_built_in_model():
    names = [{m.name for m in make.models_of(split, None)[0]} for split in make.SPLITS]
    assert all(names) and not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]


def test_a_machine_that_cannot_draw_says_what_to_install(monkeypatch):
    import moderngl

    def refuse(**_):
        raise OSError("libEGL.so not loaded")

    monkeypatch.setattr(moderngl, "create_context", refuse)
    with pytest.raises(BadInput, match=f"libEGL.so not loaded.*{re.escape(extra('synthetic'))}.*libegl1 libegl-mesa0 libgl1-mesa-dri"):
        render._Renderer()
