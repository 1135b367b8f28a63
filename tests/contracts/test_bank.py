"""The furniture bank promises upright models of the stated size, free licences, whole or no output, and splits without near copies."""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from proxy3d.errors import BadInput
from proxy3d.extras import extra
from proxy3d.spacespan.rooms import sweethome
from proxy3d.spacespan.rooms.bank import SPLITS, build_bank, load_bank
from proxy3d.spacespan.rooms.categories import MOUNT, RULES, category_of, mount_of
from proxy3d.spacespan.rooms.splits import Shape, assign, families, near_copies, signature, splits, stem

BY = "These files are under http://creativecommons.org/licenses/by/3.0/"
QUADS = ((1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4))


def box_obj(low=(-1, 0, -1), high=(1, 1, 1), first=1, material="wood") -> str:
    """A closed box in the file's own axes (y up, front +z)."""
    corners = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    lines = [f"v {x} {y} {z}" for x, y, z in corners] + [f"usemtl {material}"]
    return "\n".join(lines + ["f " + " ".join(str(i + first - 1) for i in quad) for quad in QUADS]) + "\n"


# A seat with a back: the back is at -z in the file, so at +y in the bank (front is -y).
CHAIR = "mtllib m.mtl\n" + box_obj((-1, 0, -1), (1, 1, 1)) + box_obj((-1, 1, -1), (1, 3, -0.8), 9, "leg")
MTL = "newmtl wood\nKd 0.6 0.3 0.1\nnewmtl leg\nKd 0.1 0.1 0.1\nnewmtl glass\nKd 1 1 1\nd 0.2\nnewmtl photo\nKd 0 0 0\nmap_Kd C:\\pictures\\p.png\n"
ONE = {"name": "Chair", "category": "Living room", "width": 50, "depth": 60, "height": 90, "creator": "Ada"}


def library(folder: Path, entries: dict[str, dict], objects: dict[str, str], files: dict[str, bytes] | None = None, licence: str = BY) -> Path:
    """A .sh3f library called Test in `folder`."""
    lines = ["# made for a test", "id=Test"]
    for number, (identifier, entry) in enumerate(entries.items(), 1):
        record = {"id": f"Test#{identifier}", "model": f"/t/{identifier}/{identifier}.obj", **entry}
        lines += [f"{key}#{number}={value}" for key, value in record.items()]
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "Test.sh3f", "w") as zipped:
        zipped.writestr("PluginFurnitureCatalog.properties", "\n".join(lines))
        zipped.writestr("LICENSE.TXT", licence)
        for identifier, text in objects.items():
            zipped.writestr(f"t/{identifier}/{identifier}.obj", text)
            zipped.writestr(f"t/{identifier}/m.mtl", MTL)
        for name, data in (files or {}).items():
            zipped.writestr(name, data)
    return folder


def built(tmp_path: Path, *arguments, **keywords):
    build_bank(tmp_path / "bank", library(tmp_path / "debs", *arguments, **keywords))
    return load_bank(tmp_path / "bank")


def png(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(rows).save(stream, "PNG")
    return stream.getvalue()


# ---------------------------------------------------------------- models


def test_a_model_stands_upright_at_catalogue_size_and_faces_the_viewer(tmp_path):
    bank = built(tmp_path, {"seat": ONE}, {"seat": CHAIR})
    (model,) = bank.models
    assert (model.name, model.category, model.mount, model.creator, model.licence) == ("Test/seat", "chair", "floor", "Ada", "CC-BY-3.0")
    assert np.allclose(model.size_m, (0.5, 0.6, 0.9), atol=1e-3)
    low, high = model.triangle_m.min((0, 1)), model.triangle_m.max((0, 1))
    assert np.allclose(low, (-0.25, -0.3, 0), atol=1e-3) and np.allclose(high, (0.25, 0.3, 0.9), atol=1e-3)
    back = model.triangle_m[model.triangle_m[:, :, 2].min(1) > 0.31]
    assert len(back) and back[:, :, 1].min() > 0.2, "the back of a chair must be away from the front (-y)"


def test_arrays_have_the_shapes_and_ranges_that_model_promises(tmp_path):
    (model,) = built(tmp_path, {"seat": ONE}, {"seat": CHAIR}).models
    faces = len(model.triangle_m)
    assert faces == 24
    assert model.triangle_m.shape == model.normal.shape == (faces, 3, 3) and model.uv.shape == (faces, 3, 2)
    assert model.rgb.shape == (faces, 3) and model.opacity.shape == model.texture_layer.shape == (faces,)
    assert np.allclose(np.linalg.norm(model.normal, axis=2), 1, atol=1e-3)
    assert set(map(tuple, np.round(model.rgb.astype(float), 2).tolist())) == {(0.6, 0.3, 0.1), (0.1, 0.1, 0.1)}
    assert model.tintable and model.textures == () and (model.texture_layer == -1).all()


def test_the_catalogue_rotation_is_applied_before_scaling(tmp_path):
    turned = {**ONE, "modelRotation": "-1 0 0 0 1 0 0 0 -1"}  # half a turn about the vertical
    (model,) = built(tmp_path, {"seat": turned}, {"seat": CHAIR}).models
    back = model.triangle_m[model.triangle_m[:, :, 2].min(1) > 0.31]
    assert back[:, :, 1].max() < -0.2


def test_texture_coordinates_read_the_picture_from_its_top_row_down(tmp_path):
    rows = np.zeros((8, 8, 3), np.uint8)
    rows[:4] = (255, 0, 0)  # the upper half of the picture is red
    card = "mtllib m.mtl\nv -1 0 0\nv 1 0 0\nv 1 2 0\nv -1 2 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl photo\nf 1/1 2/2 3/3 4/4\n"
    entry = {**ONE, "name": "Frame", "depth": 2}
    (model,) = built(tmp_path, {"card": entry}, {"card": card}, {"t/card/p.png": png(rows)}).models
    assert model.category == "picture frame" and not model.tintable and model.textures[0].shape == (256, 256, 3)
    middle, uv = model.triangle_m.mean(1), model.uv.mean(1)
    for z, (_, v) in zip(middle[:, 2], uv, strict=True):
        colour = model.textures[0][int(v * 256), 128]
        assert (colour[0] > 128) == (z > model.size_m[2] / 2)
    assert np.allclose(model.rgb, 1), "a texture shows as it is, whatever colour its material has"


def test_transparent_parts_of_a_texture_become_holes(tmp_path):
    rows = np.full((8, 8, 4), 255, np.uint8)
    rows[:, :4, 3] = 0  # left half transparent
    card = "mtllib m.mtl\nv -1 0 0\nv 1 0 0\nv 1 2 0\nv -1 2 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl photo\nf 1/1 2/2 3/3 4/4\n"
    full = box_obj((-1, -0.1, -0.1), (1, 0, 0.1), 5)
    (model,) = built(tmp_path, {"card": {**ONE, "name": "Plant"}}, {"card": card + full}, {"t/card/p.png": png(rows)}).models
    leaf = model.triangle_m[model.texture_layer == 0]
    assert len(leaf) and leaf[:, :, 0].min() >= -0.02 and leaf[:, :, 0].max() > 0.2


def test_panes_are_glass_and_invisible_materials_are_gone(tmp_path):
    obj = CHAIR + "g sweethome3d_window_pane\n" + box_obj((-1, 3, -1), (1, 4, 1), 17) + "g x\n"
    (model,) = built(tmp_path, {"seat": ONE}, {"seat": obj}).models
    assert sorted(set(np.round(model.opacity, 1))) == [0.3, 1.0]


@pytest.mark.parametrize("stated_cm", [30, 77, -1])
def test_support_height_is_where_the_mesh_has_a_level_surface(tmp_path, stated_cm):
    (model,) = built(tmp_path, {"seat": {**ONE, "dropOnTopElevation": stated_cm}}, {"seat": CHAIR}).models
    assert model.support_height_m == pytest.approx(0.3, abs=0.011)  # the seat: 1/3 of 0.9 m, whatever the catalogue says


def ball_obj(n: int = 90) -> str:
    """A ball of many small faces."""
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, n, endpoint=False), np.linspace(-1, 1, n))
    ball = np.stack([np.cos(angle) * np.sqrt(1 - height**2), height, np.sin(angle) * np.sqrt(1 - height**2)], -1).reshape(-1, 3)
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in ball]
    for i in range(n - 1):
        lines += [f"f {i * n + j + 1} {i * n + (j + 1) % n + 1} {(i + 1) * n + (j + 1) % n + 1} {(i + 1) * n + j + 1}" for j in range(n)]
    return "\n".join(lines)


BALL = {**ONE, "name": "Basketball", "width": 24, "depth": 24, "height": 24}


def test_a_fine_mesh_is_thinned_but_keeps_its_size_and_surface(tmp_path):
    pytest.importorskip("meshoptimizer", reason="simplification needs the `synthetic` extra")
    (model,) = built(tmp_path, {"ball": BALL}, {"ball": ball_obj()}).models
    assert 300 < len(model.triangle_m) <= 2300  # 15842 before
    assert np.allclose(model.size_m, 0.24, atol=0.005)
    radial = (model.triangle_m - [0, 0, 0.12]) / 0.12
    assert np.abs(np.abs((radial * model.normal).sum(2)) - 1).mean() < 0.03, "normals of a ball point away from its centre"


def test_a_bank_that_would_lack_every_fine_mesh_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "meshoptimizer", None)
    with pytest.raises(BadInput, match="meshoptimizer.*" + re.escape(extra("synthetic"))):
        built(tmp_path, {"seat": ONE, "ball": BALL}, {"seat": CHAIR, "ball": ball_obj()})
    assert not (tmp_path / "bank").exists()


# ---------------------------------------------------------------- licences


def test_only_free_licences_are_offered_and_a_model_folder_overrules_its_library(tmp_path):
    entries = {"a": ONE, "b": ONE, "c": ONE}
    files = {
        "t/b/LICENSE.txt": b"Released under Creative Commons Zero (Public Domain)",
        "t/c/License.html": b"http://creativecommons.org/licenses/by-nc/3.0/ noncommercial",
    }
    archive = library(tmp_path, entries, dict.fromkeys("abc", CHAIR), files) / "Test.sh3f"
    found = {e.identifier: e.licence for e in sweethome.read_catalogue(archive)}
    assert found["a"] == "CC-BY-3.0" and found["b"] == "CC0-1.0" and "c" not in found


@pytest.mark.parametrize("text", ["all rights reserved", "by Ada, 2010", "GNU General Public License", "creativecommons.org/licenses/by-sa/3.0", ""])
def test_other_licences_are_not_read_as_free(text):
    assert sweethome.licence_in(text) not in sweethome.LICENCES


def test_attribution_names_every_model_with_creator_and_licence(tmp_path):
    built(tmp_path, {"seat": ONE, "seat9": {**ONE, "creator": "Bo"}}, {"seat": CHAIR, "seat9": CHAIR})
    text = (tmp_path / "bank" / "ATTRIBUTION.md").read_text()
    assert "CC-BY-3.0 (http://creativecommons.org/licenses/by/3.0/)" in text
    assert "**Ada**: Test/seat" in text and "**Bo**: Test/seat9" in text and "were changed" in text


# ---------------------------------------------------------------- building and loading


def test_building_twice_gives_the_same_bytes(tmp_path):
    debs = library(tmp_path / "debs", {"seat": ONE, "b": {**ONE, "name": "Sofa"}}, {"seat": CHAIR, "b": box_obj()})
    for name in ("one", "two"):
        build_bank(tmp_path / name, debs)
    files = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert files == ["ATTRIBUTION.md", "geometry.npz", "index.json", "textures.npz"]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    assert load_bank(tmp_path / "one").hash == load_bank(tmp_path / "two").hash


def test_a_broken_model_is_left_out_with_a_reason_and_the_rest_is_built(tmp_path, capfd):
    bank = built(tmp_path, {"bad": ONE, "good": ONE}, {"bad": "v 0 0 0\nf 1 2 3\n", "good": CHAIR})
    assert [m.name for m in bank.models] == ["Test/good"]
    assert "left out Test/bad: a face names a vertex that does not exist" in capfd.readouterr().err


def test_nothing_is_left_behind_when_building_fails(tmp_path):
    debs = library(tmp_path / "debs", {"bad": ONE}, {"bad": "nothing"})
    with pytest.raises(BadInput, match="none of 1 models could be read"):
        build_bank(tmp_path / "bank", debs)
    assert [p.name for p in tmp_path.iterdir()] == ["debs"]


def test_an_existing_folder_is_not_touched(tmp_path):
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "mine.txt").write_text("keep")
    with pytest.raises(BadInput, match="not empty"):
        build_bank(tmp_path / "bank", library(tmp_path / "debs", {"seat": ONE}, {"seat": CHAIR}))
    assert (tmp_path / "bank" / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "not a folder"), ({}, "no furniture catalogue"), ({"a.sh3f": b"text"}, "not a zip file"), ({"a.deb": b"text"}, "no furniture catalogue")],
)
def test_a_wrong_packages_folder_is_one_useful_line(tmp_path, content, says):
    debs = tmp_path / "debs"
    if content is not None:
        debs.mkdir()
        for name, data in content.items():
            (debs / name).write_bytes(data)
    with pytest.raises(BadInput, match=says) as caught:
        build_bank(tmp_path / "bank", debs)
    assert "\n" not in str(caught.value) and not (tmp_path / "bank").exists()


def test_without_apt_the_message_names_the_packages_and_the_other_way(tmp_path, monkeypatch):
    monkeypatch.setattr(sweethome.shutil, "which", lambda _: None)
    with pytest.raises(BadInput, match="apt-get is not available.*sweethome3d-furniture and sweethome3d.*--debs"):
        build_bank(tmp_path / "bank")


def spoil(path: Path, how: str) -> None:
    if how == "pickled":
        np.savez(path / "geometry.npz", position=np.array([{}], dtype=object))
    elif how == "truncated":
        (path / "textures.npz").write_bytes((path / "textures.npz").read_bytes()[:40])
    elif how == "other format":
        index = json.loads((path / "index.json").read_text())
        (path / "index.json").write_text(json.dumps({**index, "format": 99}))
    elif how == "index too short":
        index = json.loads((path / "index.json").read_text())
        (path / "index.json").write_text(json.dumps({**index, "models": []}))
    else:
        (path / "index.json").unlink()


@pytest.mark.parametrize("how", ["pickled", "truncated", "other format", "index too short", "no index"])
def test_a_damaged_bank_is_refused_in_one_line(tmp_path, how):
    built(tmp_path, {"seat": ONE}, {"seat": CHAIR})
    spoil(tmp_path / "bank", how)
    with pytest.raises(BadInput, match="bank") as caught:
        load_bank(tmp_path / "bank")
    assert "\n" not in str(caught.value)


def test_splits_of_a_bank_are_disjoint_and_complete(tmp_path):
    sizes = {f"c{i}": (40 + 17 * i, 40 + 5 * (i % 3), 70 + 9 * (i % 4)) for i in range(8)}
    entries = {k: {**ONE, "creator": k, "width": w, "depth": d, "height": h} for k, (w, d, h) in sizes.items()}
    meshes = {k: box_obj((-1, 0, -1), (1, 1 + i / 9, 1)) + box_obj((-1, 2, -i / 8), (i / 4 - 1.1, 4, 1), 9) for i, k in enumerate(sizes)}
    bank = built(tmp_path, entries, meshes)
    parts = [{m.name for m in bank.split(name).models} for name in SPLITS]
    assert all(parts) and sum(map(len, parts)) == len(set().union(*parts)) == len(bank) == 8
    assert bank.split("test").hash == bank.hash
    assert [m.name for m in bank.by_category["chair"]] == sorted(m.name for m in bank.models)
    with pytest.raises(BadInput, match="'dev'; known: train, val, test"):
        bank.split("dev")


# ---------------------------------------------------------------- splits


def shape(name: str, triangle: np.ndarray, creator: str = "Ada", size=(0.5, 0.5, 0.9)) -> Shape:
    return Shape(name, "chair", creator, size, signature(triangle))


def soup(seed: int, faces: int = 60) -> np.ndarray:
    """Random furniture-like triangles: no two seeds are alike."""
    rng = np.random.default_rng(seed)
    return (rng.random((faces, 1, 3)) ** rng.uniform(0.3, 3, 3) + rng.normal(0, 0.08, (faces, 3, 3))).astype(np.float32)


def test_mirrored_refined_and_repainted_copies_are_near_copies_and_other_shapes_are_not():
    from proxy3d.spacespan.rooms.decimate import split_faces

    mesh = soup(1)
    original = shape("L/sofa1", mesh)
    assert near_copies(original, shape("M/canape", mesh * [-1, 1, 1], creator="Bo"))
    assert near_copies(original, shape("M/canape", split_faces(mesh), creator="Bo"))
    assert near_copies(original, shape("M/canape", mesh[::-1], creator="Bo"))
    assert not any(near_copies(original, shape(f"L/other{seed}", soup(seed))) for seed in range(2, 12))


def test_open_and_closed_or_left_and_right_belong_together_whatever_their_shape():
    assert near_copies(shape("L/bz-opened", soup(1)), shape("L/bz-closed", soup(2)))
    assert near_copies(shape("L/sofaLeft", soup(3)), shape("L/sofaRight", soup(4)))
    assert not near_copies(shape("L/sofaLeft", soup(3)), shape("M/sofaRight", soup(4), creator="Bo"))


@pytest.mark.parametrize("name", ["A/sofa12", "B/sofa_red_left", "Sofa-2seats", "C/arched_sofa_3x"])
def test_variant_words_are_not_part_of_the_stem(name):
    assert stem(name) in ("sofa", "sofax") and stem("A/teapot") == "teapot"


def test_families_are_the_same_in_any_order():
    shapes = [shape(f"L/a{seed}", soup(seed)) for seed in range(6)] + [shape("L/x", soup(2) * [-1, 1, 1])]
    first = families(shapes)
    assert first == families(shapes[::-1]) and ["L/a2", "L/x"] in first and len(first) == 6
    assert splits(shapes) == splits(shapes[::-1])


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12), category=st.sampled_from(["chair", "table", "tv", "bed"]))
@settings(max_examples=80, deadline=None)
def test_assignment_keeps_families_whole_and_shares_about_right(sizes, category):
    groups = [[f"g{i}m{j}" for j in range(size)] for i, size in enumerate(sizes)]
    split = assign(category, groups)
    count = {side: sum(v == side for v in split.values()) for side in SPLITS}
    assert len(split) == sum(sizes) and all(len({split[m] for m in g}) == 1 for g in groups)
    assert count["train"] >= max(sizes), "the largest family trains"
    if sum(sizes) >= 4 and len(sizes) >= 3:
        assert count["test"] and count["val"]
    elif len(sizes) >= 2:
        assert count["test"] and not count["val"]
    else:
        assert not count["test"] and not count["val"]


SHARES = [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (2, 0, 1)), (4, (2, 1, 1)), (20, (12, 3, 5)), (40, (24, 6, 10))]


@pytest.mark.parametrize(("models", "expected"), SHARES)
def test_shares_of_distinct_models(models, expected):
    split = assign("chair", [[f"m{i}"] for i in range(models)])
    assert tuple(sum(v == side for v in split.values()) for side in SPLITS) == expected


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("section", "name", "identifier", "expected"),
    [
        ("Living room", "Corner sofa", "cornerSofa", "sofa"), ("Bedroom", "Bedside table", "x", "bedside table"),
        ("Kitchen", "Bar stool", "x", "stool"), ("Bathroom", "Towel rack", "x", "towel rack"), ("Lights", "Pendant lamp", "x", "ceiling light"),
        ("Office", "Dustbin", "x", "trash can"), ("Doors and windows", "French window", "x", "window"), ("Doors and windows", "Door", "x", "door"),
        ("Doors and windows", "Garage door", "x", ""), ("Kitchen", "Upper cabinet", "x", "wall cabinet"), ("Bathroom", "Comb", "x", ""),
        ("Kitchen", "Lower cabinet", "x", "kitchen cabinet"), ("Characters", "Male", "x", ""), ("Characters", "Cat", "x", "cat"),
        ("Vehicles", "Bus", "x", ""), ("Miscellaneous", "Cuckoo clock", "x", "clock"), ("Kitchen", "Cup cake", "x", ""),
        ("Miscellaneous", "Wall double socket", "x", ""), ("Office", "Unheard-of thing", "x", ""),
    ],
)  # fmt: skip
def test_catalogue_names_become_plain_nouns(section, name, identifier, expected):
    assert category_of(section, name, "Test", identifier) == expected


def test_the_vocabulary_is_small_plain_and_consistent():
    words = {category for _, category in RULES} - {""}
    assert 60 < len(words) <= 110
    assert all(w == w.lower().strip() and w.replace(" ", "").replace("-", "").isalpha() for w in words)
    assert {w for group in MOUNT.values() for w in group} <= words, "a mount names a category that no rule gives"
    assert {mount_of(w, 0.0, 1.0) for w in words} == {"floor", "table", "wall", "ceiling", "opening"}


@pytest.mark.parametrize(
    ("category", "elevation", "height", "expected"),
    [
        ("washbasin", 0.4, 0.5, "wall"), ("washbasin", 0.0, 0.9, "floor"), ("plant", 0.0, 0.2, "table"), ("plant", 0.0, 1.2, "floor"),
        ("tv", 1.0, 0.6, "wall"), ("tv", 0.0, 0.6, "table"),
    ],  # fmt: skip
)
def test_mount_follows_category_height_and_elevation(category, elevation, height, expected):
    assert mount_of(category, elevation, height) == expected
