"""Soft k-means, golden pooling, empty proxies and the synthetic room: laws that hold for one thing each."""

import math

import pytest
import torch

from proxy3d.clips.synthetic_room import ROOM_SIZE_M, synthetic_clip
from proxy3d.geometry import inside_box, transform, unproject
from proxy3d.proxies.clusterers import SoftKMeans
from proxy3d.proxies.pool import fill_empty, pool_hard
from proxy3d.proxies.seeds import farthest_seeds
from proxy3d.values import Points


def labelled_room(seed=0):
    clip, instance, boxes = synthetic_clip(seed)
    xyz = transform(clip.world_from_camera, unproject(clip.depth_m, clip.intrinsics_px).flatten(1, 2))
    return clip, instance.flatten(1), boxes, xyz


def purity(owner_of_points, label):
    """Share of points whose proxy mostly holds their own object."""
    table = torch.zeros(int(owner_of_points.max()) + 1, int(label.max()) + 1)
    table.index_put_((owner_of_points, label), torch.ones(len(label)), accumulate=True)
    return float(table.amax(1).sum() / len(label))


def test_meaning_makes_proxies_purer_than_position_alone():
    clip, instance, _, xyz = labelled_room()
    pick = slice(0, None, 7)
    feature = clip.frame.permute(0, 2, 3, 1).reshape(-1, 3)[pick] - 0.5
    points, label = xyz.flatten(0, 1)[pick], instance.flatten()[pick]
    weight = torch.ones(len(points))
    with_meaning, _ = SoftKMeans(beta=1.0).assign(feature, points, weight, 24)
    without, _ = SoftKMeans(beta=1.0).assign(torch.ones(len(points), 1), points, weight, 24)
    assert purity(with_meaning.argmax(1), label) > purity(without.argmax(1), label) + 0.02


def test_training_learns_the_balance():
    """One gradient step on purity moves every parameter: nothing is cut off from the loss."""
    model = SoftKMeans(feature_dim=6, width=4)
    generator = torch.Generator().manual_seed(0)
    share, _ = model.assign(torch.randn(60, 6, generator=generator), torch.randn(60, 3, generator=generator), torch.ones(60), 6)
    (-(share * (share + 1e-9).log()).sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and float(parameter.grad.abs().sum()) > 0, name


def test_two_models_start_alike():
    torch.manual_seed(1)
    one = SoftKMeans(feature_dim=16, width=4)
    torch.manual_seed(2)
    assert torch.equal(one.meaning_map, SoftKMeans(feature_dim=16, width=4).meaning_map)


def test_pooling_by_hand():
    points = Points(
        xyz_world_m=torch.tensor([[0.0, 0, 0], [4, 0, 0], [9, 9, 9]]),
        feature=torch.tensor([[1.0, 0], [5, 0], [0, 2]]),
        rgb=torch.zeros(3, 3),
        frame=torch.tensor([0, 2, 1]),
        weight=torch.tensor([0.3, 0.1, 0.4]),
    )
    proxies = pool_hard(points, torch.tensor([0, 0, 1]), 2, 3)
    torch.testing.assert_close(proxies.xyz_world_m, torch.tensor([[1.0, 0, 0], [9, 9, 9]]))
    torch.testing.assert_close(proxies.extent_m, torch.tensor([[3.0, 0.01, 0.01], [0.01, 0.01, 0.01]]))  # sqrt(3) * sqrt(3)
    torch.testing.assert_close(proxies.feature, torch.tensor([[2.0, 0], [0, 2]]))
    torch.testing.assert_close(proxies.weight, torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(proxies.seen, torch.tensor([[0.5, 0, 0.5], [0, 1, 0]]))
    assert proxies.size.tolist() == [2, 1]


def test_extent_is_half_the_side_of_a_filled_box():
    side = torch.linspace(-1, 1, 41)
    xyz = torch.cartesian_prod(side * 2, side * 0.5, side)
    n = len(xyz)
    points = Points(xyz, torch.ones(n, 1), torch.zeros(n, 3), torch.zeros(n, dtype=torch.long), torch.ones(n))
    extent = pool_hard(points, torch.zeros(n, dtype=torch.long), 1, 1).extent_m[0]
    torch.testing.assert_close(extent, torch.tensor([2.0, 0.5, 1.0]), rtol=0.06, atol=0)


def test_a_proxy_of_weightless_points_takes_their_plain_mean():
    xyz, frame = torch.tensor([[0.0, 0, 0], [2, 0, 0], [5, 0, 0]]), torch.zeros(3, dtype=torch.long)
    points = Points(xyz, torch.eye(3), torch.zeros(3, 3), frame, torch.tensor([0.0, 0, 1]))
    proxies = pool_hard(points, torch.tensor([0, 0, 1]), 2, 1)
    assert proxies.xyz_world_m[0].tolist() == [1.0, 0.0, 0.0] and proxies.weight.tolist() == [0.0, 1.0]


def test_an_empty_proxy_takes_the_worst_fitting_point_that_can_be_spared():
    owner = fill_empty(torch.tensor([0, 0, 0, 2]), torch.tensor([0.1, 0.7, 0.3, 9.0]), 4)
    assert owner.tolist() == [0, 1, 3, 2]  # the lone point of proxy 2 stays, however badly it fits


def test_seeds_are_different_points_even_where_all_points_are_one():
    seeds = farthest_seeds(torch.zeros(10, 3), torch.ones(10), 10)
    assert sorted(seeds.tolist()) == list(range(10))


def test_light_points_are_chosen_late():
    u = torch.tensor([[0.0, 0], [1, 0], [0, 1], [50, 50]])
    assert 3 not in farthest_seeds(u, torch.tensor([1.0, 1, 1, 0]), 3).tolist()
    assert 3 in farthest_seeds(u, torch.ones(4), 2).tolist()


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_depth_of_the_synthetic_room_lies_on_its_boxes(seed):
    clip, instance, boxes, xyz = labelled_room(seed)
    for number, box in enumerate(boxes, start=1):
        seen = xyz[instance == number]
        assert len(seen) >= 40, f"{box.label} is hardly seen"
        assert inside_box(seen, box, 1e-3).all() and not inside_box(seen, box, -1e-3).any()
    room = xyz[instance == 0]
    edge = torch.minimum(room, torch.tensor(ROOM_SIZE_M) - room).amin(-1)
    assert edge.abs().max() < 1e-3
    assert 0 < float(clip.depth_m.min()) and float(clip.frame.min()) >= 0 and float(clip.frame.max()) <= 1


def test_boxes_of_the_synthetic_room_stand_and_do_not_overlap():
    for seed in range(8):
        *floor, top = synthetic_clip(seed, frames=1, size_px=(8, 6))[2]
        assert len({box.label for box in [*floor, top]}) == 6
        for box in floor:
            assert math.isclose(box.centre_m[2], box.size_m[2] / 2)
        assert math.isclose(top.centre_m[2] - top.size_m[2] / 2, floor[0].size_m[2])
        for i, one in enumerate(floor):
            for other in floor[:i]:
                reach = math.hypot(*one.size_m[:2]) / 2 + math.hypot(*other.size_m[:2]) / 2
                assert math.dist(one.centre_m[:2], other.centre_m[:2]) > reach


def test_the_synthetic_room_is_the_same_twice_and_another_for_another_seed():
    one, two, other = synthetic_clip(5), synthetic_clip(5), synthetic_clip(6)
    assert torch.equal(one[0].frame, two[0].frame) and torch.equal(one[0].depth_m, two[0].depth_m) and one[2] == two[2]
    assert one[2] != other[2]
    assert synthetic_clip(5, frames=8, size_px=(40, 30))[2] == one[2]
