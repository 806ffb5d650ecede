"""The backend that computes members one after another: it works for every model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from surefoot.fleet.fleet import Fleet
from surefoot.fleet.step import NamedTensors
from surefoot.tasks.seeding import seed_torch


class SerialFleet(Fleet):
    """A fleet whose members' gradients are computed in a loop, each loaded into the same model in turn."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._trained = [param for param in self.model.parameters() if param.requires_grad]
        self._buffer_locations = _buffer_locations(self.model)

    def gradients(
        self, params: Tensor, buffers: NamedTensors, batch: Any, *, forward_seed: int
    ) -> tuple[Tensor, Tensor]:
        """Return the members' gradients ``[k, P]`` and losses ``[k]``, computed one after another."""
        grads, losses = [], []
        for member, row in enumerate(params):
            seed_torch(forward_seed)
            loss = self.task.batch_loss(self._load_member(row, _member_buffers(buffers, member)), batch)
            grads.append(self._flat_gradient(loss))
            losses.append(loss.detach())
            self._store_buffers(_member_buffers(buffers, member))
        return torch.stack(grads), torch.stack(losses)

    def scores(self, params: Tensor, buffers: NamedTensors, batch: Any, *, forward_seed: int) -> Tensor:
        """Return the members' losses and metrics ``[2, k]``, computed one after another."""
        with torch.no_grad():
            columns = [
                self._score(self._load_member(row, _member_buffers(buffers, member)), batch, forward_seed)
                for member, row in enumerate(params)
            ]
            return torch.stack(columns, dim=1)

    def _score(self, model: nn.Module, batch: Any, forward_seed: int) -> Tensor:
        seed_torch(forward_seed)
        loss, metric = self.task.batch_scores(model, batch)
        return torch.stack([loss, metric.to(loss.dtype)])

    def _load_member(self, row: Tensor, buffers: NamedTensors) -> nn.Module:
        """Return the model with one member's parameters, as views, and with copies of its buffers."""
        for param, value in zip(self._trained, self.layout.unflatten(row).values(), strict=True):
            param.data = value
        copies = {name: buffer.clone() for name, buffer in buffers.items()}
        for module, local_name, name in self._buffer_locations:
            module._buffers[local_name] = copies[name]
        return self.model

    def _store_buffers(self, buffers: NamedTensors) -> None:
        """Store the buffers after a forward pass; one whose shape has changed is a cache and is not stored."""
        for module, local_name, name in self._buffer_locations:
            after = module._buffers.get(local_name)
            if after is not None and after.shape == buffers[name].shape:
                buffers[name].copy_(after.detach())

    def _flat_gradient(self, loss: Tensor) -> Tensor:
        grads = torch.autograd.grad(loss, self._trained, materialize_grads=True)
        return torch.cat([grad.to_dense().reshape(-1) for grad in grads])


def _member_buffers(buffers: NamedTensors, member: int) -> NamedTensors:
    return {name: buffer[member] for name, buffer in buffers.items()}


def _buffer_locations(model: nn.Module) -> list[tuple[nn.Module, str, str]]:
    """Return module, local name and full name of every buffer; a shared buffer is listed for each module."""
    names = {id(buffer): name for name, buffer in model.named_buffers()}
    return [
        (module, local_name, names[id(buffer)])
        for module in model.modules()
        for local_name, buffer in module._buffers.items()
        if buffer is not None
    ]
