"""Train the members of one fleet, or of several together, in blocks of steps whose batches are read ahead."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from surefoot.core.progress import Interrupted, Progress, StopCondition, never_stop
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.forked_processes import run_jobs, using_threads
from surefoot.fleet.plan import Plan
from surefoot.fleet.step import GroupState, MemberGroup, PlainStep, Step, fast_index, group_members
from surefoot.tasks.seeding import derive_seed, preserved_generators, seed_everything
from surefoot.tasks.tensor_and_dataset_splits import TensorSplit
from surefoot.tasks.user_code_errors import is_out_of_memory

# Maximum bytes of batches that are read ahead at a time, once for all members; chosen.
READ_AHEAD_BYTES = 64 << 20
# What forking processes and waiting for them costs, in seconds, on an idle machine; on a busy one it is more.
FORK_SECONDS = 0.03
# Work is shared among processes only if it takes at least this many times FORK_SECONDS in one process; chosen.
MIN_WORK_PER_FORK = 4
# Seconds between two moments at which a training shows its progress and can be stopped; chosen: short for a person.
SLICE_SECONDS = 0.5

# The micro-batches of each step, by the step's number.
Batches = dict[int, list[Any]]


@dataclass(slots=True)
class InterruptibleTraining:
    """Trains fleets in slices of about half a second; shows progress and can be stopped between them.

    Attributes:
        plan: The plan that the fleets are created with.
        progress: Receives the config-steps of every slice.
        stop: Asked before every slice whether to stop.
    """

    plan: Plan
    progress: Progress
    stop: StopCondition = never_stop
    _config_step_seconds: float = 0.0

    def train(self, fleet: Fleet, steps: int) -> Tensor:
        """Train all members as :func:`train_members` does, and return the same losses ``[steps, K]``.

        Raises:
            Interrupted: If ``stop`` returns true; the members stand between two steps.
        """
        members = len(fleet.recipes)
        losses: list[Tensor] = []
        left = steps
        while left > 0:
            if self.stop():
                raise Interrupted
            losses.append(self._train_slice(fleet, max_steps=left))
            left -= len(losses[-1])
        return torch.cat(losses) if losses else torch.empty(0, members)

    def _train_slice(self, fleet: Fleet, *, max_steps: int) -> Tensor:
        members = len(fleet.recipes)
        step_seconds = self._config_step_seconds * members
        steps = min(max_steps, max(1, int(SLICE_SECONDS / step_seconds)) if step_seconds else 1)
        start = time.perf_counter()
        losses = train_members(fleet, steps)
        self._config_step_seconds = (time.perf_counter() - start) / (steps * members)
        self.progress.advance(steps * members)
        return losses


def train_members(fleet: Fleet, steps: int, *, members: Sequence[int] | None = None) -> Tensor:
    """Take optimizer steps with all members of a fleet, or with some of them.

    Args:
        fleet: The fleet, whose state changes.
        steps: Number of steps.
        members: Indices of the members to train; all by default.

    Returns:
        The losses before each step, ``[steps, K]``, or one column for each of ``members``.
    """
    return train_fleets([(fleet, fleet.member_indices(members))], steps)[0]


def train_fleets(chosen: Sequence[tuple[Fleet, list[int]]], steps: int) -> list[Tensor]:
    """Take steps with some members of several fleets of one plan, all at the same time.

    Args:
        chosen: The fleets, each with the indices of the members to train.
        steps: Number of steps.

    Returns:
        For each fleet the losses before each step ``[steps, k]``.
    """
    runs = [FleetRun.start(fleet, members, steps) for fleet, members in chosen]
    with preserved_generators(), using_threads(chosen[0][0].threads if chosen else 1):
        done = 0
        while done < steps:
            done += _train_block(runs, done)
    return [run.finish() for run in runs]


def assign_processes(fleets: Sequence[Fleet]) -> None:
    """Set how many processes each of some fleets is divided among: one each, as far as fleets and processes match up.

    The fleets that are left over are divided among all processes. An undivided fleet of few members still has them
    stacked. The order of the fleets decides, so that an interrupted training is divided as before when it goes on:
    sums over groups of another width are rounded differently.

    Args:
        fleets: Fleets of one plan that are going to be trained together.
    """
    processes = fleets[0].processes if fleets else 1
    left_over = len(fleets) % processes
    for number, fleet in enumerate(fleets):
        fleet.assigned_processes = -(-processes // left_over) if number >= len(fleets) - left_over else 1


@dataclass(slots=True, eq=False)
class FleetRun:
    """A training of some members of one fleet over some steps, while it is under way.

    Attributes:
        fleet: The fleet.
        members: Indices of the members that train.
        steps: Number of steps they take.
        losses: Losses of the whole fleet ``[steps, K]``, in memory that forked processes share; NaN where not trained.
        groups: The members, grouped for their steps.
    """

    fleet: Fleet
    members: list[int]
    steps: int
    losses: Tensor
    groups: list[MemberGroup]

    @classmethod
    def start(cls, fleet: Fleet, members: list[int], steps: int) -> FleetRun:
        """Return the run of some members over some steps, and mark the fleet's state as changing."""
        fleet.consistent = False
        fleet.model.train()
        losses = fleet.to_shared(fleet.params.new_full((steps, len(fleet.recipes)), torch.nan))
        run = cls(fleet, members, steps, losses, [])
        run.groups = run.group(members)
        return run

    def group(self, members: Sequence[int]) -> list[MemberGroup]:
        """Group some members by the fleet's present width and processes."""
        fleet = self.fleet
        return group_members(
            fleet.recipes,
            members,
            step=fleet.step,
            total=fleet.total,
            lr_scale=fleet.lr_scale,
            steps=self.steps,
            width=fleet.group_width(len(members), processes=fleet.assigned_processes),
            by_rule=fleet.compiled,
            layout=fleet.layout,
            like=fleet.params,
        )

    def first_steps(self) -> list[int]:
        """Return the steps that the groups started at, ascending, each once."""
        return sorted({group.first_step for group in self.groups})

    def finish(self) -> Tensor:
        """Record losses and divergence in the fleet; return the losses, one column for each member."""
        losses = self.losses[:, self.members].cpu().double()
        if self.steps:
            _record_divergence(self.fleet, losses, self.members)
        self.fleet.history.add(losses, self.members, first_steps=self.fleet.step, totals=self.fleet.total)
        self.fleet.step[self.members] += self.steps
        self.fleet.consistent = True
        return losses


def processes_for(fleet: Fleet, config_steps: float) -> int:
    """Return how many processes to share some work among: all, or one where the work is too little to fork for.

    All processes are used while the cost of a config-step is not known yet.
    """
    seconds = fleet.config_step_seconds
    worth_forking = seconds is None or seconds * config_steps > MIN_WORK_PER_FORK * FORK_SECONDS
    return fleet.processes if worth_forking else 1


def read_batches(fleet: Fleet, step: int) -> list[Any]:
    """Return the micro-batches of a step, which are the same for all members, on the fleet's device."""
    task = fleet.task
    if not isinstance(task.train, TensorSplit):  # a dataset may draw random numbers, as for augmentation
        seed_everything(derive_seed(fleet.seed, "data", step))
    numbers = range(step * task.accumulate, (step + 1) * task.accumulate)
    return [on_device(fleet, task.batch("train", fleet.order.indices(number))) for number in numbers]


def on_device(fleet: Fleet, batch: Any) -> Any:
    """Return a batch with its tensors on the fleet's device."""
    return pytree.tree_map_only(Tensor, lambda tensor: tensor.to(fleet.device), batch)


def tensor_bytes(batches: Any) -> int:
    """Return the total size in bytes of all tensors in a batch or in a nesting of batches."""
    return sum(leaf.nbytes for leaf in pytree.tree_leaves(batches) if isinstance(leaf, Tensor))


def _train_block(runs: Sequence[FleetRun], done: int) -> int:
    """Take as many steps as batches may be read ahead, after ``done`` steps; return how many were taken."""
    batches = [{first: read_batches(run.fleet, first + done) for first in run.first_steps()} for run in runs]
    step_bytes = sum(tensor_bytes(of_run) for of_run in batches)
    steps = max(1, min(runs[0].steps - done, READ_AHEAD_BYTES // max(1, step_bytes)))
    block = range(done, done + steps)
    jobs, fleets = [], []
    for run, next_batches in zip(runs, batches, strict=True):
        by_step = _read_block(run, block, {first + done: batch for first, batch in next_batches.items()})
        for group in run.groups:
            step = run.fleet.make_step(group, [by_step[group.first_step + offset][0] for offset in block])
            jobs.append(partial(_train_group, run, group, step=step, offsets=block, batches=by_step))
            fleets.append(run.fleet)
    start = time.perf_counter()
    members = sum(len(run.members) for run in runs)
    processes = processes_for(runs[0].fleet, members * steps)
    for fleet, width in zip(fleets, run_jobs(jobs, processes=processes), strict=True):
        if width < fleet.width:
            fleet.reduce_width(width)
    for run in runs:
        run.fleet.config_step_seconds = processes * (time.perf_counter() - start) / max(1, members * steps)
        if any(len(group.members) > run.fleet.width for group in run.groups):
            run.groups = run.group(run.members)
    return steps


def _read_block(run: FleetRun, block: range, known: Batches) -> Batches:
    """Return the micro-batches of every step that a block needs, by step; ``known`` are those of its first steps."""
    needed = {first + offset for first in run.first_steps() for offset in block}
    return known | {step: read_batches(run.fleet, step) for step in sorted(needed - known.keys())}


def _train_group(run: FleetRun, group: MemberGroup, *, step: Step, offsets: range, batches: Batches) -> int:
    """Take a group's steps, in halves where memory runs out; return the width that they were taken at."""
    fleet = run.fleet
    try:
        _take_steps(run, group, step=step, offsets=offsets, batches=batches)
        return fleet.width
    except (MemoryError, RuntimeError) as error:
        if len(group.members) == 1 or not is_out_of_memory(error):
            raise
    # The fleet's state is unchanged: the group worked on a copy. Outside the handler, which holds the copy's tensors.
    half = -(-len(group.members) // 2)
    fleet.reduce_width(half)
    parts = run.group(group.members)
    return min(_train_group(run, part, step=PlainStep(fleet), offsets=offsets, batches=batches) for part in parts)


def _take_steps(run: FleetRun, group: MemberGroup, *, step: Step, offsets: range, batches: Batches) -> None:
    fleet, rows = run.fleet, fast_index(group.members)
    state = GroupState.of(fleet, group)
    if step.width is not None:
        state = state.padded(step.width)
    for offset in offsets:
        run.losses[offset, rows] = step(group, state, offset=offset, batches=batches[group.first_step + offset])
    state.write_back(fleet, group)


def _record_divergence(fleet: Fleet, losses: Tensor, members: list[int]) -> None:
    not_finite = ~torch.isfinite(losses)
    first = fleet.step[members] + not_finite.to(torch.uint8).argmax(0)
    recorded = fleet.diverged_at[members]
    fleet.diverged_at[members] = torch.where((recorded < 0) & not_finite.any(0), first, recorded)
