"""Several processes that train one model together: who does what, sums over all of them, and taking turns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import nn

from proxy3d.errors import BadInput

PATIENCE = timedelta(days=7)  # how long the others wait for the first, which may have all rooms to look at
T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """How many processes train together, and which of them this is. All hold the same parameters; only the first writes and speaks."""

    count: int = 1
    index: int = 0

    @property
    def is_first(self) -> bool:
        return self.index == 0

    def share(self, accumulate: int) -> range:
        """The micro-steps of a step that this process takes: index, index + count, and so on.

        Raises:
            BadInput: no micro-steps, or not as many for every process.
        """
        if accumulate < 1:
            raise BadInput(f"--accumulate {accumulate}: expected at least 1")
        if accumulate % self.count:
            raise BadInput(f"--accumulate {accumulate}: {self.count} processes cannot share that evenly; expected a multiple of {self.count}")
        return range(self.index, accumulate, self.count)

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Put the sum of all processes' gradients into each. A parameter is left without one only where nobody has one: AdamW then rests."""
        if self.count == 1:
            return
        from accelerate.utils import reduce

        has = torch.tensor([float(p.grad is not None) for p in parameters])
        mine = [torch.zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in parameters]
        has, *total = reduce(torch.cat([has, *mine]), "sum").split([len(has), *(p.numel() for p in parameters)])
        for parameter, somebody, gradient in zip(parameters, has.tolist(), total, strict=True):
            parameter.grad = gradient.view_as(parameter).clone() if somebody else None

    def in_order(self, mine: Sequence[T]) -> list[T]:
        """What all processes made of their shares of a step, by number of the micro-step. Every process gets all of it."""
        if self.count == 1:
            return list(mine)
        from accelerate.utils import gather_object

        of_each = gather_object([list(mine)])
        return [of_each[n % self.count][n // self.count] for n in range(len(mine) * self.count)]

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.count > 1:
            _accelerate().wait_for_everyone()

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The others enter when the first process is through, and find on disk what it has written."""
        if self.count == 1:
            yield
            return
        with _accelerate().main_process_first():
            yield


def processes() -> Processes:
    """Those of this run, as `accelerate launch` or `torchrun` tell in the environment; else this one alone, and accelerate is not imported."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Processes()
    state = _accelerate()
    return Processes(state.num_processes, state.process_index)


def _accelerate() -> object:
    """Training computes on the CPU whatever else a machine has, so processes talk through gloo."""
    from accelerate import PartialState

    return PartialState() if PartialState._shared_state else PartialState(cpu=True, timeout=PATIENCE)
