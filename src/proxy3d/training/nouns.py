"""Which proxies a word of a question names: what teaches words to find their proxies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from proxy3d.english import broader
from proxy3d.training.lessons import RoomLesson, pointing_target


@lru_cache(maxsize=4)
def vague_names(categories: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """For each category, which others some people would call by its word too: an armchair is a chair to many."""
    return tuple(tuple(j for j, other in enumerate(categories) if word in broader(other)) for word in categories)


def name_target(lesson: RoomLesson, category: int, categories: Sequence[str]) -> tuple[Float[Tensor, "K"], Float[Tensor, "K"]]:
    """Which proxies a category word names, and how much each proxy counts: none of what could be called by it too."""
    positive, counts, _ = pointing_target(lesson, (lesson.category == category).nonzero()[:, 0].tolist())
    vague = vague_names(tuple(categories))[category]
    if vague:
        unsure = torch.isin(lesson.category[lesson.made_of.argmax(1)], torch.tensor(vague))
        counts = counts * ~(unsure & (positive == 0))
    return positive, counts
