"""Stage 1: patches of one object move together, so that clusters become objects and stay put."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from proxy3d.geometry import rotation_about_z
from proxy3d.proxies.clusterers import Learned
from proxy3d.proxies.encoder import ProxyEncoder, Seen, salient
from proxy3d.training.patches import RoomPatches
from proxy3d.training.precision import bf16_is_faster


@dataclass(frozen=True)
class RoomTruth:
    """What stage 1 is told about a room, by instance id (row 0 = walls and floor)."""

    category: Int[Tensor, "I"]  # index into the category words; the last index = none
    rgb: Float[Tensor, "I 3"]  # mean colour seen


@dataclass(frozen=True)
class ClusterSettings:
    """How stage 1 looks at a room."""

    rooms: int = 4  # per step
    patches: int = 768  # whole ones, drawn from each
    proxies: tuple[int, int] = (12, 32)  # fewest and most; a number between them is drawn for each step
    temperature: float = 0.1
    anchors: int = 192
    depth_noise: float = 0.08  # largest relative noise of a clip
    weight_cluster: float = 1.0
    weight_category: float = 1.0
    weight_salience: float = 0.3
    weight_colour: float = 1.0
    bf16: bool = field(default_factory=bf16_is_faster)  # the encoder's matrix products while training: 1.7 times as fast on a CPU that has them


class ClusterTeacher(nn.Module):
    """The proxy encoder and the clusterer, with heads that exist only while training."""

    def __init__(self, encoder: ProxyEncoder, clusterer: Learned, categories: int):
        super().__init__()
        self.encoder, self.clusterer = encoder, clusterer
        self.category = nn.Linear(encoder.settings.out_dim, categories + 1)
        self.colour = nn.Linear(encoder.settings.out_dim, 3)


class ClusterObjective:
    """Instance-contrastive loss, purity of soft clusters, category, colour and salience (method.md 4.1, with true instances)."""

    def __init__(self, teacher: ClusterTeacher, rooms: Sequence[tuple[RoomPatches, RoomTruth]], settings: ClusterSettings, seed: int):
        self.teacher, self.rooms, self.settings, self.seed = teacher, rooms, settings, seed

    def named_parameters(self) -> dict[str, nn.Parameter]:
        return dict(self.teacher.named_parameters())

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        torch.manual_seed(self.seed * 1_000_003 + step)  # dropout
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        chosen = torch.randint(len(self.rooms), (self.settings.rooms,), generator=generator).tolist()
        drawn = [draw(self.rooms[i][0], self.settings, generator) for i in chosen]
        seen = Seen(*(torch.stack([getattr(one, f.name) for one, _ in drawn]) for f in fields(Seen)))
        instance, xyz, weight = torch.stack([mine for _, mine in drawn]), seen.xyz_room_m, seen.weight
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bf16):
            out, salience = self.teacher.encoder(seen)
        out, salience = out.float(), salience.float()
        fewest, most = self.settings.proxies
        proxies = int(torch.randint(fewest, most + 1, (1,), generator=generator))
        category = torch.stack([self.rooms[c][1].category[i] for c, i in zip(chosen, instance, strict=True)])
        colour = torch.stack([self.rooms[c][1].rgb[i] for c, i in zip(chosen, instance, strict=True)])
        counts = balanced(instance, weight)
        thing = instance > 0
        parts = {
            "contrast": torch.stack([self._contrast(out[b], instance[b], counts[b], generator) for b in range(len(chosen))]).mean(),
            "cluster": self._cluster(out, xyz, salient(weight, salience), instance, counts, proxies) * self.settings.weight_cluster,
            "category": (F.cross_entropy(self.teacher.category(out).flatten(0, 1), category.flatten(), reduction="none") * counts.flatten()).sum()
            / len(chosen)
            * self.settings.weight_category,
            "salience": F.binary_cross_entropy_with_logits(salience[weight > 0], thing[weight > 0].float()) * self.settings.weight_salience,
            "colour": ((self.teacher.colour(out) - colour).abs().mean(-1) * counts * thing).sum() / len(chosen) * self.settings.weight_colour,
        }
        return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}

    def _contrast(self, out: Tensor, instance: Tensor, counts: Tensor, generator: torch.Generator) -> Tensor:
        """Supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362, eq. 2) in the space the clusterer compares meanings in."""
        meaning = F.normalize(F.linear(F.normalize(out, dim=-1), self.teacher.clusterer.meaning_map), dim=-1)
        anchor = torch.multinomial(counts, min(self.settings.anchors, len(counts)), generator=generator)
        similar = meaning[anchor] @ meaning.T / self.settings.temperature
        similar = similar.masked_fill(F.one_hot(anchor, len(counts)).bool(), -30.0)
        same = (instance[anchor][:, None] == instance[None]) & ~F.one_hot(anchor, len(counts)).bool()
        log_share = similar - similar.logsumexp(1, keepdim=True)
        return -((log_share * same).sum(1) / same.sum(1).clamp_min(1)).mean()

    def _cluster(self, out: Tensor, xyz: Tensor, weight: Tensor, instance: Tensor, counts: Tensor, proxies: int) -> Tensor:
        """Mean surprise of finding a patch's own object in the proxy it goes to; every object counts the same."""
        share, _ = self.teacher.clusterer.assign(out, xyz, weight, proxies)
        label = F.one_hot(instance, int(instance.max()) + 1).to(share)
        mass = share * weight[..., None]
        made_of = torch.einsum("blk,bli->bki", mass, label) / mass.sum(1)[..., None].clamp_min(1e-6)
        own = torch.einsum("blk,bki,bli->bl", share, made_of, label)
        return -(counts * own.clamp_min(1e-4).log()).sum(1).mean()


def balanced(instance: Int[Tensor, "B L"], weight: Float[Tensor, "B L"]) -> Float[Tensor, "B L"]:
    """Patch weights that sum to 1 per room, where an object of n patches weighs the fourth root of n and the walls a fifth of all things."""
    label = F.one_hot(instance, int(instance.max()) + 1).float()
    size = label.sum(1)
    per_object = size.clamp_min(1).pow(-0.75)  # a cup has a hundredth of a sofa's patches, and a third of its say
    counts = torch.einsum("bli,bi->bl", label, per_object) * (weight > 0)
    thing = instance > 0
    things, walls = (counts * thing).sum(1, keepdim=True), (counts * ~thing).sum(1, keepdim=True)
    counts = torch.where(thing, counts, counts * 0.2 * things / walls.clamp_min(1e-6))
    return counts / counts.sum(1, keepdim=True).clamp_min(1e-6)


def draw(room: RoomPatches, settings: ClusterSettings, generator: torch.Generator) -> tuple[Seen, Int[Tensor, "L"]]:
    """A random part of a room's patches, as a worse sensor might have seen them (noise, holes, a turn, a mirror image), and what they belong to."""
    chosen = torch.randperm(len(room.feature), generator=generator)[: settings.patches]
    number = torch.full((len(room.feature),), -1)
    number[chosen] = torch.arange(len(chosen))
    mine = (number[room.cell] >= 0).nonzero()[:, 0]
    xyz = noisy(room, settings.depth_noise, generator)[mine]
    turn, mirror, drop = torch.rand(3, generator=generator).tolist()
    xyz = xyz @ rotation_about_z((turn - 0.5) * 0.35).T
    if mirror < 0.5:
        xyz = xyz * torch.tensor([-1.0, 1.0, 1.0])
    weight = room.weight[mine] * (torch.rand(len(mine), generator=generator) > 0.25 * drop)
    quarters = 4 if room.detail.shape[1] else 1
    columns = (room.detail[mine].float(), number[room.cell[mine]], room.rgb[mine], xyz, weight, room.instance[mine])
    *points, instance = (filled(column, settings.patches * quarters) for column in columns)
    return Seen(filled(room.feature[chosen].float(), settings.patches), *points), instance


def filled(column: Float[Tensor, "n *w"], length: int) -> Float[Tensor, "length *w"]:
    """Zeros added at the end: rooms of a batch are as long as the longest may be."""
    return F.pad(column, (0, 0, 0, length - len(column)) if column.ndim == 2 else (0, length - len(column)))


def noisy(room: RoomPatches, largest: float, generator: torch.Generator) -> Float[Tensor, "L 3"]:
    """Positions as a noisy depth sensor gives them: each frame has its own bias, each patch its own error, along the ray."""
    level = float(torch.rand(1, generator=generator)) * largest
    bias = torch.randn(len(room.camera_room_m), generator=generator)[room.frame] * level / 3
    error = torch.randn(len(room.frame), generator=generator) * level
    origin = room.camera_room_m[room.frame]
    return origin + (room.xyz_room_m - origin) * (1 + bias + error)[:, None]
