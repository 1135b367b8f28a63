"""Give objects names the model can say."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

NAMES = tuple(f"<OBJ{number:03d}>" for number in range(100))
NAMELESS = -1


def identities(extent_m: Float[Tensor, "K 3"], names: Int[Tensor, "100"] | None = None) -> Int[Tensor, "K"]:
    """Which of NAMES each token carries, or NAMELESS. Every token has its own; of more tokens than names the largest have one.

    That two proxies show the same object is not known in use, so nothing here asks for it. `names` is the order in which names are given,
    random in training, because a model must read a name and not count tokens; without it they are given in order.
    """
    named = extent_m.prod(1).argsort(descending=True, stable=True)[: len(NAMES)].sort().values
    given = torch.arange(len(NAMES)) if names is None else names
    return torch.full((len(extent_m),), NAMELESS).index_copy(0, named, given[: len(named)])
