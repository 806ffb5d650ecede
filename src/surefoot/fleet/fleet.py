"""The training losses of a fleet's members, thinned to a bounded number of points.

The fleet on one machine: the state of its members, however their gradients are computed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.core.errors import RecipeError, StudyError
from surefoot.fleet.layout import Layout, unused_parameters
from surefoot.fleet.plan import Plan, samples_a_pass
from surefoot.fleet.processes import can_fork, shared, using_threads
from surefoot.fleet.step import Named, PlainStep, Step, Work
from surefoot.optimizers.parameter_groups import unmatched
from surefoot.optimizers.rule import Slots, UpdateRule
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.batches import BatchOrder
from surefoot.tasks.seeding import borrowed_generators, draw_seed, seed_everything
from surefoot.tasks.task import Task

POINTS = 100


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Sums of losses over a hundred equal stretches of each member's schedule; part of the fleet's state.

    Attributes:
        sums: Sum of the losses in each stretch ``[K, 100]``.
        counts: Steps in each ``[K, 100]``.

    Example:
        >>> history = History.of(1)
        >>> losses = torch.arange(200.0, dtype=torch.float64).unsqueeze(1)
        >>> history.add(losses, [0], begins=torch.tensor([0]), totals=torch.tensor([200]))
        >>> history.curve(0, total=200)[:2]
        [(1, 0.5), (3, 2.5)]
    """

    sums: Tensor
    counts: Tensor

    @classmethod
    def of(cls, members: int) -> History:
        """Return the empty history of K members."""
        return cls(torch.zeros(members, POINTS, dtype=torch.float64), torch.zeros(members, POINTS, dtype=torch.int64))

    def add(self, losses: Tensor, places: list[int], *, begins: Tensor, totals: Tensor) -> None:
        """Take in the losses ``[steps, k]`` of the members at ``places``, which began at step ``begins[place]``."""
        steps = begins[places].unsqueeze(1) + torch.arange(len(losses))
        stretch = _stretch(steps, totals[places].unsqueeze(1))
        sums, counts = self.sums[places], self.counts[places]
        self.sums[places] = sums.scatter_add(1, stretch, losses.T.contiguous())
        self.counts[places] = counts.scatter_add(1, stretch, torch.ones_like(stretch))

    def curve(self, place: int, *, total: int) -> list[tuple[int, float]]:
        """Return (last step, mean loss) of each stretch that a member has been through.

        The mean is ``inf`` where a loss was not finite.
        """
        done = (self.counts[place] > 0).nonzero().flatten()
        means = self.sums[place, done] / self.counts[place, done]
        means[~means.isfinite()] = torch.inf
        ends = _last_steps(torch.tensor([total])).flatten()[done]
        return list(zip(ends.tolist(), means.tolist(), strict=True))

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that make up the history, by name."""
        return {"sums": self.sums, "counts": self.counts}


def _stretch(steps: Tensor, totals: Tensor) -> Tensor:
    """Return the number of the stretch that each step falls in; all beyond the end count to the last step's."""
    return steps.minimum(totals - 1) * POINTS // totals


def _last_steps(totals: Tensor) -> Tensor:
    """Return the last step of each stretch of a schedule."""
    numbers = torch.arange(1, POINTS + 1)
    return (numbers * totals - 1).div(POINTS, rounding_mode="floor")


class Fleet(ABC):
    """The state of K members and what is done with it; see :class:`surefoot.fleet.protocol.Fleet`.

    Parameters lie in one tensor ``[K, P]``, so that one update rule call serves all members.

    Args:
        task: What is trained.
        recipes: K recipes.
        seed: Of initialisation, data order and dropout.
        plan: How: at which width, in how many processes and threads, on which device.
        total: Length of the training, the task's own by default; one number or K.

    Attributes:
        width: Most members whose gradients are computed at once; halved where memory runs out.
        compiled: Whether steps are compiled, for that very width.
        processes: How many share the members.
        spread: How many of them share the members of this fleet, where others train beside it.
        pace: Seconds of one process that a config-step last took; ``None`` before the first.
        tell: Receives one line where the fleet runs otherwise than planned.
        whole: Whether it stands between two steps; false after an exception in the middle of a training.
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
        self.spread = self.processes
        self.threads = 1 if self.processes > 1 else plan.threads
        self.pace: float | None = None
        self.tell: Callable[[str], None] = _say_nothing
        self.model = self._fresh_model()
        self.layout = Layout.of(self.model, unused=unused_parameters(task, device=self.device))
        self._check_groups(self.recipes)
        self._first_params = self.layout.flatten(dict(self.model.named_parameters())).detach().clone()
        self._first_buffers = {name: buffer.detach().clone() for name, buffer in self.model.named_buffers()}
        self.order = BatchOrder(len(task.split("train")), task.batch_size, seed=draw_seed(seed, "data"))
        members = len(self.recipes)
        self.params = self.own(self._first_params.repeat(members, 1))
        self.buffers = {name: self.own(_repeat(buffer, members)) for name, buffer in self._first_buffers.items()}
        self.slots = {rule: self._fresh_slots(rule) for rule in self._rules()}
        self.step = torch.zeros(members, dtype=torch.int64)
        totals = total if total is not None else task.total_steps
        self.total = torch.as_tensor(totals, dtype=torch.int64).expand(members).clone()
        self.lr_scale = torch.ones(members, dtype=torch.float64)
        self.diverged_at = torch.full((members,), -1, dtype=torch.int64)
        self.history = History.of(members)
        self.whole = True

    def curve(self, place: int) -> list[tuple[int, float]]:
        """Return a member's training loss so far: (step, mean loss since the point before)."""
        return self.history.curve(place, total=int(self.total[place]))

    def state_dict(self, place: int) -> Named:
        """Return a member's parameters and all its buffers by name; what is frozen stands as it began.

        It is the model's ``state_dict`` and the buffers that one leaves out: see :mod:`surefoot.tasks.checkpoint`.
        """
        buffers = {name: buffer[place] for name, buffer in self.buffers.items()}
        state = {**self.model.state_dict(), **self.layout.unflatten(self.params[place]), **buffers}
        return {name: tensor.detach().clone() for name, tensor in state.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over a state that :func:`~surefoot.fleet.launch.save_fleet` wrote for these recipes and this model.

        Raises:
            StudyError: If it is of another model.
        """
        own = dict(self.state())
        if {name: _kind(tensor) for name, tensor in own.items()} != {n: _kind(tensor) for n, tensor in tensors.items()}:
            raise StudyError(f"the state is of another model than that of task {self.task.name!r}.")
        for name, tensor in own.items():
            tensor.copy_(tensors[name])

    @abstractmethod
    def gradients(self, params: Tensor, buffers: Named, batch: Any, *, forward_seed: int) -> tuple[Tensor, Tensor]:
        """Return gradients ``[k, P]`` and losses ``[k]`` of some members on one batch; change their buffers in place.

        Every member's forward pass draws from a generator seeded with ``forward_seed``.
        """

    @abstractmethod
    def scores(self, params: Tensor, buffers: Named, batch: Any, *, forward_seed: int) -> Tensor:
        """Return losses and metrics ``[2, k]`` of some members on one batch; their buffers may change."""

    def step_of(self, work: Work, batches: Sequence[Any]) -> Step:  # noqa: ARG002  (for fleets that have several)
        """Return how some members take a step together, made ready before processes are forked for it.

        Args:
            work: The members.
            batches: The first micro-batch of each of the steps.
        """
        return PlainStep(self)

    def own(self, tensor: Tensor) -> Tensor:
        """Put a tensor where all processes that train the fleet find it."""
        return shared(tensor) if self.processes > 1 else tensor

    def chunk_width(self, members: int, *, processes: int) -> int:
        """Return how many of some members to compute at once, so that each of some processes has its share."""
        return self.width if self.compiled else max(1, min(self.width, -(-members // processes)))

    @property
    def in_one_call(self) -> int:
        """How many members share one call of the model."""
        return 1

    @cached_property
    def samples_a_pass(self) -> int:
        """How many samples an evaluation takes at once; it stays when the fleet becomes narrower."""
        return samples_a_pass(self.task, members=self.in_one_call, device=self.device)

    def narrow(self, width: int) -> None:
        """Compute fewer members at once from now on."""
        self.width, self.compiled = width, False
        self.tell(f"memory ran out: at most {width} at a time from here on.")

    def _fresh_slots(self, rule: UpdateRule) -> Slots:
        return {name: self.own(slot) for name, slot in rule.fresh_slots(self.params).items()}

    def _fresh_model(self) -> nn.Module:
        with borrowed_generators(), using_threads(self.threads):
            seed_everything(draw_seed(self.seed, "initialisation"))
            return self.task.new_model().to(self.device)

    def _check_groups(self, recipes: Sequence[Recipe]) -> None:
        for recipe in recipes:
            missed = unmatched(recipe.groups, self.layout.names)
            if missed:
                raise RecipeError(
                    f"{recipe}: no parameter matches {missed[0]!r}.",
                    hint=f"there are {', '.join(self.layout.names[:8])}.",
                )

    def _rules(self) -> set[UpdateRule]:
        return {self.layout.bound(recipe.rule) for recipe in self.recipes}

    def state(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every tensor that changes in training, by name."""
        for name in ("params", "step", "total", "lr_scale", "diverged_at"):
            yield name, getattr(self, name)
        for name, tensor in self.history.tensors().items():
            yield f"history.{name}", tensor
        for name, buffer in self.buffers.items():
            yield f"buffer.{name}", buffer
        for rule, slots in self.slots.items():
            for name, slot in slots.items():
                yield f"slot.{rule!r}.{name}", slot

    def members(self, places: Sequence[int] | None) -> list[int]:
        """Return places as numbers from 0; all of them where none are named."""
        every = range(len(self.recipes))
        return list(every) if places is None else [every[place] for place in places]


def _say_nothing(line: str) -> None:
    """Stand in for a listener."""


def _repeat(buffer: Tensor, members: int) -> Tensor:
    return buffer.expand(members, *buffer.shape).clone()


def _kind(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
    return tensor.shape, tensor.dtype
