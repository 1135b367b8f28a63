"""Name the things in a scene without any question: each proxy says what object it belongs to and where that object's box is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from proxy3d.answers.boxes import merge_votes, world_box
from proxy3d.answers.fusion import PointingHead
from proxy3d.tokens.project import SceneNumbers, SceneTokens
from proxy3d.values import Box, Scene


class ObjectNamer(nn.Module):
    """Scene tokens, with heads for category and colour over closed lists of words, and a box head. Needs no language model."""

    def __init__(self, proxy_dim: int, width: int, layers: int, heads: int, categories: Sequence[str], colours: Sequence[str] = ()):
        super().__init__()
        self.categories, self.colours = tuple(categories), tuple(colours)
        self.tokens = SceneTokens(proxy_dim, width, layers, heads)
        self.category = nn.Linear(width, len(categories) + 1)  # the last one: nothing, walls and floor
        self.colour = nn.Linear(width, len(colours) + 1)  # the last one: none of them
        self.box = PointingHead(width)

    def forward(self, numbers: SceneNumbers) -> Float[Tensor, "1+K W"]:
        """Tokens of one scene; token 0 is the viewer."""
        return self.tokens(numbers)

    def name(self, tokens: Float[Tensor, "1+K W"], xyz_room_m: Float[Tensor, "K 3"]) -> tuple[Float[Tensor, "K C"], Float[Tensor, "K 6"]]:
        """Category logits of each proxy, and the box of the object it belongs to (centre, size; room frame, metres)."""
        return self.category(tokens[1:]), self.box(tokens[None, 1:], xyz_room_m[None])[1][0]


@torch.no_grad()
def find_objects(scene: Scene, namer: ObjectNamer, *, least: float = 0.3) -> tuple[Box, ...]:
    """The objects of a scene with their category words, surest first; proxies of one category whose boxes overlap are one object.

    `least` is the smallest probability with which a proxy's best category must be named.
    """
    if not namer.categories:
        return ()
    numbers = SceneNumbers.of(scene)
    logits, box = namer.name(namer(numbers), numbers.xyz_room_m)
    sure, best = logits.softmax(1)[:, :-1].max(1)
    found = []
    for index in best.unique().tolist():
        score = torch.where(best == index, sure, torch.zeros(()))
        votes = merge_votes(score, box, least=least)
        found += [world_box(vote, scene, label=namer.categories[index]) for vote in votes]
    return tuple(sorted(found, key=lambda b: (-b.score, b.centre_m)))


@torch.no_grad()
def find_colours(scene: Scene, namer: ObjectNamer, objects: Sequence[Box], *, least: float = 0.6) -> tuple[str | None, ...]:
    """The colour word of each object, by the mean of what its proxies say; None where that is less sure than `least`, or no word fits."""
    if not objects or not namer.colours:
        return (None,) * len(objects)
    share = namer.colour(namer(SceneNumbers.of(scene))[1:]).softmax(1)
    best = [share[list(box.proxies)].mean(0).max(0) for box in objects]
    words = (*namer.colours, None)
    return tuple(words[int(top.indices)] if float(top.values) >= least else None for top in best)
