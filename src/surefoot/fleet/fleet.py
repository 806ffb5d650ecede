"""The state of a fleet's K members, and the interface of the backends that compute their gradients and losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.core.errors import RecipeError, StudyError
from surefoot.fleet.forked_processes import can_fork, to_shared_memory, using_threads
from surefoot.fleet.parameter_layout import ParameterLayout, unused_parameters
from surefoot.fleet.plan import Plan, evaluation_batch_size
from surefoot.fleet.step import MemberGroup, NamedTensors, PlainStep, Step
from surefoot.optimizers.parameter_groups import unmatched
from surefoot.optimizers.rule import Slots, UpdateRule
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.seeding import derive_seed, preserved_generators, seed_everything
from surefoot.tasks.task import Task

# Number of points of a recorded loss curve; chosen: fine enough for a plot, and small compared with any model.
HISTORY_SEGMENTS = 100


@dataclass(frozen=True, slots=True, eq=False)
class RecordedLosses:
    """Training losses, summed over 100 equal segments of each member's training; part of the fleet's state.

    Attributes:
        sums: Sum of the losses in each segment ``[K, 100]``.
        counts: Number of steps taken in each segment ``[K, 100]``.

    Example:
        >>> history = RecordedLosses.empty(1)
        >>> losses = torch.arange(200.0, dtype=torch.float64).unsqueeze(1)
        >>> history.add(losses, [0], first_steps=torch.tensor([0]), totals=torch.tensor([200]))
        >>> history.curve(0, total=200)[:2]
        [(1, 0.5), (3, 2.5)]
    """

    sums: Tensor
    counts: Tensor

    @classmethod
    def empty(cls, members: int) -> RecordedLosses:
        """Return the history of K members that have not trained yet."""
        shape = (members, HISTORY_SEGMENTS)
        return cls(torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.int64))

    def add(self, losses: Tensor, members: list[int], *, first_steps: Tensor, totals: Tensor) -> None:
        """Add the losses of some members.

        Args:
            losses: Losses of consecutive steps ``[steps, k]``.
            members: Indices of the k members.
            first_steps: The step of the first of these losses, for each of the K members.
            totals: Length of each of the K members' trainings in steps.
        """
        steps = first_steps[members].unsqueeze(1) + torch.arange(len(losses))
        segments = _segment_of(steps, totals[members].unsqueeze(1))
        sums, counts = self.sums[members], self.counts[members]
        self.sums[members] = sums.scatter_add(1, segments, losses.T.contiguous())
        self.counts[members] = counts.scatter_add(1, segments, torch.ones_like(segments))

    def curve(self, member: int, *, total: int) -> list[tuple[int, float]]:
        """Return (last step, mean loss) of each segment in which a member has taken steps.

        The mean is ``inf`` where a loss was not finite.

        Args:
            member: Index of the member.
            total: Length of its training in steps.
        """
        done = (self.counts[member] > 0).nonzero().flatten()
        means = self.sums[member, done] / self.counts[member, done]
        means[~means.isfinite()] = torch.inf
        ends = _segment_ends(torch.tensor([total])).flatten()[done]
        return list(zip(ends.tolist(), means.tolist(), strict=True))

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that make up the history, by name."""
        return {"sums": self.sums, "counts": self.counts}


def _segment_of(steps: Tensor, totals: Tensor) -> Tensor:
    """Return the index of the segment that each step falls in; steps beyond the end count as the last step."""
    return steps.minimum(totals - 1) * HISTORY_SEGMENTS // totals


def _segment_ends(totals: Tensor) -> Tensor:
    """Return the last step of each segment of a training."""
    numbers = torch.arange(1, HISTORY_SEGMENTS + 1)
    return (numbers * totals - 1).div(HISTORY_SEGMENTS, rounding_mode="floor")


class Fleet(ABC):
    """K members of one task and seed, each with a recipe of its own.

    The class holds the members' state and computes gradients and losses; :mod:`surefoot.fleet.training`,
    :mod:`surefoot.fleet.evaluation` and :mod:`surefoot.fleet.create_and_save_fleet` train, evaluate and save it. All
    members' parameters lie in one tensor ``[K, P]``, so that one call of an update rule serves all members.

    Args:
        task: The task that all members train.
        recipes: One recipe for each member.
        seed: Seed of initialisation, data order and dropout.
        plan: Width, processes, threads, device, and whether steps are compiled.
        total: Length of the training in steps, for all members or for each; the task's own by default.

    Attributes:
        params: Parameters ``[K, P]``.
        buffers: Buffers by name, each ``[K, ...]``.
        slots: Optimizer state of each update rule, each slot ``[K, P]`` or ``[K, 1]``.
        step: Number of steps each member has taken ``[K]``.
        total: Length of each member's training in steps ``[K]``.
        lr_scale: Factor on each member's learning rate ``[K]``.
        diverged_at: Step of each member's first loss that was not finite, -1 where there is none ``[K]``.
        history: Each member's training losses so far.
        width: Maximum number of members whose gradients are computed at once; halved where memory runs out.
        compiled: Whether steps are compiled, for exactly that width.
        processes: Number of processes that train the fleet.
        assigned_processes: Number of processes that this fleet's members are divided among; fewer than ``processes``
            where several fleets train together.
        config_step_seconds: Process-seconds that a config-step took last; ``None`` before the first.
        notify: Called with one line of text where the fleet runs otherwise than planned.
        consistent: Whether all members' states agree with their step counts; ``False`` while a training runs, and
            after an exception in the middle of one.
    """

    def __init__(
        self,
        task: Task,
        recipes: Sequence[Recipe],
        *,
        seed: int,
        plan: Plan,
        total: int | Sequence[int] | None = None,
    ) -> None:
        self.task, self.recipes, self.seed = task, tuple(recipes), seed
        self.width, self.device = plan.width, plan.device
        self.compiled = plan.compiled
        self.processes = plan.processes if can_fork() and plan.device == "cpu" else 1
        self.assigned_processes = self.processes
        self.threads = 1 if self.processes > 1 else plan.threads
        self.config_step_seconds: float | None = None
        self.notify: Callable[[str], None] = _ignore_note
        self.model = self._initial_model()
        self.layout = ParameterLayout.of(self.model, unused=unused_parameters(task, device=self.device))
        self._check_groups(self.recipes)
        self._initial_params = self.layout.flatten(dict(self.model.named_parameters())).detach().clone()
        self._initial_buffers = {name: buffer.detach().clone() for name, buffer in self.model.named_buffers()}
        self.order = BatchOrder(len(task.split("train")), task.batch_size, seed=derive_seed(seed, "data"))
        members = len(self.recipes)
        self.params = self.to_shared(self._initial_params.repeat(members, 1))
        self.buffers = {
            name: self.to_shared(_repeat(buffer, members)) for name, buffer in self._initial_buffers.items()
        }
        self.slots = {rule: self._initial_slots(rule) for rule in self._rules()}
        self.step = torch.zeros(members, dtype=torch.int64)
        totals = total if total is not None else task.total_steps
        self.total = torch.as_tensor(totals, dtype=torch.int64).expand(members).clone()
        self.lr_scale = torch.ones(members, dtype=torch.float64)
        self.diverged_at = torch.full((members,), -1, dtype=torch.int64)
        self.history = RecordedLosses.empty(members)
        self.consistent = True

    def curve(self, member: int) -> list[tuple[int, float]]:
        """Return a member's training loss so far, as (step, mean loss since the previous point)."""
        return self.history.curve(member, total=int(self.total[member]))

    def state_dict(self, member: int) -> NamedTensors:
        """Return copies of a member's parameters and buffers by name; frozen parameters have their initial values.

        Non-persistent buffers, which ``nn.Module.state_dict`` leaves out, are included: see
        :func:`surefoot.tasks.start_from_checkpoint.load_full_state`.
        """
        buffers = {name: buffer[member] for name, buffer in self.buffers.items()}
        state = {**self.model.state_dict(), **self.layout.unflatten(self.params[member]), **buffers}
        return {name: tensor.detach().clone() for name, tensor in state.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Copy the tensors that :func:`~surefoot.fleet.create_and_save_fleet.save_fleet` wrote.

        They are of these recipes and this model.

        Raises:
            StudyError: If names, shapes or dtypes are not those of this fleet.
        """
        current = dict(self.state())
        if _shapes_and_dtypes(current) != _shapes_and_dtypes(tensors):
            raise StudyError(f"the state belongs to another model than that of task {self.task.name!r}.")
        for name, tensor in current.items():
            tensor.copy_(tensors[name])

    @abstractmethod
    def gradients(
        self, params: Tensor, buffers: NamedTensors, batch: Any, *, forward_seed: int
    ) -> tuple[Tensor, Tensor]:
        """Return gradients ``[k, P]`` and losses ``[k]`` of k members on one batch; update their buffers in place.

        Args:
            params: The members' parameters ``[k, P]``.
            buffers: Their buffers, each ``[k, ...]``.
            batch: The batch, the same for all members.
            forward_seed: Seed of torch's generators for each member's forward pass.
        """

    @abstractmethod
    def scores(self, params: Tensor, buffers: NamedTensors, batch: Any, *, forward_seed: int) -> Tensor:
        """Return losses and metrics ``[2, k]`` of k members on one batch; the buffers may change.

        The arguments are those of :meth:`gradients`.
        """

    def make_step(self, group: MemberGroup, batches: Sequence[Any]) -> Step:  # noqa: ARG002  (for subclasses)
        """Return the function that takes a group's steps; called before processes are forked to take them.

        Args:
            group: The members.
            batches: The first micro-batch of each of the steps.
        """
        return PlainStep(self)

    def to_shared(self, tensor: Tensor) -> Tensor:
        """Return the tensor, or a copy in shared memory where several processes train the fleet."""
        return to_shared_memory(tensor) if self.processes > 1 else tensor

    def group_width(self, members: int, *, processes: int) -> int:
        """Return how many of some members to compute at once: at most the width, and a share for each process."""
        return self.width if self.compiled else max(1, min(self.width, -(-members // processes)))

    @property
    def members_per_call(self) -> int:
        """Number of members that one call of the model computes."""
        return 1

    @cached_property
    def evaluation_batch_size(self) -> int:
        """Number of samples in one forward pass of an evaluation; fixed at first use, whatever the width becomes."""
        return evaluation_batch_size(self.task, members=self.members_per_call, device=self.device)

    def reduce_width(self, width: int) -> None:
        """Compute at most ``width`` members at once from now on, uncompiled."""
        self.width, self.compiled = width, False
        self.notify(f"memory ran out: at most {width} members at once from here on.")

    def _initial_slots(self, rule: UpdateRule) -> Slots:
        return {name: self.to_shared(slot) for name, slot in rule.fresh_slots(self.params).items()}

    def _initial_model(self) -> nn.Module:
        with preserved_generators(), using_threads(self.threads):
            seed_everything(derive_seed(self.seed, "initialisation"))
            return self.task.new_model().to(self.device)

    def _check_groups(self, recipes: Sequence[Recipe]) -> None:
        for recipe in recipes:
            missed = unmatched(recipe.groups, self.layout.names)
            if missed:
                raise RecipeError(
                    f"{recipe}: no parameter matches {missed[0]!r}.",
                    hint=f"the model's parameters are {', '.join(self.layout.names[:8])}.",
                )

    def _rules(self) -> set[UpdateRule]:
        return {self.layout.bind(recipe.rule) for recipe in self.recipes}

    def state(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the name and the tensor of everything that changes in training."""
        for name in ("params", "step", "total", "lr_scale", "diverged_at"):
            yield name, getattr(self, name)
        for name, tensor in self.history.tensors().items():
            yield f"history.{name}", tensor
        for name, buffer in self.buffers.items():
            yield f"buffer.{name}", buffer
        for rule, slots in self.slots.items():
            for name, slot in slots.items():
                yield f"slot.{rule!r}.{name}", slot

    def member_indices(self, members: Sequence[int] | None) -> list[int]:
        """Return member indices counted from 0, negative ones resolved; those of all members for ``None``."""
        every = range(len(self.recipes))
        return list(every) if members is None else [every[member] for member in members]


def _ignore_note(line: str) -> None:
    """Drop a note that nobody listens to."""


def _repeat(buffer: Tensor, members: int) -> Tensor:
    return buffer.expand(members, *buffer.shape).clone()


def _shapes_and_dtypes(tensors: dict[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
