"""Laws of a furnished room, checked by other means than those that furnish it: shapely for overlaps, vertical rays for supports."""

import math

import numpy as np
import pytest
import torch
from shapely.geometry import Polygon, box

from proxy3d.errors import BadInput
from proxy3d.geometry import box_corners, is_rigid, project, rotation_about_z
from proxy3d.spacespan.rooms.camera import IMAGE_SIZES_PX, Cameras, choose_cameras, in_view, intrinsics, poses
from proxy3d.spacespan.rooms.kinds import KINDS
from proxy3d.spacespan.rooms.layout import Catalogue, furnish
from proxy3d.spacespan.rooms.parametric import RECIPES, parametric_models
from proxy3d.spacespan.rooms.placement import Footprint, overlapping
from proxy3d.spacespan.rooms.shell import shell
from proxy3d.spacespan.rooms.surfaces import FAMILIES, PER_FAMILY, choose_texture, texture, texture_split
from proxy3d.spacespan.rooms.tint import tinted
from proxy3d.values import Box

ROOMS = 16


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue(parametric_models(1))


@pytest.fixture(scope="module")
def layouts(catalogue):
    made = [furnish(np.random.default_rng(i), catalogue, sorted(KINDS)[i % len(KINDS)]) for i in range(ROOMS)]
    library = Catalogue([m for m in parametric_models(3) if m.category in ("bookcase", "cup", "book", "bowl", "toy")])
    return made + [furnish(np.random.default_rng(i), library, "study") for i in range(2)]  # so that there are shelves to put things in


def outline(f: Footprint) -> Polygon:
    x, y, hx, hy, yaw, _, _ = map(float, f.row())
    corners = box_corners(Box((x, y, 0.0), (2 * hx, 2 * hy, 0.0), yaw))[:, :2].numpy()
    return Polygon(corners).convex_hull


def hits(placed, x_m, y_m):
    """Heights at which a vertical line meets an object's triangles."""
    local = rotation_about_z(-placed.yaw_rad).double().numpy() @ (x_m - placed.x_m, y_m - placed.y_m, 0.0)
    a, b, c = (placed.model.triangle_m[:, i].astype(float) for i in range(3))
    d = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    a, b, c, d = (array[np.abs(d) > 1e-9] for array in (a, b, c, d))
    u = ((local[0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (local[1] - a[:, 1])) / d
    v = ((b[:, 0] - a[:, 0]) * (local[1] - a[:, 1]) - (local[0] - a[:, 0]) * (b[:, 1] - a[:, 1])) / d
    z = a[:, 2] + u * (b[:, 2] - a[:, 2]) + v * (c[:, 2] - a[:, 2])
    return z[(u >= 0) & (v >= 0) & (u + v <= 1)] + placed.z_m


def test_no_two_objects_share_space(layouts):
    pairs = 0
    for layout in layouts:
        things = [(p, p.footprint, outline(p.footprint)) for p in layout.objects if p.model.category != "rug"]
        for i, (p, f, shape) in enumerate(things):
            for q, g, other in things[:i]:
                held = layout.objects[p.support - 1] is q or layout.objects[q.support - 1] is p if p.support or q.support else False
                if not held and min(f.top_m, g.top_m) - max(f.bottom_m, g.bottom_m) > 1e-3:
                    pairs += 1
                    assert shape.intersection(other).area < 1e-6, f"{p.model.name} runs into {q.model.name}"
    assert pairs > 300


def test_everything_but_doors_and_windows_is_inside_the_room(layouts):
    for layout in layouts:
        room = box(0, 0, *layout.size_m[:2]).buffer(1e-6)
        for p in layout.objects:
            f = p.footprint
            assert f.bottom_m > -1e-6 and f.top_m < layout.size_m[2] + 1e-6
            assert p.model.mount == "opening" or room.contains(outline(f)), p.model.name


def test_a_room_has_ten_to_eighteen_objects_if_it_can_hold_them(layouts):
    count = [len(layout.objects) for layout in layouts]
    assert max(count) <= 18 and np.mean(count[:ROOMS]) > 10


def test_things_rest_on_real_surfaces_within_their_support(layouts):
    found = dict.fromkeys(("on", "in", "under"), 0)
    for layout in layouts:
        for p in layout.objects:
            assert (p.support > 0) == (p.relation in found)
            if p.relation not in found or p.model.category == "rug":
                continue
            host, f = layout.objects[p.support - 1], p.footprint
            found[p.relation] += 1
            assert outline(host.footprint).buffer(1e-4).contains(outline(f)), f"{p.model.name} hangs over the edge of {host.model.name}"
            z = hits(host, f.x_m, f.y_m)
            above, below = z[z > f.bottom_m + 0.005], z[z <= f.bottom_m + 0.005]
            if p.relation == "under":
                assert f.bottom_m == 0 and not len(below[below > 0.005]) and (above >= f.top_m - 0.02).all()
            else:
                assert f.bottom_m - below.max() < 0.02, f"{p.model.name} floats above {host.model.name}"
                assert (p.relation == "in") == bool(len(above)), f"{p.model.name} is not {p.relation} {host.model.name}"
    assert found["on"] > 15 and found["in"] > 1 and found["under"] > 1


def test_nothing_stands_before_a_door(layouts):
    doors = 0
    for layout in layouts:
        width, depth, _ = layout.size_m
        for door in (h for h in layout.holes if not h.window):
            doors += 1
            left, right, out = door.along_m - door.width_m / 2, door.along_m + door.width_m / 2, 0.6
            strips = ((left, 0, right, out), (width - out, left, width, right), (left, depth - out, right, depth), (0, left, out, right))
            for p in layout.objects:
                if p.relation == "floor" and p.model.category != "rug":
                    assert outline(p.footprint).intersection(box(*strips[door.wall])).area < 1e-6, f"{p.model.name} blocks the door"
    assert doors > ROOMS * 0.8


def test_the_same_seed_furnishes_the_same_room(catalogue, layouts):
    again = furnish(np.random.default_rng(3), Catalogue(parametric_models(1)), sorted(KINDS)[3])
    assert [(p.model.name, p.footprint, p.relation, p.support) for p in again.objects] == [
        (p.model.name, p.footprint, p.relation, p.support) for p in layouts[3].objects
    ]
    assert all(np.array_equal(p.rgb, q.rgb) for p, q in zip(again.objects, layouts[3].objects, strict=True))


def test_unknown_kinds_and_useless_models_are_refused_in_one_line(catalogue):
    with pytest.raises(BadInput, match="no kind of room is called 'ballroom'. Known: bathroom"):
        furnish(np.random.default_rng(0), catalogue, "ballroom")
    with pytest.raises(BadInput, match="no furniture that stands on the floor"):
        furnish(np.random.default_rng(0), [m for m in catalogue.models if m.mount == "table"], "office")


def test_overlaps_agree_with_exact_polygons():
    rng = np.random.default_rng(5)
    made = [Footprint(*rng.uniform(0, 2, 2), *rng.uniform(0.05, 0.6, 2), rng.uniform(-4, 4), 0.0, 1.0) for _ in range(40)]
    for i, f in enumerate(made):
        areas = np.array([outline(f).intersection(outline(g)).area for g in made[:i]])
        clear = np.abs(areas - 1e-4) > 1e-4
        assert (overlapping(f, made[:i])[clear] == (areas[clear] > 1e-4)).all()
    above = Footprint(*made[0].row()[:5], 1.0, 2.0)
    assert not overlapping(made[0], [above]).any()


def test_a_walk_keeps_clear_of_furniture_and_walls(layouts):
    walks = 0
    for i, layout in enumerate(layouts):
        cameras = choose_cameras(np.random.default_rng(i), layout)
        if cameras is None:
            continue
        walks += 1
        pose = torch.tensor(cameras.world_from_camera)
        eye = pose[:, :3, 3].numpy()
        assert cameras.image_size_px in IMAGE_SIZES_PX and len(pose) == 8 and all(is_rigid(p, 1e-6) for p in pose)
        assert (eye > 0.1).all() and (eye[:, :2] < np.array(layout.size_m[:2]) - 0.1).all() and (0.9 < eye[:, 2]).all() and (eye[:, 2] < 2.0).all()
        for p in layout.objects:
            f = p.footprint
            if f.bottom_m < eye[:, 2].max() and f.top_m > eye[:, 2].min():
                shape = outline(f).buffer(0.08)
                assert not any(shape.contains(box(x, y, x + 1e-4, y + 1e-4)) for x, y, _ in eye), p.model.name
    assert walks > ROOMS * 0.8


def test_cameras_are_level_at_zero_roll_and_look_where_they_should():
    pose = torch.tensor(poses(np.zeros((1, 3)), np.array([0.3]), np.array([-0.2]), np.zeros(1))[0])
    forward = torch.tensor([math.cos(0.3) * math.cos(-0.2), math.sin(0.3) * math.cos(-0.2), math.sin(-0.2)]).double()
    assert torch.allclose(pose[:3, 2], forward) and abs(float(pose[2, 0])) < 1e-12 and float(pose[2, 1]) < 0
    matrix = intrinsics((288, 216), math.radians(70))
    cameras = Cameras((288, 216), matrix, np.eye(4)[None])
    edge = np.array([[math.tan(math.radians(35)) * s, 0, 1.0] for s in (-0.99, 0.99, 1.01)])
    assert in_view(edge, cameras)[0].tolist() == [True, True, False]
    pixel, _ = project(torch.tensor([[0.0, 0.0, 2.0]]).double(), torch.tensor(matrix))
    assert pixel.tolist() == [[143.5, 107.5]]


def test_the_shell_closes_the_room_but_for_holes(layouts):
    for layout in layouts[:8]:
        width, depth, height = layout.size_m
        area = {}
        for quad in shell(layout):
            area[quad.surface] = area.get(quad.surface, 0) + np.linalg.norm(np.cross(quad.side_u_m, quad.side_v_m))
        holes = sum(h.width_m * h.height_m for h in layout.holes)
        assert area["wall"] == pytest.approx(2 * (width + depth) * height - holes) and area["floor"] == pytest.approx(width * depth)
        assert area["wall"] < 2 * (width + depth) * height if layout.holes else True


def test_textures_are_split_by_name_and_repeatable():
    for family in FAMILIES:
        names = [f"{family}-{i:03d}" for i in range(PER_FAMILY)]
        assert {texture_split(n) for n in names} == {"train", "val", "test"}
    assert texture("planks-003") is texture("planks-003") and not np.array_equal(texture("planks-003"), texture("planks-004"))
    chosen = {choose_texture(np.random.default_rng(i), ("tiles", "marble"), "test") for i in range(40)}
    assert len(chosen) > 3 and all(texture_split(n) == "test" for n in chosen)
    with pytest.raises(BadInput, match="no texture is called 'lava-1'"):
        texture("lava-1")


def test_built_in_models_stand_at_the_origin_and_face_front():
    models = parametric_models(1, seed=9)
    assert {m.category for m in models} == set(RECIPES)
    for m in models:
        low, high = m.triangle_m.reshape(-1, 3).min(0), m.triangle_m.reshape(-1, 3).max(0)
        assert np.allclose([low[0] + high[0], low[1] + high[1], low[2]], 0, atol=1e-5) and np.allclose(high - low, m.size_m, atol=1e-5)
        assert np.allclose(np.linalg.norm(m.normal, axis=-1), 1, atol=1e-5)
    assert not {m.name for m in models} & {m.name for m in parametric_models(1, seed=8)}


def test_tints_keep_what_must_not_change(catalogue):
    chair, door = catalogue.by_category["chair"][0], catalogue.by_category["door"][0]
    assert tinted(np.random.default_rng(0), door) is door.rgb
    seen = {tuple(tinted(np.random.default_rng(i), chair, share=1.0).mean(0).round(2)) for i in range(12)}
    assert len(seen) > 6 and tinted(np.random.default_rng(0), chair, share=0.0) is chair.rgb


def test_a_stretched_model_stands_where_it_stood_and_is_lit_as_its_new_shape(catalogue):
    from proxy3d.spacespan.rooms.variety import STRETCH, with_variety

    models = catalogue.models
    more = with_variety(models, 2)
    assert len(more) == 3 * len(models) == len({m.name for m in more}) and more[: len(models)] == tuple(models)
    assert [m.size_m for m in more] == [m.size_m for m in with_variety(models, 2)]
    for copy in more[len(models) :]:
        model = next(m for m in models if copy.name.startswith(f"{m.name}~"))
        low, high = copy.triangle_m.reshape(-1, 3).min(0), copy.triangle_m.reshape(-1, 3).max(0)
        assert np.allclose(high - low, copy.size_m, atol=1e-4) and abs(low[2]) < 1e-5 and np.allclose((low + high)[:2], 0, atol=1e-4)
        ratio = np.array(copy.size_m) / np.array(model.size_m)
        assert (np.abs(ratio - 1) <= STRETCH + 1e-6).all() and float(np.ptp(ratio)) > 0
        edge = copy.triangle_m[:, 1:] - copy.triangle_m[:, :1]
        flat = np.ptp(model.normal, axis=1).max(1) < 1e-6  # faces lit as flat: their normals must still stand on them
        across = (edge[flat] * copy.normal[flat][:, :1]).sum(-1) / np.linalg.norm(edge[flat], axis=-1).clip(1e-9)
        assert np.abs(across).max(initial=0) < 1e-3 and np.allclose(np.linalg.norm(copy.normal, axis=-1), 1, atol=1e-4)
