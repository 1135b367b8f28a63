"""Groups and their shares of the proxies: golden budgets, exact sums, and small objects that keep their proxies."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from proxy3d.errors import BadInput
from proxy3d.evaluation.metrics.objects import owned_objects
from proxy3d.proxies.budget import shared
from proxy3d.proxies.clusterers import GroupedKMeans, KMeansPosition
from proxy3d.proxies.group import at_most, grouped
from proxy3d.proxies.order import breadth_first
from proxy3d.proxies.pool import composition
from proxy3d.values import Box, Points


@pytest.mark.parametrize(
    "sizes, total, floor, wanted",
    [
        ([900, 80, 15, 5], 32, 2, [24, 4, 2, 2]),
        ([900, 80, 15, 5], 32, 1, [26, 3, 2, 1]),
        ([900, 80, 15, 1], 32, 2, [25, 4, 2, 1]),
        ([10, 10, 10], 3, 2, [1, 1, 1]),  # no room for the floor
        ([10, 10, 10], 7, 2, [3, 2, 2]),
        ([3, 2], 32, 2, [3, 2]),  # fewer points than proxies
        ([1, 1, 1000], 10, 5, [1, 1, 8]),  # what small groups cannot use is shared again
    ],
)
def test_golden_budgets(sizes, total, floor, wanted):
    assert shared(sizes, total, floor=floor) == wanted


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=40), st.integers(0, 300), st.integers(0, 10))
def test_a_budget_adds_up_exactly_and_forgets_nobody(sizes, spare, floor):
    total = len(sizes) + spare
    given_ = shared(sizes, total, floor=floor)
    assert sum(given_) == min(total, sum(sizes)) and all(1 <= g <= size or floor == 0 and g <= size for g, size in zip(given_, sizes, strict=True))
    for one, other in zip(sorted(zip(sizes, given_, strict=True)), sorted(zip(sizes, given_, strict=True))[1:], strict=False):
        assert one[1] <= other[1] + 1, "a larger group gets no fewer, but for one that a tie costs"


def test_budgets_that_cannot_be_are_refused():
    with pytest.raises(BadInput, match="2 proxies for 3 groups"):
        shared([5, 5, 5], 2)
    for sizes in ([], [3, 0]):
        with pytest.raises(BadInput, match="at least one point in each"):
            shared(sizes, 8)


def scene(label=True):
    """A large wall, two tables and a cup of 6 points on one of them; each looks like itself."""
    generator = torch.Generator().manual_seed(0)
    boxes = [((0, 3, 1), (6, 0.1, 2), 1200), ((-2, 0, 0.5), (1, 1, 0.6), 200), ((2, 0, 0.5), (1, 1, 0.6), 200), ((2, 0, 0.95), (0.1, 0.1, 0.1), 6)]
    xyz = torch.cat([torch.tensor(c) + (torch.rand(n, 3, generator=generator) - 0.5) * torch.tensor(s) for c, s, n in boxes])
    number = torch.arange(4).repeat_interleave(torch.tensor([n for *_, n in boxes]))
    feature = torch.eye(8)[torch.tensor([0, 1, 1, 2])[number]] + 0.02 * torch.randn(len(number), 8, generator=generator)
    rgb, frame, weight = torch.rand(len(xyz), 3, generator=generator), torch.zeros_like(number), torch.ones(len(xyz))
    points = Points(xyz, feature, rgb, frame, weight, number if label else None)
    return points, number, {i: Box(tuple(map(float, c)), tuple(map(float, s))) for i, (c, s, _) in enumerate(boxes)}


@pytest.mark.parametrize("label", [True, False])
def test_a_cup_keeps_its_proxies_where_position_alone_loses_it(label):
    points, number, boxes = scene(label)

    def recall(clusterer):
        proxies = clusterer(points, 16, 1)
        owner = torch.cdist(points.xyz_world_m, proxies.xyz_world_m).argmin(1)
        owned = owned_objects(proxies.xyz_world_m, composition(owner, number, 16, 4), boxes)
        return sum(owned.values()) / len(owned)

    assert recall(GroupedKMeans()) == 1.0 > recall(KMeansPosition())


def test_similarity_finds_the_objects_and_tells_two_tables_apart():
    points, number, _ = scene(label=False)
    group = grouped(points)
    assert len(group.unique()) == 4
    for i in range(4):
        assert len(group[number == i].unique()) == 1
    assert len(grouped(points, "all").unique()) == 1 and len(grouped(dataclasses.replace(points, label=number), "similarity").unique()) == 4


def test_labels_decide_where_there_are_any_and_none_is_a_group_too():
    points, number, _ = scene()
    assert torch.equal(grouped(dataclasses.replace(points, label=torch.where(number == 0, -1, number + 100))), number)
    assert len(grouped(dataclasses.replace(points, label=None), "mask").unique()) == 1


def test_points_without_a_neighbour_that_looks_alike_are_one_group_or_join_one():
    points, _, _ = scene(label=False)
    noise = torch.randn(len(points), 64, generator=torch.Generator().manual_seed(1))
    assert len(grouped(dataclasses.replace(points, feature=noise)).unique()) == 1
    assert grouped(points.take(torch.tensor([3]))).tolist() == [0]
    stray = torch.cat([points.feature[:-1], -points.feature[-1:]])
    assert len(grouped(dataclasses.replace(points, feature=stray)).unique()) == 4


def test_groups_beyond_the_budget_join_their_neighbours():
    xyz = torch.tensor([[0.0, 0, 0], [0.1, 0, 0], [5, 0, 0], [5.1, 0, 0], [9, 0, 0]])
    assert at_most(torch.arange(5), xyz, 5).tolist() == [0, 1, 2, 3, 4]
    merged = at_most(torch.arange(5), xyz, 2).tolist()
    assert merged[0] == merged[1] and merged[2] == merged[3] == merged[4] != merged[0]
    points, *_ = scene()
    crowded = dataclasses.replace(points, label=torch.arange(len(points)) % 50)
    assert len(GroupedKMeans()(crowded, 8, 1)) == 8


def test_the_walk_is_breadth_first_from_the_origin():
    line = torch.tensor([[3.0, 0, 0], [0, 0, 0], [1, 0, 0], [-2.5, 0, 0], [20, 0, 0], [21, 0, 0]])
    assert breadth_first(line, neighbours=1).tolist() == [1, 2, 3, 0, 4, 5]  # level by level; what cannot be reached starts again
    assert breadth_first(torch.zeros(0, 3)).tolist() == [] and breadth_first(torch.ones(1, 3)).tolist() == [0]
    cloud = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    order = breadth_first(cloud)
    assert sorted(order.tolist()) == list(range(40)) and int(order[0]) == int(cloud.norm(dim=1).argmin())
    mixed = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    assert torch.equal(cloud[mixed][breadth_first(cloud[mixed])], cloud[order])
    step = (cloud[order][1:] - cloud[order][:-1]).norm(dim=1).mean()
    assert step < 0.9 * (cloud[1:] - cloud[:-1]).norm(dim=1).mean()
