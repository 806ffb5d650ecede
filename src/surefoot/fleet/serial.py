"""Members one after another: for any model at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from surefoot.fleet.local import LocalFleet
from surefoot.fleet.plan import Backend
from surefoot.tasks.luck import seed_torch


class SerialFleet(LocalFleet):
    """A fleet whose members' gradients are computed in a loop, on one model that lends itself to each in turn."""

    backend: ClassVar[Backend] = "serial"

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._trained = [param for param in self.model.parameters() if param.requires_grad]
        self._sockets = _sockets(self.model)

    def _gradients(self, rows: slice | list[int], batch: Any, *, forward_seed: int) -> tuple[Tensor, Tensor]:
        grads, losses = [], []
        for place in self._places(rows):
            seed_torch(forward_seed)
            loss = self.task.batch_loss(self._lend(place), batch)
            grads.append(self._flat_gradient(loss))
            losses.append(loss.detach())
            self._take_back(place)
        return torch.stack(grads), torch.stack(losses)

    def _scores(self, rows: slice | list[int], batch: Any, *, forward_seed: int) -> Tensor:
        with torch.no_grad():
            return torch.stack([self._score(place, batch, forward_seed) for place in self._places(rows)], dim=1)

    def _score(self, place: int, batch: Any, forward_seed: int) -> Tensor:
        seed_torch(forward_seed)
        model = self._lend(place)
        loss = self.task.batch_loss(model, batch)
        metric = loss if self.task.metric is None else self.task.batch_metric(model, batch)
        return torch.stack([loss, metric.to(loss.dtype)])

    def _places(self, rows: slice | list[int]) -> Sequence[int]:
        return range(len(self.recipes))[rows] if isinstance(rows, slice) else rows

    def _lend(self, place: int) -> nn.Module:
        """Point the model's parameters at one member's, and give it copies of that member's buffers."""
        for param, value in zip(self._trained, self.layout.unflatten(self.params[place]).values(), strict=True):
            param.data = value
        copies = {name: buffer[place].clone() for name, buffer in self.buffers.items()}
        for module, own_name, name in self._sockets:
            module._buffers[own_name] = copies[name]
        return self.model

    def _take_back(self, place: int) -> None:
        """Keep the buffers that a forward pass has changed or replaced; one of another shape was a mere cache."""
        for module, own_name, name in self._sockets:
            after, own = module._buffers.get(own_name), self.buffers[name]
            if after is not None and after.shape == own.shape[1:]:
                own[place] = after.detach()

    def _flat_gradient(self, loss: Tensor) -> Tensor:
        grads = torch.autograd.grad(loss, self._trained, materialize_grads=True)
        return torch.cat([grad.to_dense().reshape(-1) for grad in grads])


def _sockets(model: nn.Module) -> list[tuple[nn.Module, str, str]]:
    """Return every place of a buffer: its module, its name there, and its full name; shared buffers have several."""
    names = {id(buffer): name for name, buffer in model.named_buffers()}
    return [
        (module, own_name, names[id(buffer)])
        for module in model.modules()
        for own_name, buffer in module._buffers.items()
        if buffer is not None
    ]
