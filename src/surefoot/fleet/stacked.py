"""Many members in one vectorised program."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vjp, vmap
from torch.utils import _pytree as pytree

from surefoot.fleet.compiled_step import CompileError, Function, Program, fingerprint, program, shapes_of
from surefoot.fleet.convolution import ConvolutionsAsProducts
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.hyperparameters import RuleTable, with_factors
from surefoot.fleet.step import Chunk, Named, Step, Work
from surefoot.optimizers.rule import Slots, UpdateRule, clip_by_global_norm
from surefoot.tasks.seeding import draw_seed, seed_torch
from surefoot.tasks.task import Task
from surefoot.tasks.tensor_split import TensorSplit

T = TypeVar("T")
# A chunk that fills less than this part of the compiled width is cheaper uncompiled.
MOST_PADDING = 4


class StackedFleet(Fleet):
    """A fleet whose members' gradients are computed at once by ``torch.func``.

    Dropout draws the mask of a member trained alone (``randomness="same"``), and normalisation statistics are
    updated in place, member by member. Frozen parameters are held once.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._objective = ObjectiveModule(self.model, self.task)
        trained = set(self.layout.names)
        self._frozen = {name: p.detach() for name, p in self.model.named_parameters() if name not in trained}
        convolves = any(isinstance(module, nn.Conv1d) for module in self.model.modules())
        self._convolutions: AbstractContextManager[Any] = ConvolutionsAsProducts() if convolves else nullcontext()
        self._gradients = self._gradients_outside
        self._vmapped_loss = _vectorised(self._loss)
        self._vmapped_gradient = _vectorised(grad_and_value(self._loss, has_aux=True))
        self._vmapped_scores = _vectorised(self._loss_and_metric)
        self._recorded_scores = _vectorised(self._loss_and_metric_recorded)

    def step_of(self, work: Work, batches: Sequence[Any]) -> Step:
        """Return the compiled step where the plan has one and the members nearly fill it, and else the plain one.

        It is compiled for one shape: batches that differ, as where sequences are padded, take plain steps.
        """
        if not self.compiled or self.task.accumulate > 1 or len(work.rows) * MOST_PADDING < self.width:
            return super().step_of(work, batches)
        batch = batches[0]
        if not isinstance(self.task.train, TensorSplit) and not _alike(batches):
            return super().step_of(work, batches)
        table = work.tables[0].padded(self.width)
        about = (self.task.model, self.task.loss, self.task.objective, self.task.precision, fingerprint(self.model))
        arguments = arguments_of(table, Chunk.of(self, work).padded(self.width), 0, self._frozen, batch)
        try:
            made = program(
                (*about, self.layout, table.rule),
                self._fused(table.rule),
                arguments,
                state=lambda: fingerprint(self.model),
            )
        except CompileError as error:
            self.compiled = False
            self.tell(f"members go on uncompiled: {error}")
            return super().step_of(work, batches)
        return CompiledStep(table, self._frozen, made, self.seed, self.width)

    def _fused(self, rule: UpdateRule) -> Function:
        """Return gradient, clipping and update in one function."""

        def step(  # noqa: PLR0917  (a program takes its arguments by place)
            params: Tensor,
            buffers: Named,
            slots: Slots,
            hyper: Named,
            factors: Named,
            clip: Tensor | None,
            frozen: Named,
            batch: Any,
        ) -> tuple[Tensor, Named, Slots, Tensor]:
            grads, (losses, after) = self._vmapped_gradient(params, buffers, frozen, batch)
            if clip is not None:
                grads = clip_by_global_norm(grads, clip)
            params, slots = rule.update(params, grads, slots, with_factors(hyper, factors))
            return params, after, slots, losses

        return step

    @property
    def in_one_call(self) -> int:
        """How many members share one call of the model."""
        return self.width

    def gradients(self, params: Tensor, buffers: Named, batch: Any, *, forward_seed: int) -> tuple[Tensor, Tensor]:
        """Return the members' gradients and losses, in one vectorised program."""
        seed_torch(forward_seed)
        try:
            grads, losses, after = self._gradients(params, buffers, batch)
        except RuntimeError as error:
            if not _lacks_a_rule(error) or self._gradients == self._gradients_inside:
                raise
            # Recurrent layers have a batching rule only where their gradient is vectorised with them.
            self._gradients = self._gradients_inside
            return self.gradients(params, buffers, batch, forward_seed=forward_seed)
        for name, buffer in after.items():
            buffers[name].copy_(buffer)
        return grads, losses

    def _gradients_outside(self, params: Tensor, buffers: Named, batch: Any) -> tuple[Tensor, Tensor, Named]:
        """Differentiate the vectorised forward pass: members never mix, so their sum has each one's own gradient.

        As fast as to vectorise the gradient, and torch's compiler need not be loaded, which takes a second.
        """
        with torch.enable_grad():
            own = params.detach().requires_grad_()
            losses, after = self._vmapped_loss(own, buffers, self._frozen, batch)
            (grads,) = torch.autograd.grad(losses.sum(), own)
        return grads, losses.detach(), after

    def _gradients_inside(self, params: Tensor, buffers: Named, batch: Any) -> tuple[Tensor, Tensor, Named]:
        """Vectorise the gradient."""
        grads, (losses, after) = self._vmapped_gradient(params, buffers, self._frozen, batch)
        return grads, losses, after

    def scores(self, params: Tensor, buffers: Named, batch: Any, *, forward_seed: int) -> Tensor:
        """Return the members' losses and metrics, in one vectorised program."""
        seed_torch(forward_seed)
        try:
            copies = {name: buffer.clone() for name, buffer in buffers.items()}
            return self._vmapped_scores(params, copies, self._frozen, batch).detach().T
        except RuntimeError as error:
            if not _lacks_a_rule(error) or self._vmapped_scores is self._recorded_scores:
                raise
        # Recurrent layers have a batching rule for training only: their inference kernel has none.
        self._vmapped_scores = self._recorded_scores
        return self.scores(params, buffers, batch, forward_seed=forward_seed)

    def _loss(self, params: Tensor, buffers: Named, frozen: Named, batch: Any) -> tuple[Tensor, Named]:
        """Return the loss, and the buffers after the forward pass."""
        loss, _, after = self._call(params, buffers, frozen, batch, metric=False)
        return loss, after

    def _loss_and_metric(self, params: Tensor, buffers: Named, frozen: Named, batch: Any) -> Tensor:
        loss, metric, _ = self._call(params, buffers, frozen, batch, metric=True)
        return torch.stack([loss, metric.to(loss.dtype)])

    def _loss_and_metric_recorded(self, params: Tensor, buffers: Named, frozen: Named, batch: Any) -> Tensor:
        """Return the same as in training, recording what a gradient would need."""
        scores: Tensor = vjp(lambda own: self._loss_and_metric(own, buffers, frozen, batch), params)[0]
        return scores

    def _call(
        self, params: Tensor, buffers: Named, frozen: Named, batch: Any, *, metric: bool
    ) -> tuple[Tensor, Tensor, Named]:
        named = self.layout.unflatten(params) | frozen | buffers
        state = {f"model.{name}": value for name, value in named.items()}
        with self._convolutions:
            loss, value = functional_call(self._objective, state, (batch,), {"metric": metric})
        # Torch leaves in the mapping what the forward pass has put in a buffer's place.
        return loss, value, {name: state[f"model.{name}"].detach() for name in buffers}


@dataclass(slots=True, eq=False)
class CompiledStep:
    """A step with the members of one chunk and copies of the first, as many as the program was compiled for.

    Attributes:
        table: Their hyperparameters, as many.
        frozen: Parameters that no member trains.
        program: The step.
        seed: Seed of the fleet.
        width: How many members the program was compiled for.
    """

    table: RuleTable
    frozen: Named
    program: Program
    seed: int
    width: int

    def __call__(self, work: Work, chunk: Chunk, ahead: int, batches: list[Any]) -> Tensor:
        """Take the step."""
        if self.program.draws:
            seed_torch(draw_seed(self.seed, "forward", work.begin + ahead))
        found = self.program(*arguments_of(self.table, chunk, ahead, self.frozen, batches[0]))
        chunk.params, chunk.buffers, chunk.slots[0], losses = found
        own: Tensor = losses[: len(work.rows)]
        return own


def arguments_of(table: RuleTable, chunk: Chunk, ahead: int, frozen: Named, batch: Any) -> tuple[Any, ...]:
    """Return what a fused step takes, in its order."""
    return (
        *(chunk.params, chunk.buffers, chunk.slots[0]),
        *(table.row(ahead), table.factors, table.clip, frozen, batch),
    )


class ObjectiveModule(nn.Module):
    """A model with its objective, so that one functional call covers whatever the objective does with the model."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model, self._task = model, task

    def forward(self, batch: Any, *, metric: bool) -> tuple[Tensor, Tensor]:
        """Return the loss and the metric (the loss again where none is wanted) of one batch."""
        if metric:
            return self._task.batch_scores(self.model, batch)
        loss = self._task.batch_loss(self.model, batch)
        return loss, loss


def _alike(batches: Sequence[Any]) -> bool:
    """Tell whether batches have one nesting and tensors of one shape each."""
    return len({(str(nesting), shapes_of(leaves)) for leaves, nesting in map(pytree.tree_flatten, batches)}) == 1


def _lacks_a_rule(error: RuntimeError) -> bool:
    return "Batching rule not implemented" in str(error)


def _vectorised(function: Callable[..., T]) -> Callable[..., T]:
    """Give a function of (params, buffers, frozen, batch) a member axis on the first two."""
    vectorised: Callable[..., T] = vmap(function, in_dims=(0, 0, None, None), randomness="same")

    def quiet(*args: Any) -> T:
        with warnings.catch_warnings():
            # Torch tells when an operation is done in a loop inside: what that costs is for calibrate to measure.
            warnings.filterwarnings("ignore", "There is a performance drop")
            return vectorised(*args)

    return quiet
