"""Many members in one vectorised program."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vjp, vmap

from surefoot.fleet.chunk import Named
from surefoot.fleet.local import LocalFleet
from surefoot.fleet.luck import seed_torch
from surefoot.tasks.task import Task

T = TypeVar("T")


class StackedFleet(LocalFleet):
    """A fleet whose members' gradients are computed at once by ``torch.func``.

    Dropout draws the mask of a member trained alone (``randomness="same"``), and normalisation statistics are
    updated in place, member by member. Frozen parameters are held once.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._objective = ObjectiveModule(self.model, self.task)
        trained = set(self.layout.names)
        self._frozen = {name: p.detach() for name, p in self.model.named_parameters() if name not in trained}
        self._vmapped = _vectorised(grad_and_value(self._loss, has_aux=True))
        self._vmapped_scores = _vectorised(self._loss_and_metric)
        self._recorded_scores = _vectorised(self._loss_and_metric_recorded)

    def gradients(self, params: Tensor, buffers: Named, batch: Any, *, forward_seed: int) -> tuple[Tensor, Tensor]:
        """Return the members' gradients and losses, in one vectorised program."""
        seed_torch(forward_seed)
        grads, (losses, after) = self._vmapped(params, buffers, batch)
        for name, buffer in after.items():
            buffers[name].copy_(buffer)
        return grads, losses

    def scores(self, params: Tensor, buffers: Named, batch: Any, *, forward_seed: int) -> Tensor:
        """Return the members' losses and metrics, in one vectorised program."""
        seed_torch(forward_seed)
        try:
            return self._vmapped_scores(params, {name: b.clone() for name, b in buffers.items()}, batch).detach().T
        except RuntimeError as error:
            if "Batching rule not implemented" not in str(error) or self._vmapped_scores is self._recorded_scores:
                raise
        # Recurrent layers have a batching rule for training only: their inference kernel has none.
        self._vmapped_scores = self._recorded_scores
        return self.scores(params, buffers, batch, forward_seed=forward_seed)

    def _loss(self, params: Tensor, buffers: Named, batch: Any) -> tuple[Tensor, Named]:
        """Return the loss, and the buffers after the forward pass."""
        loss, _, after = self._call(params, buffers, batch, metric=False)
        return loss, after

    def _loss_and_metric(self, params: Tensor, buffers: Named, batch: Any) -> Tensor:
        loss, metric, _ = self._call(params, buffers, batch, metric=self.task.metric is not None)
        return torch.stack([loss, metric.to(loss.dtype)])

    def _loss_and_metric_recorded(self, params: Tensor, buffers: Named, batch: Any) -> Tensor:
        """Return the same as in training, recording what a gradient would need."""
        scores: Tensor = vjp(lambda own: self._loss_and_metric(own, buffers, batch), params)[0]
        return scores

    def _call(self, params: Tensor, buffers: Named, batch: Any, *, metric: bool) -> tuple[Tensor, Tensor, Named]:
        named = self.layout.unflatten(params) | self._frozen | buffers
        state = {f"model.{name}": value for name, value in named.items()}
        loss, value = functional_call(self._objective, state, (batch,), {"metric": metric})
        # Torch leaves in the mapping what the forward pass has put in a buffer's place.
        return loss, value, {name: state[f"model.{name}"].detach() for name in buffers}


class ObjectiveModule(nn.Module):
    """A model with its objective, so that one functional call covers whatever the objective does with the model."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model, self._task = model, task

    def forward(self, batch: Any, *, metric: bool) -> tuple[Tensor, Tensor]:
        """Return the loss and the metric (the loss again where none is wanted) of one batch."""
        loss = self._task.batch_loss(self.model, batch)
        return loss, self._task.batch_metric(self.model, batch) if metric else loss


def _vectorised(function: Callable[..., T]) -> Callable[..., T]:
    """Give a function of (params, buffers, batch) a member axis on all but the batch."""
    vectorised: Callable[..., T] = vmap(function, in_dims=(0, 0, None), randomness="same")

    def quiet(*args: Any) -> T:
        with warnings.catch_warnings():
            # Torch tells when an operation is done in a loop inside: what that costs is for calibrate to measure.
            warnings.filterwarnings("ignore", "There is a performance drop")
            return vectorised(*args)

    return quiet
