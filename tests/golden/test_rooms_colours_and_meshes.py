"""Colour words for colours nobody disputes, CIELAB against published values, and meshes whose areas and normals are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageColor

from proxy3d.spacespan.rooms.colours import EXAMPLES, WORDS, colour_word, dominant_colour, lab
from proxy3d.spacespan.rooms.decimate import crease_normals, face_normals, level_area, split_faces
from proxy3d.spacespan.rooms.model import Model
from proxy3d.spacespan.rooms.wavefront import Material, ear_clip, named_material, parse_mtl, parse_obj

# CSS colour names (https://www.w3.org/TR/css-color-4/#named-colors) whose word is beyond dispute.
CLEAR = {
    "black": "black", "white": "white snow whitesmoke ivory", "gray": "gray silver dimgray darkgray", "red": "red crimson firebrick",
    "orange": "orange darkorange", "yellow": "yellow gold", "green": "green lime darkgreen forestgreen limegreen seagreen olivedrab",
    "blue": "blue navy royalblue dodgerblue skyblue midnightblue steelblue", "purple": "purple indigo darkviolet rebeccapurple mediumpurple",
    "pink": "pink hotpink deeppink lightpink", "brown": "saddlebrown sienna", "beige": "beige wheat tan bisque",
}  # fmt: skip


@pytest.mark.parametrize(("name", "word"), [(name, word) for word, names in CLEAR.items() for name in names.split()])
def test_clear_cases(name, word):
    assert colour_word([v / 255 for v in ImageColor.getrgb(name)]) == word


def test_every_word_has_examples_and_every_example_its_word():
    assert set(EXAMPLES) == set(WORDS)
    assert all(colour_word(np.array(example) / 255) == word for word, examples in EXAMPLES.items() for example in examples)


@pytest.mark.parametrize(
    ("rgb", "expected"),  # Lindbloom's calculator, sRGB, D65
    [((1, 1, 1), (100, 0, 0)), ((1, 0, 0), (53.24, 80.09, 67.20)), ((0, 0, 1), (32.30, 79.19, -107.86)), ((0, 1, 0), (87.73, -86.18, 83.18))],
)
def test_lab_matches_published_values(rgb, expected):
    assert np.allclose(lab(np.array([rgb], float))[0], expected, atol=0.02)


def model_of(triangle, rgb, textures=(), layer=None, uv=None) -> Model:
    faces = len(triangle)
    layer = np.full(faces, -1) if layer is None else np.array(layer)
    uv = np.zeros((faces, 3, 2)) if uv is None else uv
    ones = np.ones(faces)
    return Model("t", "chair", (1, 1, 1), np.array(triangle, float), np.zeros((faces, 3, 3)), uv, np.array(rgb, float), ones, layer, textures)


SMALL, LARGE = [[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 0, 0], [2, 0, 0], [0, 2, 0]]


def test_the_dominant_colour_is_that_of_the_largest_part_not_the_mean():
    orange, metal = (1.0, 0.55, 0.0), (0.5, 0.5, 0.5)
    word, rgb = dominant_colour(model_of([LARGE, SMALL], [orange, metal]))
    assert word == "orange" and np.allclose(rgb, orange)
    assert dominant_colour(model_of([LARGE, SMALL], [orange, metal]), np.array([(0, 0, 0.8), metal]))[0] == "blue"


def test_the_dominant_colour_reads_textures_where_they_are_used():
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:, 2:] = (0, 160, 0)  # right half green, left half black
    uv = np.array([[[0.6, 0.1], [0.9, 0.1], [0.9, 0.9]]])
    assert dominant_colour(model_of([LARGE], [(1, 1, 1)], (picture,), [0], uv))[0] == "green"


def area(polygon: np.ndarray, triangles: list) -> float:
    return float(face_normals(np.array([polygon[list(t)] for t in triangles]))[1].sum())


@pytest.mark.parametrize(
    ("flat", "expected"),  # shoelace, by hand
    [
        ([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)], 10.0),
        ([(0, 0), (3, 0), (3, 3), (2, 3), (2, 1), (1, 1), (1, 3), (0, 3)], 7.0),
        ([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0.5)], 1.0),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_ears_cover_a_concave_polygon_exactly_once(flat, expected, turned):
    flat = flat[::-1] if turned else flat
    polygon = np.array([(x, 0.5 * x, y) for x, y in flat], float)
    triangles = ear_clip(polygon)
    assert len(triangles) == len(flat) - 2
    assert area(polygon, triangles) == pytest.approx(expected * np.sqrt(1.25))


def test_obj_reads_negative_indices_missing_texture_corners_and_continued_lines():
    mesh = parse_obj("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0.5 0.25\nusemtl oak\nf -4/1 -3/1 \\\n-2/1\nl 1 2\nusemtl pine\nf 1//1 3 4\n")
    assert mesh.corner.tolist() == [[0, 1, 2], [0, 2, 3]] and mesh.corner_uv.tolist() == [[0, 0, 0], [-1, -1, -1]]
    assert [mesh.material[g] for g in mesh.group] == ["oak", "pine"]


def test_mtl_reads_colour_opacity_and_texture_and_skips_nonsense():
    found = parse_mtl("newmtl a b\nKd 2 0.5 -1\nd 0.25\nmap_Kd my wood.jpg\nNs ?\nnewmtl plain\nKd x y z\n")
    assert found == {"a b": Material((1.0, 0.5, 0.0), 0.25, "my wood.jpg"), "plain": Material()}
    assert named_material("black.001").rgb[0] < 0.1 and named_material("never heard of it") == Material()


def cube() -> np.ndarray:
    """Twelve triangles of the unit cube."""
    faces = []
    for axis in range(3):
        for side in (0.0, 1.0):
            u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            base = np.eye(3)[axis] * side
            faces += [[base, base + u, base + u + v], [base, base + u + v, base + v]]
    return np.array(faces)


def test_a_cube_keeps_hard_edges_and_splitting_keeps_its_area():
    normal, size = face_normals(cube())
    assert np.allclose(crease_normals(cube()), normal[:, None], atol=1e-6)
    finer = split_faces(cube())
    assert len(finer) == 48 and face_normals(finer)[1].sum() == pytest.approx(size.sum()) == pytest.approx(6)
    assert level_area(cube(), 1.0) == pytest.approx(1.0) and level_area(cube(), 0.5) == 0


@pytest.mark.parametrize("flip", [False, True])
def test_a_gentle_edge_is_smoothed_even_if_one_side_is_wound_the_other_way(flip):
    slope = np.tan(np.radians(20))
    left = [[-1, 0, -slope], [0, 0, 0], [0, 1, 0]]
    right = [[0, 0, 0], [1, 0, -slope], [0, 1, 0]]
    normal = crease_normals(np.array([left, right[::-1] if flip else right], float))
    assert np.allclose(np.abs(normal[0, 1]), [0, 0, 1], atol=1e-6), "the mean of two faces at +-20 degrees points up"
    assert np.abs(normal[0, 0] @ [0, 0, 1]) == pytest.approx(np.cos(np.radians(20)))
