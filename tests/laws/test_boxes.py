"""What holds of overlaps and distances of boxes, whatever the boxes are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy3d.evaluation.metrics.boxes import aligned_iou, assigned, assigned_f1, average_precision, greedy_hits, most_hits, span_iou
from proxy3d.evaluation.metrics.closest import box_distance
from proxy3d.evaluation.metrics.oriented import angles_fixed_zxy, nine_dof_iou, oriented_iou, turned_fixed_zxy, turned_zxy, yawed_iou

place, side, angle = st.floats(-5, 5), st.floats(0.01, 5), st.floats(-7, 7)
yawed = st.tuples(place, place, place, side, side, side, angle).map(np.array)
turned = st.tuples(place, place, place, side, side, side, angle, angle, angle).map(np.array)
near = st.tuples(*[st.floats(-0.5, 0.5)] * 3, *[st.floats(0.3, 2)] * 3, angle, angle, angle).map(np.array)


def moved(box, yaw, shift):
    c, s = np.cos(yaw), np.sin(yaw)
    return np.concatenate([np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ box[:3] + shift, box[3:6], [box[6] + yaw]])


@given(yawed, yawed)
def test_upright_overlap_is_within_0_and_1_and_the_same_both_ways(a, b):
    forth, back = yawed_iou(a, b)[0], yawed_iou(b, a)[0]
    assert -1e-12 <= forth <= 1 + 1e-9 and abs(forth - back) < 1e-9


@given(yawed)
def test_a_box_overlaps_itself_wholly_however_its_turn_is_written(a):
    half_turn, quarter = a + [0, 0, 0, 0, 0, 0, np.pi], a[[0, 1, 2, 4, 3, 5, 6]] + [0, 0, 0, 0, 0, 0, np.pi / 2]
    assert all(abs(yawed_iou(a, same)[0] - 1) < 1e-9 for same in (a, half_turn, quarter))


@given(yawed, yawed, angle, st.tuples(place, place, place).map(np.array))
def test_moving_both_boxes_together_changes_no_overlap(a, b, yaw, shift):
    assert abs(yawed_iou(moved(a, yaw, shift), moved(b, yaw, shift))[0] - yawed_iou(a, b)[0]) < 1e-9


@settings(deadline=None, max_examples=40)
@given(near, near, st.tuples(angle, angle, angle).map(np.array), st.tuples(place, place, place).map(np.array))
def test_moving_and_turning_both_changes_neither_overlap_nor_distance(a, b, angles, shift):
    turn = turned_zxy(angles[None])[0]
    before = [(x[None, :6], turned_zxy(x[None, 6:])) for x in (a, b)]
    after = [(np.concatenate([turn @ x[0, :3] + shift, x[0, 3:]])[None], turn @ axes) for x, axes in before]
    assert abs(oriented_iou(*before[0], *before[1])[0] - oriented_iou(*after[0], *after[1])[0]) < 1e-9
    assert abs(box_distance(*before[0], *before[1])[0] - box_distance(*after[0], *after[1])[0]) < 1e-6


@settings(deadline=None, max_examples=40)
@given(turned, turned)
def test_overlap_of_any_two_boxes_is_within_0_and_1_and_the_same_both_ways(a, b):
    forth, back = nine_dof_iou(a, b)[0], nine_dof_iou(b, a)[0]
    assert 0 <= forth <= 1 + 1e-9 and abs(forth - back) < 1e-8
    assert abs(nine_dof_iou(a, a)[0] - 1) < 1e-9


@given(yawed, yawed)
def test_a_box_that_stands_overlaps_the_same_on_both_roads(a, b):
    tall = [np.concatenate([x, [0, 0]]) for x in (a, b)]
    assert abs(nine_dof_iou(*tall)[0] - yawed_iou(a, b)[0]) < 1e-9


@given(yawed, yawed)
def test_without_a_turn_every_road_is_the_axis_aligned_one(a, b):
    a[6] = b[6] = 0
    spans = [np.concatenate([x[:3] - x[3:6] / 2, x[:3] + x[3:6] / 2]) for x in (a, b)]
    plain = aligned_iou(a[:6], b[:6])[0, 0]
    assert abs(yawed_iou(a, b)[0] - plain) < 1e-9 and abs(span_iou(*spans)[0, 0] - plain) < 1e-9


@settings(deadline=None, max_examples=40)
@given(turned, turned)
def test_distance_is_0_exactly_where_boxes_meet(a, b):
    pairs = [(x[None, :6], turned_zxy(x[None, 6:])) for x in (a, b)]
    far, back = box_distance(*pairs[0], *pairs[1])[0], box_distance(*pairs[1], *pairs[0])[0]
    assert abs(far - back) < 1e-7 and far <= np.linalg.norm(a[:3] - b[:3]) + 1e-9
    assert far == 0 if nine_dof_iou(a, b)[0] > 1e-6 else True
    assert far >= np.linalg.norm(a[:3] - b[:3]) - (np.linalg.norm(a[3:6]) + np.linalg.norm(b[3:6])) / 2 - 1e-9


@given(st.tuples(angle, st.floats(-1.5, 1.5), angle).map(np.array))
def test_angles_about_fixed_axes_come_back_as_the_same_turn(angles):
    turn = turned_fixed_zxy(angles[None])
    assert np.allclose(turned_fixed_zxy(angles_fixed_zxy(turn)), turn, atol=1e-9)


@given(st.integers(0, 2), angle)
def test_the_two_ways_of_reading_three_angles_agree_on_one(axis, value):
    one = np.zeros((1, 3))
    one[0, axis] = value
    assert np.allclose(turned_zxy(one), turned_fixed_zxy(one))


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 10_000), st.sampled_from([0.25, 0.5]))
def test_scores_of_many_boxes_stay_within_their_bounds(predicted, true, seed, threshold):
    iou = np.random.default_rng(seed).uniform(0, 1, (predicted, true))
    rows, columns = assigned(iou)
    assert len(set(rows)) == len(set(columns)) == min(predicted, true)
    assert 0 <= assigned_f1(iou, threshold) <= 1
    sure = greedy_hits(iou, threshold)
    precision, recall = average_precision(sure, true)
    assert 0 <= precision <= recall <= 1
    if predicted and true:
        assert most_hits(iou, threshold) >= max(int((iou[rows, columns] >= threshold).sum()), int(sure.sum()))


def test_no_boxes_are_no_overlaps():
    none = np.zeros((0, 9))
    assert yawed_iou(none[:, :7], none[:, :7]).shape == nine_dof_iou(none, none).shape == (0,)
    flat = np.array([0, 0, 0, 1, 1, 0, 0.0])
    assert yawed_iou(flat, flat)[0] == 0
