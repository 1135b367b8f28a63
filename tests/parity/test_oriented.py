"""Exact overlap and distance of turned boxes equal slow twins on other roads: shapely, half-spaces, counting points, walking between bodies."""

import numpy as np
import pytest

from proxy3d.evaluation.metrics.closest import box_distance
from proxy3d.evaluation.metrics.oriented import CORNERS, nine_dof_iou, oriented_iou, turned_zxy, yawed_iou


def boxes(count, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(-spread, spread, (count, 3)), rng.uniform(0.1, 2, (count, 3)), rng.uniform(-4, 4, (count, 3))], 1)


def shapely_iou(a, b):
    from shapely.geometry import Polygon

    def outline(box):
        c, s = np.cos(box[6]), np.sin(box[6])
        return Polygon(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * box[3:5] / 2 @ np.array([[c, s], [-s, c]]) + box[:2])

    height = min(a[2] + a[5] / 2, b[2] + b[5] / 2) - max(a[2] - a[5] / 2, b[2] - b[5] / 2)
    inner = outline(a).intersection(outline(b)).area * max(height, 0)
    return inner / (a[3:6].prod() + b[3:6].prod() - inner)


def half_space_volume(a, b):
    """Volume of the polytope that twelve half-spaces leave, by Qhull; None where it has no inside."""
    from scipy.optimize import linprog
    from scipy.spatial import ConvexHull, HalfspaceIntersection

    planes = []
    for box in (a, b):
        for axis, half in zip(turned_zxy(box[None, 6:])[0].T, box[3:6] / 2, strict=True):
            planes += [[*axis, -axis @ box[:3] - half], [*-axis, axis @ box[:3] - half]]
    planes = np.array(planes)
    middle = linprog([0, 0, 0, -1], A_ub=np.c_[planes[:, :3], np.ones(12)], b_ub=-planes[:, 3], bounds=[(None, None)] * 3 + [(0, None)])
    if not middle.success or middle.x[3] < 1e-6:
        return None
    return ConvexHull(HalfspaceIntersection(planes, middle.x[:3]).intersections).volume


def test_upright_boxes_overlap_as_shapely_says():
    a, b = boxes(400, 0), boxes(400, 1)
    slow = np.array([shapely_iou(x, y) for x, y in zip(a[:, :7], b[:, :7], strict=True)])
    assert np.abs(yawed_iou(a[:, :7], b[:, :7]) - slow).max() < 1e-12 and 0.3 < (slow > 0).mean() < 0.9


@pytest.mark.parametrize("turn", [0.0, 1e-17, 1e-9, np.pi / 2, np.pi, -np.pi])
def test_boxes_that_share_faces_overlap_as_shapely_says(turn):
    """Where sides lie on each other, and a clipped corner is inside or outside by the last bit."""
    a = np.array([0, 0, 0, 1, 1, 1, 0.3])
    c, s = np.cos(0.3), np.sin(0.3)
    for x, y, wide in [(0, 0, 1), (1, 0, 1), (0.5, 0, 1), (0, 0.25, 0.5), (1, 1, 1), (0, 1, 2)]:
        b = np.array([c * x - s * y, s * x + c * y, 0, wide, 1, 1, 0.3 + turn])
        assert yawed_iou(a, b)[0] == pytest.approx(shapely_iou(a, b), abs=1e-8)


def test_boxes_turned_any_way_overlap_as_half_spaces_say():
    a, b = boxes(30, 2, 0.6), boxes(30, 3, 0.6)
    fast = nine_dof_iou(a, b)
    volumes = [half_space_volume(x, y) for x, y in zip(a, b, strict=True)]
    slow = [0 if v is None else v / (x[3:6].prod() + y[3:6].prod() - v) for v, x, y in zip(volumes, a, b, strict=True)]
    assert np.abs(fast - slow).max() < 1e-7 and sum(v is not None for v in volumes) > 15


def test_boxes_turned_any_way_overlap_as_counted_points_say():
    a, b = boxes(20, 4, 0.5), boxes(20, 5, 0.5)
    spread = np.random.default_rng(0).uniform(-0.5, 0.5, (40_000, 3))
    for x, y, fast in zip(a, b, nine_dof_iou(a, b), strict=True):
        world = (spread * x[3:6]) @ turned_zxy(x[None, 6:])[0].T + x[:3]
        inner = (np.abs((world - y[:3]) @ turned_zxy(y[None, 6:])[0]) <= y[3:6] / 2).all(1).mean() * x[3:6].prod()
        assert fast == pytest.approx(inner / (x[3:6].prod() + y[3:6].prod() - inner), abs=0.01)


def test_the_closest_points_of_two_boxes_are_as_far_as_walking_between_them_ends():
    """Projecting to and fro between two convex bodies ends at their distance (Cheney and Goldstein 1959)."""
    a, b = boxes(60, 6, 2.0), boxes(60, 7, 2.0)
    turns = [turned_zxy(x[:, 6:]) for x in (a, b)]
    x = a[:, :3]
    for _ in range(3000):
        for box, turn in ((b, turns[1]), (a, turns[0])):
            before = x
            own = np.einsum("nji,nj->ni", turn, x - box[:, :3])
            x = np.einsum("nij,nj->ni", turn, np.clip(own, -box[:, 3:6] / 2, box[:, 3:6] / 2)) + box[:, :3]
    far = box_distance(a[:, :6], turns[0], b[:, :6], turns[1])
    assert np.abs(far - np.linalg.norm(x - before, axis=1)).max() < 1e-6 and (far > 0).sum() > 40


def test_a_corner_in_a_face_and_an_edge_across_an_edge():
    """Two distances worked out by hand: a corner sqrt(3)/2 below a box, and two crossed edges."""
    cube, level = np.array([[0, 0, 0, 1, 1, 1.0]]), np.eye(3)[None]
    diagonal = np.array([1, 1, 1]) / np.sqrt(3)
    axis, angle = np.cross(diagonal, [0, 0, 1]), np.arccos(diagonal[2])
    axis /= np.linalg.norm(axis)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    on_corner = (np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k)[None]
    assert np.allclose((CORNERS @ on_corner[0].T)[:, 2].min(), -np.sqrt(3) / 2)
    above = np.array([[0, 0, 0.5 + np.sqrt(3) / 2 + 0.7, 1, 1, 1]])
    assert box_distance(cube, level, above, on_corner)[0] == pytest.approx(0.7)
    about_y, about_x = turned_zxy(np.array([[0, 0, np.pi / 4]])), turned_zxy(np.array([[0, np.pi / 4, 0]]))
    over = np.array([[0, 0, np.sqrt(2) + 0.25, 1, 1, 1]])
    assert box_distance(cube, about_y, over, about_x)[0] == pytest.approx(0.25)
    assert oriented_iou(cube, about_y, over, about_x)[0] == 0
