"""Odd input has a defined result, and each clusterer does the one thing that it alone promises."""

import dataclasses
import importlib.util

import pytest
import torch

from proxy3d.cli_flags import CLUSTERER_NAMES
from proxy3d.errors import BadInput
from proxy3d.presets import AUTO_CEILING, preset
from proxy3d.proxies.adaptive import WORTH, proxies_needed
from proxy3d.proxies.clusterers import CLUSTERERS, Agglomerative, KMeansFeature, SetEncoder, SoftKMeans, TokenMerging, Uniform
from proxy3d.proxies.clusterers.density import merged_by_ward
from proxy3d.proxies.encoder import EncoderSettings, ProxyEncoder
from proxy3d.proxies.lloyd import lloyd
from proxy3d.proxies.pool import POINT_SIGMA_M, pool_hard
from proxy3d.proxies.seeds import canonical_order
from proxy3d.proxies.space import joint_space
from proxy3d.training.cluster import ClusterTeacher
from proxy3d.values import Points

FRAMES = 3
ABSENT = {"density"} if importlib.util.find_spec("sklearn") is None else set()  # the contracts skip it with the reason
NAMES = [name for name in CLUSTERERS if name not in ABSENT]


def cloud(count, seed=0, width=6, things=None, spread=0.05):
    """Points anywhere, or around some things that look alike in themselves."""
    generator = torch.Generator().manual_seed(seed)
    xyz, feature = torch.rand(count, 3, generator=generator) * 4, torch.randn(count, width, generator=generator)
    if things:
        which = torch.arange(count) % things
        xyz = xyz[:things][which] + spread * torch.randn(count, 3, generator=generator)
        feature = feature[:things][which] + spread * torch.randn(count, width, generator=generator)
    return Points(xyz, feature, torch.rand(count, 3, generator=generator), torch.arange(count) % FRAMES, torch.ones(count))


# --- degenerate input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_one_point_is_one_proxy(name):
    point = cloud(1)
    proxies = CLUSTERERS[name]()(point, 32, FRAMES)
    assert len(proxies) == 1 and proxies.size.tolist() == [1] and proxies.weight.tolist() == [1.0]
    torch.testing.assert_close(proxies.xyz_world_m, point.xyz_world_m)


@pytest.mark.parametrize("name", NAMES)
def test_points_that_are_all_equal_give_the_number_asked_for(name):
    point = cloud(1)
    proxies = CLUSTERERS[name]()(point.take(torch.zeros(50, dtype=torch.long)), 8, FRAMES)
    assert len(proxies) == 8 and int(proxies.size.sum()) == 50
    torch.testing.assert_close(proxies.xyz_world_m, point.xyz_world_m.expand(8, 3))
    assert torch.isfinite(proxies.sigma_m).all() and torch.isfinite(proxies.feature).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [{"feature": torch.zeros(40, 6)}, {"feature": torch.zeros(40, 0)}, {"xyz_world_m": torch.zeros(40, 3) + 1e5}])
def test_features_of_nothing_and_places_all_alike_are_still_clustered(name, change):
    proxies = CLUSTERERS[name]()(dataclasses.replace(cloud(40), **change), 7, FRAMES)
    assert len(proxies) == 7 and int(proxies.size.sum()) == 40


@pytest.mark.parametrize("field", ["xyz_world_m", "feature", "weight"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_stop_before_any_clusterer(field, value):
    points = cloud(5)
    broken = getattr(points, field).clone()
    broken.view(-1)[0] = value
    with pytest.raises(ValueError, match=f"Points.{field}: holds NaN or infinite values"):
        dataclasses.replace(points, **{field: broken})


def test_points_check_labels_and_patches():
    points = cloud(5)
    with pytest.raises(ValueError, match=r"Points.label: expected \(5,?\), got \(4,\)"):
        dataclasses.replace(points, label=torch.zeros(4, dtype=torch.long))
    with pytest.raises(ValueError, match=r"Points.patch: expected \(5, 2\)"):
        dataclasses.replace(points, patch=torch.zeros(5, 3, dtype=torch.long))
    taken = dataclasses.replace(points, label=torch.arange(5)).take(torch.tensor([3, 1]))
    assert taken.label.tolist() == [3, 1] and taken.patch is None


def test_the_command_line_names_every_clusterer():
    assert CLUSTERER_NAMES.split(", ") == list(CLUSTERERS)


# --- adaptive number ----------------------------------------------------------------------------------------------------


def needed(points, ceiling=64, **settings):
    return proxies_needed(joint_space(points.feature, points.xyz_world_m, points.weight), points.weight, ceiling, **settings)


def test_clutter_needs_more_proxies_than_an_empty_corridor():
    few, some, many = (needed(cloud(900, things=n)) for n in (3, 12, 40))
    assert 3 <= few <= 6 and 12 <= some <= 18 and 35 <= many <= 50, (few, some, many)


def test_the_number_stays_under_its_ceiling_and_above_zero():
    assert needed(cloud(900, things=40), ceiling=16) == 16
    assert needed(cloud(1)) == 1 and needed(cloud(1).take(torch.zeros(30, dtype=torch.long))) == 1 and needed(cloud(5), ceiling=1) == 1
    points = cloud(300)
    counts = [needed(points, 256, worth=worth) for worth in (WORTH, WORTH * 5, WORTH * 25)]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[2]


@pytest.mark.parametrize("typed, wanted", [(24, (24, False)), ("auto", (AUTO_CEILING, True)), ("auto:40", (40, True))])
def test_presets_take_a_number_or_auto(typed, wanted):
    chosen = preset("tiny", proxies=typed)
    assert (chosen.proxies, chosen.adaptive) == wanted


@pytest.mark.parametrize("typed", ["auto:", "auto:many", "automatic", "auto:-3"])
def test_presets_refuse_other_words(typed):
    with pytest.raises(BadInput, match="expected a whole number, auto, or auto:CEILING"):
        preset("tiny", proxies=typed)


# --- uncertainty of positions ---------------------------------------------------------------------------------------------


def test_doubtful_few_and_scattered_points_make_a_position_uncertain():
    def sigma(count=100, weight=1.0, spread=0.05):
        points = cloud(count, things=1, spread=spread)
        points = dataclasses.replace(points, weight=torch.full((count,), weight))
        return float(pool_hard(points, torch.zeros(count, dtype=torch.long), 1, FRAMES).sigma_m)

    assert sigma() < min(sigma(count=20), sigma(weight=0.2), sigma(spread=0.2))
    assert abs(sigma() - ((0.05**2 + POINT_SIGMA_M**2) / 100) ** 0.5) < 5e-4
    assert sigma(count=1) > 0.99 * POINT_SIGMA_M and sigma(weight=0.0) < 10


# --- one promise each -----------------------------------------------------------------------------------------------------


def test_uniform_pools_equal_cells_of_the_picture():
    """8 proxies of 2 frames of 4 x 4 patches: each is a block of 2 x 2."""
    patch = torch.cartesian_prod(torch.arange(4), torch.arange(4)).repeat(2, 1)
    frame = torch.arange(2).repeat_interleave(16)
    xyz = torch.cat([patch.float(), frame[:, None].float() * 10], 1)
    points = Points(xyz, torch.ones(32, 1), torch.ones(32, 3), frame, torch.ones(32), patch=patch)
    proxies = Uniform()(points, 8, 2)
    assert proxies.size.tolist() == [4] * 8
    assert sorted(proxies.xyz_world_m.tolist()) == sorted([r, c, f] for r in (0.5, 2.5) for c in (0.5, 2.5) for f in (0.0, 10.0))
    assert Uniform()(points, 1, 2).size.tolist() == [32] and Uniform()(points, 32, 2).size.tolist() == [1] * 32
    assert Uniform()(dataclasses.replace(points, patch=None), 8, 2).size.tolist() == [4] * 8


def test_like_features_merge_first():
    """Tokens that look alike come together, wherever they are. Who seeks and who is sought is fixed, so a few merge against their looks."""
    points = cloud(240, things=8, spread=0.01)
    points = dataclasses.replace(points, xyz_world_m=torch.rand(240, 3, generator=torch.Generator().manual_seed(9)))
    assert KMeansFeature()(points, 8, FRAMES).size.tolist() == [30] * 8
    for clusterer in (TokenMerging(), TokenMerging(block=64)):
        proxies = clusterer(points, 12, FRAMES)
        alike = torch.cosine_similarity(points.feature[:, None], proxies.feature[None], dim=-1).amax(1)
        assert float((alike > 0.99).float().mean()) > 0.85, clusterer


def test_a_merger_is_the_weighted_mean_of_the_most_alike():
    feature = torch.tensor([[1.0, 0], [0.9, 0.1], [0, 1], [-1, 0.2]])
    points = Points(torch.eye(4)[:, :3], feature, torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), torch.tensor([0.3, 0.1, 0.5, 0.1]))
    proxies = TokenMerging()(points, 3, 1)
    (k,) = (proxies.size == 2).nonzero()[:, 0].tolist()
    torch.testing.assert_close(proxies.feature[k], torch.tensor([0.975, 0.025]))


@pytest.mark.parametrize("linkage", ["ward", "average"])
def test_agglomerative_finds_things_also_from_a_sample(linkage):
    points = cloud(600, things=8)
    for sample in (10_000, 90):
        assert sorted(Agglomerative(sample=sample, linkage=linkage)(points, 8, FRAMES).size.tolist()) == [75] * 8


def test_a_set_encoder_takes_the_place_of_soft_kmeans_in_training():
    """Gradients reach features, places, weights and every parameter; two encoders start alike and draw nothing from the random state."""
    before = torch.get_rng_state()
    model = ClusterTeacher(ProxyEncoder(EncoderSettings(feature_dim=6, width=12, layers=1, heads=2, out_dim=6)), SetEncoder(6, width=4), 3).clusterer
    again = SetEncoder(6, width=4)
    torch.set_rng_state(before)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    points = cloud(80)
    inputs = [value.clone().requires_grad_() for value in (points.feature, points.xyz_world_m, points.weight)]
    share, seeds = model.assign(*inputs, 8)
    assert share.shape == (80, 8) and len(seeds.unique()) == 8
    torch.testing.assert_close(share.sum(1), torch.ones(80))
    probe = torch.randn(share.shape, generator=torch.Generator().manual_seed(1))
    (share * probe).sum().backward()
    for name, value in [*zip(("feature", "xyz", "weight"), inputs, strict=True), *model.named_parameters()]:
        if not name.endswith("qkv.bias"):  # of these, the keys' part moves all scores of a seed alike
            assert value.grad is not None and float(value.grad.abs().max()) > 0, name
    both, _ = model.assign(*(torch.stack([value, value]) for value in inputs), 8)
    torch.testing.assert_close(both[1], share, atol=1e-5, rtol=0)


def test_an_untrained_set_encoder_finds_things_like_soft_kmeans():
    points = cloud(400, things=10, width=24)
    assert SetEncoder()(points, 10, FRAMES).size.tolist() == [40] * 10 == SoftKMeans()(points, 10, FRAMES).size.tolist()


def test_a_set_encoder_learns():
    """What belongs together is told by two of the features; the others, and the place, are noise."""
    points, model = cloud(200), SetEncoder(6, width=8, tau=0.5)
    label = torch.nn.functional.one_hot((points.feature[:, 0] > 0).long() * 2 + (points.feature[:, 1] > 0)).float()
    losses = []
    for _ in range(15):
        share, _ = model.assign(points.feature, points.xyz_world_m, points.weight, 4)
        loss = -((share @ (share.T @ label / share.sum(0)[:, None])) * label).sum(1).log().mean()
        losses.append(float(loss.detach()))
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for value, gradient in zip(model.parameters(), gradients, strict=True):
                value -= 0.3 * gradient
    assert losses[-1] < 0.9 * losses[0], losses


def test_clusters_merge_by_ward_as_a_tree_of_points_does():
    u = cloud(60, seed=5).feature.double()
    merged, tree = merged_by_ward(u, torch.arange(60), 9), Agglomerative()._cut(u, 9)
    assert len(set(merged.tolist())) == 9
    assert torch.equal(merged[:, None] == merged[None], tree[:, None] == tree[None])


@pytest.mark.skipif("density" in ABSENT, reason="sklearn is not installed")
def test_density_finds_shapes_that_no_centre_describes():
    """Two nested rings, and some points of neither."""
    turn = torch.linspace(0, 6.2832, 241)[:-1]
    ring = torch.stack([turn.cos(), turn.sin(), torch.zeros(240)], 1)
    xyz = torch.cat([ring, 3 * ring, torch.tensor([[1.9, 0.3, 0.0], [0.0, 7.0, 0.0]])])
    points = Points(xyz, torch.ones(482, 2), torch.ones(482, 3), torch.zeros(482, dtype=torch.long), torch.ones(482))
    assert sorted(CLUSTERERS["density"]()(points, 2, 1).size.tolist()) in ([240, 242], [241, 241])
    four = CLUSTERERS["density"]()(points, 4, 1)
    assert int(four.size.sum()) == 482 and four.size.max() < 240, "each ring is halved"


def test_lloyd_stops_when_nothing_moves_and_leaves_nobody_empty():
    u = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    owner, centre = lloyd(u, torch.tensor([1.0, 3.0, 1.0, 1.0]), u[[0, 1]], 50)
    assert owner.tolist() == [0, 0, 1, 1]
    torch.testing.assert_close(centre, torch.tensor([[0.75], [10.5]]))
    assert sorted(lloyd(torch.zeros(5, 2), torch.zeros(5), torch.zeros(3, 2), 4)[0].unique().tolist()) == [0, 1, 2]


def test_the_quick_canonical_order_is_the_full_one():
    """Against a plain sort of tuples, with ties in x, in place, and in everything but the label."""
    generator = torch.Generator().manual_seed(0)
    xyz = torch.randint(0, 4, (300, 3), generator=generator).float()
    label = torch.randint(-1, 3, (300,), generator=generator)
    points = Points(xyz, torch.ones(300, 2), torch.ones(300, 3), torch.zeros(300, dtype=torch.long), torch.ones(300), label)
    got = points.take(canonical_order(points))
    wanted = sorted(zip(*(c.tolist() for c in xyz.unbind(1)), label.tolist(), strict=True))
    assert list(zip(*(c.tolist() for c in got.xyz_world_m.unbind(1)), got.label.tolist(), strict=True)) == wanted
