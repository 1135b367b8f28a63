"""Soft k-means equals a slow twin made of plain loops, in values and gradients, and Lloyd's k-means where it has no softness left."""

import pytest
import torch

from proxy3d.proxies.clusterers import SoftKMeans
from proxy3d.proxies.lloyd import lloyd
from proxy3d.proxies.pool import CHUNK, pool_soft
from proxy3d.proxies.seeds import farthest_seeds, farthest_walk
from proxy3d.values import Points

DOUBLE = {"dtype": torch.float64}


def cloud(points=24, width=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    feature = torch.randn(points, width, generator=generator, **DOUBLE)
    xyz = torch.randn(points, 3, generator=generator, **DOUBLE) * torch.tensor([2.0, 1.0, 0.5], **DOUBLE)
    return feature, xyz, torch.rand(points, generator=generator, **DOUBLE) + 0.1


def slow_space(feature, xyz, weight, matrix, beta):
    """u of every point, as a list of vectors, by the formulas of method.md 3.5."""
    total = sum(weight)
    mean = sum(w * p for w, p in zip(weight, xyz, strict=True)) / total
    spread = (sum(w * ((p - mean) ** 2).sum() for w, p in zip(weight, xyz, strict=True)) / total).sqrt()
    return [torch.cat([matrix @ (f / (f * f).sum().sqrt()), beta * (p - mean) / spread]) for f, p in zip(feature, xyz, strict=True)]


def slow_seeds(u, weight, budget):
    total, most = sum(weight), max(weight)
    mean = sum(w * v for w, v in zip(weight, u, strict=True)) / total
    seeds = [min(range(len(u)), key=lambda j: float(((u[j] - mean) ** 2).sum()))]
    while len(seeds) < budget:
        left = [j for j in range(len(u)) if j not in seeds]
        seeds.append(max(left, key=lambda j: min(float(((u[j] - u[s]) ** 2).sum()) for s in seeds) * float((weight[j] / most) ** 0.5)))
    return seeds


def slow_shares(u, weight, seeds, rounds, tau):
    centres = [u[s] for s in seeds]
    for _ in range(rounds):
        shares = []
        for v in u:
            raw = [torch.exp(-((v - c) ** 2).sum() / tau) for c in centres]
            shares.append([r / sum(raw) for r in raw])
        mass = [sum(weight[j] * shares[j][k] for j in range(len(u))) for k in range(len(seeds))]
        centres = [sum(weight[j] * shares[j][k] * u[j] for j in range(len(u))) / mass[k] for k in range(len(seeds))]
    return torch.stack([torch.stack(row) for row in shares])


@pytest.mark.parametrize("rounds", [1, 3])
def test_fast_equals_slow_in_values_and_gradients(rounds):
    feature, xyz, weight = (t.requires_grad_() for t in cloud())
    fast = SoftKMeans(feature_dim=5, width=4, rounds=rounds, beta=1.3, tau=0.4).double()
    share, seeds = fast.assign(feature, xyz, weight, 6)

    u = slow_space(feature, xyz, weight, fast.meaning_map, fast.log_beta.exp())
    start = slow_seeds([v.detach() for v in u], weight.detach(), 6)
    wanted = slow_shares(u, weight, start, rounds, fast.log_tau.exp())
    assert seeds.tolist() == start
    torch.testing.assert_close(share, wanted, atol=1e-8, rtol=0)

    inputs = [feature, xyz, weight, *fast.parameters()]
    probe = torch.randn(share.shape, generator=torch.Generator().manual_seed(1), **DOUBLE)
    ours, theirs = (torch.autograd.grad((s * probe).sum(), inputs) for s in (share, wanted))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)
        assert float(one.abs().max()) > 0


def test_gradients_equal_finite_differences():
    feature, xyz, weight = cloud(points=12, width=3, seed=2)
    model = SoftKMeans(tau=0.5).double()

    def summary(f, p):
        share, _ = model.assign(f, p, weight, 4)
        return pool_soft(share, torch.cat([f, p], 1), weight)

    assert torch.autograd.gradcheck(summary, (feature.requires_grad_(), xyz.requires_grad_()), atol=1e-5)


def test_pooling_equals_loops():
    feature, xyz, weight = cloud()
    share = SoftKMeans(tau=0.3).double().assign(feature, xyz, weight, 5)[0].detach()
    for k, pooled in enumerate(pool_soft(share, xyz, weight)):
        mass = [float(share[j, k] * weight[j]) for j in range(len(xyz))]
        torch.testing.assert_close(pooled, sum(m * p for m, p in zip(mass, xyz, strict=True)) / sum(mass))


def test_without_softness_it_is_lloyd():
    feature, xyz, weight = cloud(points=200, seed=4)
    model = SoftKMeans(rounds=4, tau=1e-7).double()
    share, seeds = model.assign(feature, xyz, weight, 8)
    u = torch.stack(slow_space(feature, xyz, weight, torch.eye(5, **DOUBLE), 1.0))
    centres = u[seeds]
    for _ in range(4):
        owner = torch.cdist(u, centres).argmin(1)
        centres = torch.stack([(weight[owner == k, None] * u[owner == k]).sum(0) / weight[owner == k].sum() for k in range(8)])
    assert torch.equal(share.argmax(1), owner)
    assert float(share.detach().amax(1).median()) == 1.0


def test_a_batch_is_its_clips_and_points_of_weight_zero_are_padding():
    (f1, x1, w1), (f2, x2, w2) = cloud(seed=5), cloud(points=18, seed=6)
    padded = [torch.cat([t, torch.zeros(6, *t.shape[1:], **DOUBLE)]) for t in (f2, x2, w2)]
    model = SoftKMeans(tau=0.3).double()
    share, seeds = model.assign(torch.stack([f1, padded[0]]), torch.stack([x1, padded[1]]), torch.stack([w1, padded[2]]), 5)
    for row, points, clip in ((0, 24, (f1, x1, w1)), (1, 18, (f2, x2, w2))):
        alone, alone_seeds = model.assign(*clip, 5)
        assert torch.equal(seeds[row], alone_seeds)
        torch.testing.assert_close(share[row, :points], alone, atol=1e-8, rtol=0)


def test_hard_use_gives_each_point_to_its_largest_share():
    feature, xyz, weight = (t.float() for t in cloud(points=60, seed=7))
    model = SoftKMeans(spare=0.0)
    points = Points(xyz, feature, torch.zeros(60, 3), torch.zeros(60, dtype=torch.long), weight)
    owner = model.assign(feature, xyz, weight, 6)[0].argmax(1)
    wanted = torch.stack([(weight[owner == k, None] * xyz[owner == k]).sum(0) / weight[owner == k].sum() for k in range(6)])
    proxies = model(points, 6, 1)
    assert proxies.size.tolist() == torch.bincount(owner).tolist()
    torch.testing.assert_close(proxies.xyz_world_m, wanted)


def test_beta_and_tau_are_what_they_were_set_to():
    model = SoftKMeans(beta=2.0, tau=0.1)
    torch.testing.assert_close(model.log_beta.exp().detach(), torch.tensor(2.0))
    torch.testing.assert_close(model.log_tau.exp().detach(), torch.tensor(0.1))


def plain_rounds(model, feature, xyz, weight, budget):
    """The formulas of method.md 3.5, one step at a time and each on all points, without any of the short cuts."""
    share_of = weight / weight.sum(-1, keepdim=True)
    offset = xyz - (share_of[..., None] * xyz).sum(-2, keepdim=True)
    spread = (share_of[..., None] * offset.square()).sum((-1, -2), keepdim=True).sqrt()
    meaning = torch.nn.functional.normalize(feature, dim=-1) @ model.meaning_map.T
    u = torch.cat([meaning, model.log_beta.exp() * offset / spread], -1)
    seeds = farthest_walk(u.detach(), weight, budget)
    centre = u.gather(-2, seeds[..., None].expand(*seeds.shape, u.shape[-1]))
    for number in range(model.rounds):
        square = (u[..., :, None, :] - centre[..., None, :, :]).square().sum(-1)
        share = torch.softmax(-square / model.log_tau.exp(), -1)
        mass = share * share_of[..., None]
        if number < model.rounds - 1:
            held = 1e-9  # by which a centre without points stays where it is
            centre = (mass.transpose(-1, -2) @ u + held * centre) / (mass.sum(-2)[..., None] + held)
    return share, seeds, square


@pytest.mark.parametrize("clips", [None, 3])
def test_the_fast_path_equals_the_plain_one_at_clip_size(clips):
    """1,568 points as a clip has, in values and in gradients of everything."""
    generator, shape = torch.Generator().manual_seed(0), (1568,) if clips is None else (clips, 400)
    inputs = [torch.randn(*shape, 24, generator=generator, **DOUBLE), torch.randn(*shape, 3, generator=generator, **DOUBLE)]
    inputs = [t.requires_grad_() for t in (*inputs, torch.rand(*shape, generator=generator, **DOUBLE) + 0.1)]
    model = SoftKMeans(24, width=8, tau=0.2).double()
    share, seeds = model.assign(*inputs, 16)
    wanted, start, _ = plain_rounds(model, *inputs, 16)
    assert torch.equal(seeds, start)
    torch.testing.assert_close(share, wanted, atol=1e-9, rtol=0)
    probe = torch.randn(share.shape, generator=generator, **DOUBLE)
    of = [*inputs, *model.parameters()]
    ours, theirs = (torch.autograd.grad((s * probe).sum(), of) for s in (share, wanted))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-6)


def test_pieces_of_many_points_give_what_all_at_once_gives():
    """Owners are found piece by piece; here three pieces and a rest."""
    feature, xyz, weight = (t.float() for t in cloud(points=3 * CHUNK + 100, width=6, seed=3))
    model = SoftKMeans(6, width=4, spare=0.0)
    points = Points(xyz, feature, torch.zeros(len(xyz), 3), torch.zeros(len(xyz), dtype=torch.long), weight)
    with torch.no_grad():
        share, _, square = plain_rounds(model.double(), *(t.double() for t in (feature, xyz, weight)), 12)
    owner = model.float().owners(points, 12)
    other = owner != share.argmax(1)
    assert float(other.float().mean()) < 1e-3, "single precision may turn ties, and nothing else"
    gap = square.gather(1, owner[:, None])[:, 0] - square.amin(1)
    assert float(gap.max()) < 1e-4


def test_hard_rounds_equal_plain_loops():
    """Corrected sums and chunks against Lloyd's rounds written out."""
    feature, _, weight = cloud(points=CHUNK + 500, width=4, seed=8)
    start = feature[farthest_seeds(feature, weight, 9)]
    owner, centre = lloyd(feature, weight, start, 6)
    plain = start
    for _ in range(6):
        wanted = torch.cdist(feature, plain, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
        plain = torch.stack([(weight[wanted == k, None] * feature[wanted == k]).sum(0) / weight[wanted == k].sum() for k in range(9)])
    assert torch.equal(owner, wanted)
    torch.testing.assert_close(centre, plain)


def test_seeds_of_one_clip_equal_those_of_the_general_walk():
    for seed in range(5):
        feature, _, weight = cloud(points=300, width=5, seed=seed)
        weight[::7] = 0
        assert torch.equal(farthest_seeds(feature, weight, 40), farthest_walk(feature, weight, 40))
