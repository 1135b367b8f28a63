"""Every registered clusterer keeps the same promises: exact counts, sums that add up, and no dependence on order or chance."""

import dataclasses
import importlib.util
import sys

import pytest
import torch

from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.geometry import rigid, rotation_about_z, transform, unproject
from proxy3d.proxies.clusterers import CLUSTERERS
from proxy3d.proxies.owners import with_owners
from proxy3d.values import Points

FRAMES = 4
EXTRAS = {"density": "sklearn"}


def runnable(names):
    """These clusterers; one whose package is not installed is skipped, and the reason says so."""
    absent = {name: package for name, package in EXTRAS.items() if importlib.util.find_spec(package) is None}
    skips = {name: pytest.mark.skip(reason=f"{package} is not installed") for name, package in absent.items()}
    return [pytest.param(name, marks=skips.get(name, ())) for name in names]


NAMES = runnable(CLUSTERERS)


@pytest.fixture(scope="module")
def room():
    """The synthetic room as points, one per 4 x 4 pixels, with its true colours as features."""
    clip, instance, _ = synthetic_clip(seed=3, frames=FRAMES)
    xyz = transform(clip.world_from_camera, unproject(clip.depth_m, clip.intrinsics_px).flatten(1, 2)).view(*clip.depth_m.shape, 3)
    pick = (slice(None), slice(2, None, 4), slice(2, None, 4))
    rgb = clip.frame.permute(0, 2, 3, 1)[pick].reshape(-1, 3)
    here = xyz[pick].reshape(-1, 3)
    frame = torch.arange(FRAMES).repeat_interleave(len(here) // FRAMES)
    weight = 1 / (1 + here.norm(dim=1))
    patch = torch.cartesian_prod(*(torch.arange(len(torch.arange(n)[pick[1]])) for n in clip.depth_m.shape[1:])).repeat(FRAMES, 1)
    return Points(here, torch.cat([rgb, 1 - rgb], 1), rgb, frame, weight, instance[pick].flatten(), patch)


def picked(points, order):
    return points.take(order)


def shuffled(points, seed=0):
    return picked(points, torch.randperm(len(points), generator=torch.Generator().manual_seed(seed)))


def duplicated():
    """Forty points in only three places: ties everywhere."""
    xyz = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 2, 0]]).repeat(14, 1)[:40]
    return Points(xyz, torch.ones(40, 4), torch.ones(40, 3), torch.arange(40) % FRAMES, torch.ones(40))


def assert_same(one, other, tolerance=0.0):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert (a is None) == (b is None), field.name
        if a is not None:
            torch.testing.assert_close(a, b, atol=tolerance, rtol=0, msg=field.name)


def misfit(points, proxies):
    """Mean distance (m) from a point to the nearest proxy."""
    return float(torch.cdist(points.xyz_world_m, proxies.xyz_world_m).amin(1).mean())


def assert_promises(points, proxies, count):
    assert len(proxies) == count
    assert int(proxies.size.sum()) == len(points) and int(proxies.size.min()) >= 1
    torch.testing.assert_close(proxies.weight.sum(), torch.tensor(1.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(proxies.seen.sum(1), torch.ones(count), atol=1e-5, rtol=0)
    assert proxies.seen.shape == (count, FRAMES)
    assert (proxies.xyz_world_m >= points.xyz_world_m.amin(0)).all() and (proxies.xyz_world_m <= points.xyz_world_m.amax(0)).all()
    assert float(proxies.extent_m.min()) >= 0.01 - 1e-6
    assert proxies.feature.shape[1] == points.feature.shape[1] and proxies.size.dtype == torch.int64


@pytest.mark.parametrize("budget", [1, 2, 7, 32, 128])
@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_proxies_is_exact_and_nothing_is_lost(name, budget, room):
    proxies = CLUSTERERS[name]()(room, budget, FRAMES)
    assert_promises(room, proxies, budget)
    whole = (proxies.weight[:, None] * proxies.xyz_world_m).sum(0)
    torch.testing.assert_close(whole, (room.weight[:, None] * room.xyz_world_m).sum(0) / room.weight.sum(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_fewer_points_than_the_budget_give_one_proxy_each(name, room):
    few = picked(room, torch.arange(0, 50, 10))
    proxies = CLUSTERERS[name]()(few, 32, FRAMES)
    assert_promises(few, proxies, 5)
    distance = torch.cdist(proxies.xyz_world_m, few.xyz_world_m)
    assert distance.amin(1).max() < 1e-6 and sorted(distance.argmin(1).tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", NAMES)
def test_points_in_the_same_place_still_give_an_exact_number(name):
    points = duplicated()
    assert_promises(points, CLUSTERERS[name]()(points, 8, FRAMES), 8)
    assert_promises(points, CLUSTERERS[name]()(points, 40, FRAMES), 40)


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_zero_count_as_equal_weights(name, room):
    blank = dataclasses.replace(room, weight=torch.zeros(len(room)))
    even = dataclasses.replace(room, weight=torch.ones(len(room)))
    proxies = CLUSTERERS[name]()(blank, 16, FRAMES)
    assert_promises(blank, proxies, 16)
    known = CLUSTERERS[name]()(even, 16, FRAMES)
    assert (proxies.sigma_m > known.sigma_m).all(), "nothing vouches for these positions"
    assert_same(dataclasses.replace(proxies, sigma_m=None), dataclasses.replace(known, sigma_m=None), 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_point_without_weight_belongs_somewhere_and_pulls_nothing(name, room):
    weight = room.weight.clone()
    weight[::3] = 0
    proxies = CLUSTERERS[name]()(dataclasses.replace(room, weight=weight), 16, FRAMES)
    assert_promises(room, proxies, 16)
    whole = (proxies.weight[:, None] * proxies.feature).sum(0)
    torch.testing.assert_close(whole, (weight[:, None] * room.feature).sum(0) / weight.sum(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_who_stands_for_a_point_can_be_told_and_asking_changes_nothing(name, room):
    for points in (shuffled(room), shuffled(duplicated())):
        proxies, owner = with_owners(CLUSTERERS[name](), points, 16, FRAMES)
        assert_same(proxies, CLUSTERERS[name]()(points, 16, FRAMES))
        assert torch.equal(torch.bincount(owner, minlength=16), proxies.size)
        weight, xyz = torch.zeros(16).index_add(0, owner, points.weight), torch.zeros(16, 3)
        middle = xyz.index_add(0, owner, points.weight[:, None] * points.xyz_world_m) / weight[:, None]
        torch.testing.assert_close(middle, proxies.xyz_world_m, atol=1e-4, rtol=0)
        shown = torch.zeros(16, FRAMES).index_put((owner, points.frame), torch.ones(len(points)), accumulate=True)
        torch.testing.assert_close(shown / shown.sum(1, keepdim=True), proxies.seen)


@pytest.mark.parametrize("name", NAMES)
def test_twice_is_the_same_bit_for_bit(name, room):
    assert_same(CLUSTERERS[name]()(room, 16, FRAMES), CLUSTERERS[name]()(room, 16, FRAMES))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_points_does_not_matter(name, room):
    cluster = CLUSTERERS[name]()
    assert_same(cluster(room, 16, FRAMES), cluster(shuffled(room), 16, FRAMES), 1e-6)
    assert_same(cluster(duplicated(), 6, FRAMES), cluster(shuffled(duplicated()), 6, FRAMES), 1e-6)


@pytest.mark.parametrize("name", runnable(name for name, kind in CLUSTERERS.items() if kind.follows_rigid_motion))
def test_proxies_move_with_the_scene(name, room):
    target_from_source = rigid(rotation_about_z(0.7), torch.tensor([3.0, -1.0, 0.4]))
    moved = dataclasses.replace(room, xyz_world_m=transform(target_from_source, room.xyz_world_m))
    still, after = CLUSTERERS[name]()(room, 16, FRAMES), CLUSTERERS[name]()(moved, 16, FRAMES)
    distance = torch.cdist(transform(target_from_source, still.xyz_world_m), after.xyz_world_m)
    assert distance.amin(1).max() < 2e-3 and distance.amin(0).max() < 2e-3


@pytest.mark.parametrize("name", runnable(name for name, kind in CLUSTERERS.items() if kind.covers_space))
def test_closer_to_the_points_than_random_ones(name, room):
    """Mean over several draws: one lucky draw must not decide."""
    drawn = [misfit(room, CLUSTERERS["random_k"](seed=seed)(room, 32, FRAMES)) for seed in range(5)]
    assert misfit(room, CLUSTERERS[name]()(room, 32, FRAMES)) < sum(drawn) / 5


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_summarise_is_bad_input(name, room):
    with pytest.raises(BadInput, match="no point has a position"):
        CLUSTERERS[name]()(picked(room, torch.arange(0)), 8, FRAMES)
    with pytest.raises(BadInput, match="expected at least 1"):
        CLUSTERERS[name]()(room, 0, FRAMES)


@pytest.mark.parametrize("name, package", EXTRAS.items())
def test_without_its_package_a_clusterer_names_the_command(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BadInput, match=f"the clusterer {name} needs the package {package}, which is not installed: pip install"):
        CLUSTERERS[name]()
