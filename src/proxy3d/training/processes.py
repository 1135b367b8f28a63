"""Several processes that train one model together: who does what, sums over all of them, and taking turns."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, nn

from proxy3d.device import computing_device
from proxy3d.errors import BadInput

PATIENCE = timedelta(days=7)  # how long the others wait for the first, which may have all rooms to look at
T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """How many processes train together, and which of them this is. Only the first writes and speaks.

    All hold the same parameters, or of a model that is shared out each holds a part.
    """

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

        for parameter in parameters:
            if is_shared_out(parameter) and parameter.grad is not None:  # backward has left the mean over the processes
                parameter.grad *= self.count
        parameters = [parameter for parameter in parameters if not is_shared_out(parameter)]
        if not parameters:
            return
        has = torch.tensor([float(p.grad is not None) for p in parameters])
        mine = [torch.zeros(p.numel()) if p.grad is None else p.grad.flatten().cpu() for p in parameters]
        has, *total = reduce(torch.cat([has, *mine]).to(_accelerate().device), "sum").split([len(has), *(p.numel() for p in parameters)])
        for parameter, somebody, gradient in zip(parameters, has.tolist(), total, strict=True):
            parameter.grad = gradient.view_as(parameter).to(parameter.device, copy=True) if somebody else None

    def share_out(self, model: nn.Module) -> None:
        """Leave each process a part of every parameter, where `shares_out`: the forward pass of the model gathers what it needs.

        FSDP2 of torch (Zhao et al. 2023, arXiv 2304.11277), every element of a list of layers by itself. Parameters go where processes
        compute, piece by piece. From then on all processes must take the same way through the model.
        """
        if not shares_out():
            return
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh(_accelerate().device.type, (self.count,))
        lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
        for layer in [layer for layers in reversed(lists) for layer in layers]:  # the inner ones first
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)

    def agree(self, mine: bool) -> bool:
        """What the first process thinks, because all must do the same."""
        if self.count == 1:
            return mine
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([mine])[0]

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
    def until_all_are_through(self) -> Iterator[None]:
        """Around all that processes do together: threads that talk to the others must not outlive the interpreter, or it aborts now and then."""
        try:
            yield
            self.wait()
        finally:
            if self.count > 1:
                _accelerate().destroy_process_group()

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The others enter when the first process is through, and find on disk what it has written."""
        if self.count == 1:
            yield
            return
        with _accelerate().main_process_first():
            yield


def processes() -> Processes:
    """Those of this run, as `accelerate launch` or `torchrun` tell in the environment; else this one alone, and accelerate is not imported.

    Raises:
        BadInput: several, on a device over which they cannot talk.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Processes()
    state = _accelerate()
    if state.num_processes != int(os.environ["WORLD_SIZE"]):
        raise BadInput(f"{os.environ['WORLD_SIZE']} processes were started, and on {state.device} each would train alone; start one there")
    return Processes(state.num_processes, state.process_index)


def shares_out() -> bool:
    """Whether several processes were started to share out parameters: by `accelerate launch` with a configuration that says FSDP."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("1", "true", "yes")


def is_shared_out(tensor: Tensor) -> bool:
    """Whether each process holds a part of it."""
    return hasattr(tensor, "full_tensor")  # a DTensor; importing its class would cost every verb a second


def gathered(tensor: Tensor) -> Tensor:
    """All of a tensor of which each process may hold a part; then all must ask for it together."""
    return tensor.full_tensor() if is_shared_out(tensor) else tensor


def part_of_mine(tensor: Tensor, like: Tensor) -> Tensor:
    """The reverse: what this process holds of it, as it does of another tensor of that shape. All have the same file before them."""
    if not is_shared_out(like):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def _accelerate() -> object:
    """What accelerate knows of this process and the others; on the processor, where PROXY3D_DEVICE names nothing else, they talk through gloo."""
    from accelerate import PartialState

    return PartialState() if PartialState._shared_state else PartialState(cpu=computing_device().type == "cpu", timeout=PATIENCE)
