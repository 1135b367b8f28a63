"""A stream of frames gives nearly the proxies of the whole, in bounded memory, in whatever order the frames come."""

import dataclasses

import pytest
import torch

from proxy3d.errors import BadInput
from proxy3d.proxies.clusterers import SoftKMeans
from proxy3d.proxies.stream import FORGOTTEN, ProxyStream
from proxy3d.values import Points

FRAMES = 8


def clip(seed=0, each=200, things=12):
    """Things of one look each, in view of several frames."""
    generator = torch.Generator().manual_seed(seed)
    centre, look = torch.rand(things, 3, generator=generator) * 5, torch.randn(things, 16, generator=generator)
    which = torch.randint(0, things, (each * FRAMES,), generator=generator)
    xyz = centre[which] + 0.15 * torch.randn(len(which), 3, generator=generator)
    feature = look[which] + 0.3 * torch.randn(len(which), 16, generator=generator)
    weight = torch.rand(len(which), generator=generator) * 0.5 + 0.5
    return Points(xyz, feature, torch.rand(len(which), 3, generator=generator), torch.arange(FRAMES).repeat_interleave(each), weight)


def streamed(points, order=range(FRAMES), budget=16, **settings):
    stream = ProxyStream(SoftKMeans(), FRAMES, **settings)
    for number in order:
        stream.add(points.take((points.frame == number).nonzero()[:, 0]))
    return stream, stream.proxies(budget)


def error(points, proxies):
    """Mean squared distance (m2) to the nearest proxy, weighted."""
    square = torch.cdist(points.xyz_world_m, proxies.xyz_world_m).amin(1).square()
    return float((points.weight * square).sum() / points.weight.sum())


def test_a_stream_that_merges_nothing_is_the_batch():
    points = clip(each=40)
    batch, (_, proxies) = SoftKMeans()(points, 16, FRAMES), streamed(points, most=10_000)
    back = torch.cdist(batch.xyz_world_m, proxies.xyz_world_m).argmin(1)
    for field in dataclasses.fields(batch):
        torch.testing.assert_close(getattr(proxies, field.name)[back], getattr(batch, field.name), atol=2e-4, rtol=2e-4, msg=field.name)


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_comes_close_to_the_batch_in_bounded_memory(seed):
    points = clip(seed)
    stream, proxies = streamed(points, most=128)
    assert len(stream.summary) <= 128 and len(proxies) == 16
    assert error(points, proxies) < 1.3 * error(points, SoftKMeans()(points, 16, FRAMES))
    assert int(proxies.size.sum()) == len(points)
    torch.testing.assert_close(proxies.weight.sum(), torch.tensor(1.0))
    torch.testing.assert_close(proxies.seen.sum(1), torch.ones(16))
    whole = (proxies.weight[:, None] * proxies.xyz_world_m).sum(0)
    torch.testing.assert_close(whole, (points.weight[:, None] * points.xyz_world_m).sum(0) / points.weight.sum(), atol=1e-4, rtol=0)


def test_the_order_of_frames_matters_little():
    points = clip()
    errors = [error(points, streamed(points, order, most=128)[1]) for order in (range(8), range(7, -1, -1), (3, 0, 6, 1, 7, 2, 5, 4))]
    assert max(errors) < 1.3 * min(errors)


def test_memory_does_not_grow_with_the_stream():
    points, stream = clip(each=100), ProxyStream(SoftKMeans(), FRAMES, most=64)
    held = []
    for number in range(12):
        moved = dataclasses.replace(points, xyz_world_m=points.xyz_world_m + number)
        stream.add(moved)
        held.append(sum(getattr(stream.summary, f.name).numel() for f in dataclasses.fields(stream.summary)))
    assert len(set(held)) == 1 and float(stream.summary.size.sum()) == 12 * len(points)


def test_a_stream_forgets():
    """What was seen once, long ago, fades away; what is still seen stays."""
    points, stream = clip(each=20), ProxyStream(SoftKMeans(), FRAMES, most=64, half_life=1.0)
    far = dataclasses.replace(points, xyz_world_m=points.xyz_world_m + 100)
    stream.add(far)
    for _ in range(14):
        stream.add(points)
    assert 2**-14 < FORGOTTEN and float(stream.proxies(8).xyz_world_m.max()) < 20
    lasting = ProxyStream(SoftKMeans(), FRAMES, most=64)
    for part in (far, points, points):
        lasting.add(part)
    assert float(lasting.proxies(8).xyz_world_m.max()) > 90


def test_a_stream_says_what_does_not_fit():
    points, stream = clip(each=5), ProxyStream(SoftKMeans(), FRAMES)
    with pytest.raises(BadInput, match="add points first"):
        stream.proxies(8)
    stream.add(points.take(torch.arange(0)))
    stream.add(points)
    with pytest.raises(BadInput, match="at least 1"):
        stream.proxies(0)
    with pytest.raises(BadInput, match="frame 8 in a stream of 8"):
        stream.add(dataclasses.replace(points, frame=points.frame + 1))
    with pytest.raises(BadInput, match="features of 3 numbers in a stream of 16"):
        stream.add(dataclasses.replace(points, feature=points.rgb))
    assert len(stream.proxies(1000)) == len(points)
