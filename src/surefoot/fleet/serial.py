"""Members one after another: for any model at all."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from surefoot.fleet.fleet import Fleet
from surefoot.fleet.step import Named
from surefoot.tasks.seeding import seed_torch


class SerialFleet(Fleet):
    """A fleet whose members' gradients are computed in a loop, on one model that lends itself to each in turn."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._trained = [param for param in self.model.parameters() if param.requires_grad]
        self._sockets = _sockets(self.model)

    def gradients(self, params: Tensor, buffers: Named, batch: Any, *, forward_seed: int) -> tuple[Tensor, Tensor]:
        """Return the members' gradients and losses, one after another, on the one model."""
        grads, losses = [], []
        for member, row in enumerate(params):
            seed_torch(forward_seed)
            loss = self.task.batch_loss(self._lend(row, _of_member(buffers, member)), batch)
            grads.append(self._flat_gradient(loss))
            losses.append(loss.detach())
            self._take_back(_of_member(buffers, member))
        return torch.stack(grads), torch.stack(losses)

    def scores(self, params: Tensor, buffers: Named, batch: Any, *, forward_seed: int) -> Tensor:
        """Return the members' losses and metrics, one after another, on the one model."""
        with torch.no_grad():
            each = [
                self._score(self._lend(row, _of_member(buffers, member)), batch, forward_seed)
                for member, row in enumerate(params)
            ]
            return torch.stack(each, dim=1)

    def _score(self, model: nn.Module, batch: Any, forward_seed: int) -> Tensor:
        seed_torch(forward_seed)
        loss, metric = self.task.batch_scores(model, batch)
        return torch.stack([loss, metric.to(loss.dtype)])

    def _lend(self, row: Tensor, buffers: Named) -> nn.Module:
        """Point the model's parameters at one member's, and give it copies of that member's buffers."""
        for param, value in zip(self._trained, self.layout.unflatten(row).values(), strict=True):
            param.data = value
        copies = {name: buffer.clone() for name, buffer in buffers.items()}
        for module, own_name, name in self._sockets:
            module._buffers[own_name] = copies[name]
        return self.model

    def _take_back(self, buffers: Named) -> None:
        """Keep the buffers that a forward pass has changed or replaced; one of another shape was a mere cache."""
        for module, own_name, name in self._sockets:
            after = module._buffers.get(own_name)
            if after is not None and after.shape == buffers[name].shape:
                buffers[name].copy_(after.detach())

    def _flat_gradient(self, loss: Tensor) -> Tensor:
        grads = torch.autograd.grad(loss, self._trained, materialize_grads=True)
        return torch.cat([grad.to_dense().reshape(-1) for grad in grads])


def _of_member(buffers: Named, member: int) -> Named:
    return {name: buffer[member] for name, buffer in buffers.items()}


def _sockets(model: nn.Module) -> list[tuple[nn.Module, str, str]]:
    """Return every place of a buffer: its module, its name there, and its full name; shared buffers have several."""
    names = {id(buffer): name for name, buffer in model.named_buffers()}
    return [
        (module, own_name, names[id(buffer)])
        for module in model.modules()
        for own_name, buffer in module._buffers.items()
        if buffer is not None
    ]
