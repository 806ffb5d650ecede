"""The backends of a fleet: members one after another, for every model, or all of a group at once by vmap."""

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

from surefoot.fleet.compiled_step import (
    CompileError,
    Program,
    StepFunction,
    compiled_program,
    fingerprint,
    tensor_specs,
)
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.hyperparameters import RuleTable, with_factors
from surefoot.fleet.stacked_convolution import Conv1dAsMatmul
from surefoot.fleet.step import GroupState, MemberGroup, NamedTensors, Step
from surefoot.optimizers.rule import Slots, UpdateRule, clip_by_global_norm
from surefoot.tasks.seeding import derive_seed, seed_torch
from surefoot.tasks.task import Task
from surefoot.tasks.tensor_and_dataset_splits import TensorSplit


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


T = TypeVar("T")
# A group is padded to the compiled width if that has at most this many times its members; for smaller groups uncompiled
# steps are cheaper.
MAX_PADDING_RATIO = 4


class StackedFleet(Fleet):
    """A fleet whose members' gradients are computed at once by ``torch.func``.

    Every member's dropout draws the mask that it would draw alone (``randomness="same"``), and each member's
    normalisation statistics are updated in place. Frozen parameters are stored once for all members.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._objective = ObjectiveModule(self.model, self.task)
        trained = set(self.layout.names)
        self._frozen = {name: p.detach() for name, p in self.model.named_parameters() if name not in trained}
        convolves = any(isinstance(module, nn.Conv1d) for module in self.model.modules())
        self._convolutions: AbstractContextManager[Any] = Conv1dAsMatmul() if convolves else nullcontext()
        self._gradients = self._gradients_of_vmapped_loss
        self._vmapped_loss = _vmapped(self._loss)
        self._vmapped_gradient = _vmapped(grad_and_value(self._loss, has_aux=True))
        self._vmapped_scores = _vmapped(self._loss_and_metric)
        self._vmapped_scores_with_graph = _vmapped(self._loss_and_metric_with_graph)

    def make_step(self, group: MemberGroup, batches: Sequence[Any]) -> Step:
        """Return a compiled step where the plan asks for one and the group nearly fills it, otherwise a plain one.

        A step is compiled for one shape: where batches differ in shape, as padded sequences do, steps are plain.
        """
        if not self.compiled or self.task.accumulate > 1 or len(group.members) * MAX_PADDING_RATIO < self.width:
            return super().make_step(group, batches)
        batch = batches[0]
        if not isinstance(self.task.train, TensorSplit) and not _same_shapes(batches):
            return super().make_step(group, batches)
        table = group.rule_tables[0].padded(self.width)
        model_key = (self.task.model, self.task.loss, self.task.objective, self.task.precision, fingerprint(self.model))
        state = GroupState.of(self, group).padded(self.width)
        arguments = program_arguments(table, state, offset=0, frozen=self._frozen, batch=batch)
        try:
            compiled = compiled_program(
                (*model_key, self.layout, table.rule),
                self._fused_step(table.rule),
                arguments,
                state=lambda: fingerprint(self.model),
            )
        except CompileError as error:
            self.compiled = False
            self.notify(f"training goes on uncompiled: {error}")
            return super().make_step(group, batches)
        return CompiledStep(table, self._frozen, compiled, self.seed, self.width)

    def _fused_step(self, rule: UpdateRule) -> StepFunction:
        """Return a function that computes gradient, clipping and update of an update rule."""

        def step(  # noqa: PLR0917  (a program takes its arguments by position)
            params: Tensor,
            buffers: NamedTensors,
            slots: Slots,
            hyper: NamedTensors,
            factors: NamedTensors,
            clip: Tensor | None,
            frozen: NamedTensors,
            batch: Any,
        ) -> tuple[Tensor, NamedTensors, Slots, Tensor]:
            grads, (losses, after) = self._vmapped_gradient(params, buffers, frozen, batch)
            if clip is not None:
                grads = clip_by_global_norm(grads, clip)
            params, slots = rule.update(params, grads, slots, with_factors(hyper, factors))
            return params, after, slots, losses

        return step

    @property
    def members_per_call(self) -> int:
        """Number of members that one call of the model computes."""
        return self.width

    def gradients(
        self, params: Tensor, buffers: NamedTensors, batch: Any, *, forward_seed: int
    ) -> tuple[Tensor, Tensor]:
        """Return the members' gradients ``[k, P]`` and losses ``[k]``, computed at once."""
        seed_torch(forward_seed)
        try:
            grads, losses, after = self._gradients(params, buffers, batch)
        except RuntimeError as error:
            if not _has_no_batching_rule(error) or self._gradients == self._gradients_by_vmap:
                raise
            # Recurrent layers have a batching rule only where vmap is applied to their gradient too.
            self._gradients = self._gradients_by_vmap
            return self.gradients(params, buffers, batch, forward_seed=forward_seed)
        for name, buffer in after.items():
            buffers[name].copy_(buffer)
        return grads, losses

    def _gradients_of_vmapped_loss(
        self, params: Tensor, buffers: NamedTensors, batch: Any
    ) -> tuple[Tensor, Tensor, NamedTensors]:
        """Differentiate the sum of the members' losses: members never mix, so each row is that member's gradient.

        It is as fast as :meth:`_gradients_by_vmap` and does not load torch's compiler, which takes a second.
        """
        with torch.enable_grad():
            leaf = params.detach().requires_grad_()
            losses, after = self._vmapped_loss(leaf, buffers, self._frozen, batch)
            (grads,) = torch.autograd.grad(losses.sum(), leaf)
        return grads, losses.detach(), after

    def _gradients_by_vmap(
        self, params: Tensor, buffers: NamedTensors, batch: Any
    ) -> tuple[Tensor, Tensor, NamedTensors]:
        """Apply vmap to the gradient of one member's loss."""
        grads, (losses, after) = self._vmapped_gradient(params, buffers, self._frozen, batch)
        return grads, losses, after

    def scores(self, params: Tensor, buffers: NamedTensors, batch: Any, *, forward_seed: int) -> Tensor:
        """Return the members' losses and metrics ``[2, k]``, computed at once."""
        seed_torch(forward_seed)
        try:
            copies = {name: buffer.clone() for name, buffer in buffers.items()}
            return self._vmapped_scores(params, copies, self._frozen, batch).detach().T
        except RuntimeError as error:
            if not _has_no_batching_rule(error) or self._vmapped_scores is self._vmapped_scores_with_graph:
                raise
        # Recurrent layers have a batching rule only where a gradient is recorded: their inference kernel has none.
        self._vmapped_scores = self._vmapped_scores_with_graph
        return self.scores(params, buffers, batch, forward_seed=forward_seed)

    def _loss(
        self, params: Tensor, buffers: NamedTensors, frozen: NamedTensors, batch: Any
    ) -> tuple[Tensor, NamedTensors]:
        """Return one member's loss, and its buffers after the forward pass."""
        loss, _, after = self._call(params, buffers, frozen, batch, metric=False)
        return loss, after

    def _loss_and_metric(self, params: Tensor, buffers: NamedTensors, frozen: NamedTensors, batch: Any) -> Tensor:
        loss, metric, _ = self._call(params, buffers, frozen, batch, metric=True)
        return torch.stack([loss, metric.to(loss.dtype)])

    def _loss_and_metric_with_graph(
        self, params: Tensor, buffers: NamedTensors, frozen: NamedTensors, batch: Any
    ) -> Tensor:
        """Return one member's loss and metric while recording the graph of a gradient, as in training."""
        scores: Tensor = vjp(lambda row: self._loss_and_metric(row, buffers, frozen, batch), params)[0]
        return scores

    def _call(
        self, params: Tensor, buffers: NamedTensors, frozen: NamedTensors, batch: Any, *, metric: bool
    ) -> tuple[Tensor, Tensor, NamedTensors]:
        named = self.layout.unflatten(params) | frozen | buffers
        state = {f"model.{name}": value for name, value in named.items()}
        with self._convolutions:
            loss, value = functional_call(self._objective, state, (batch,), {"metric": metric})
        # functional_call leaves in the mapping whatever the forward pass assigned to a buffer.
        return loss, value, {name: state[f"model.{name}"].detach() for name in buffers}


@dataclass(slots=True, eq=False)
class CompiledStep:
    """A compiled step of one group, padded with copies of its first member to the width it was compiled for.

    Attributes:
        table: Hyperparameters of the padded group.
        frozen: Parameters that are not trained, by name.
        program: The compiled function.
        seed: Seed of the fleet.
        width: Number of members that the program was compiled for.
    """

    table: RuleTable
    frozen: NamedTensors
    program: Program
    seed: int
    width: int

    def __call__(self, group: MemberGroup, state: GroupState, *, offset: int, batches: list[Any]) -> Tensor:
        """Take the step; see :class:`surefoot.fleet.step.Step`."""
        if self.program.draws_random_numbers:
            seed_torch(derive_seed(self.seed, "forward", group.first_step + offset))
        arguments = program_arguments(self.table, state, offset=offset, frozen=self.frozen, batch=batches[0])
        state.params, state.buffers, state.slots[0], losses = self.program(*arguments)
        members_losses: Tensor = losses[: len(group.members)]
        return members_losses


def program_arguments(
    table: RuleTable, state: GroupState, *, offset: int, frozen: NamedTensors, batch: Any
) -> tuple[Any, ...]:
    """Return the arguments of a fused step in the order of its parameters."""
    return (
        *(state.params, state.buffers, state.slots[0]),
        *(table.values_without_factors(offset), table.factors, table.clip, frozen, batch),
    )


class ObjectiveModule(nn.Module):
    """A model and its objective as one module, so that ``functional_call`` covers all that the objective does."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model, self._task = model, task

    def forward(self, batch: Any, *, metric: bool) -> tuple[Tensor, Tensor]:
        """Return loss and metric of one batch; the loss twice where ``metric`` is false."""
        if metric:
            return self._task.batch_scores(self.model, batch)
        loss = self._task.batch_loss(self.model, batch)
        return loss, loss


def _same_shapes(batches: Sequence[Any]) -> bool:
    """Return whether all batches have the same nesting and the same shapes of tensors."""
    return len({(str(nesting), tensor_specs(leaves)) for leaves, nesting in map(pytree.tree_flatten, batches)}) == 1


def _has_no_batching_rule(error: RuntimeError) -> bool:
    return "Batching rule not implemented" in str(error)


def _vmapped(function: Callable[..., T]) -> Callable[..., T]:
    """Vectorise a function of (params, buffers, frozen, batch) over a leading member axis of the first two."""
    vectorised: Callable[..., T] = vmap(function, in_dims=(0, 0, None, None), randomness="same")

    def without_warnings(*args: Any) -> T:
        with warnings.catch_warnings():
            # Torch warns where an operation falls back to a loop; calibrate measures what that costs.
            warnings.filterwarnings("ignore", "There is a performance drop")
            return vectorised(*args)

    return without_warnings
