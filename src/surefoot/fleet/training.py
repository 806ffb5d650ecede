"""Steps of one fleet, or of several at a time: read the batches, share the members out, take the steps.

Training fleets in slices short enough to show progress and to stop between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from surefoot.core.progress import Interrupted, Progress, Stop, never
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.plan import Plan
from surefoot.fleet.processes import run_jobs, using_threads
from surefoot.fleet.step import Chunk, PlainStep, Step, Work, index_of, share_out
from surefoot.tasks.seeding import borrowed_generators, draw_seed, seed_everything
from surefoot.tasks.tensor_split import TensorSplit
from surefoot.tasks.user_code_errors import is_out_of_memory

# Batches are read ahead, once for all members: so many bytes of them at a time.
READ_AHEAD_BYTES = 64 << 20
# Forking and waiting cost about this long, more with a busy neighbour: less work than a few times that is done in this
# process.
FORK_SECONDS = 0.03

Batches = dict[int, list[Any]]


def share_cores(fleets: Sequence[Fleet]) -> None:
    """Give whole fleets to the processes as far as they go round, and divide those that are left among all of them.

    Undivided, a fleet of few members still has them stacked. The places in the sequence decide, so that fleets which
    go on after an interruption are divided as before: sums of other width are rounded otherwise.

    Args:
        fleets: Of one plan, to be trained together.
    """
    processes = fleets[0].processes if fleets else 1
    left = len(fleets) % processes
    for place, fleet in enumerate(fleets):
        fleet.spread = -(-processes // left) if place >= len(fleets) - left else 1


def train_members(fleet: Fleet, steps: int, *, members: Sequence[int] | None = None) -> Tensor:
    """Take optimizer steps with every member, or with some while the others rest.

    Args:
        fleet: The fleet, whose state changes.
        steps: How many.
        members: Indices of the members to train; all by default.

    Returns:
        The losses before each step, ``[steps, K]``, or one column for each of ``members``.
    """
    return train_fleets([(fleet, fleet.members(members))], steps)[0]


def train_fleets(chosen: Sequence[tuple[Fleet, list[int]]], steps: int) -> list[Tensor]:
    """Take steps with some members of each fleet; return their losses ``[steps, k]``."""
    runs = [Run.of(fleet, places, steps) for fleet, places in chosen]
    with borrowed_generators(), using_threads(chosen[0][0].threads if chosen else 1):
        ahead = 0
        while ahead < steps:
            ahead += _block(runs, ahead)
    return [run.end() for run in runs]


@dataclass(slots=True, eq=False)
class Run:
    """Steps that some members of a fleet are taking.

    Attributes:
        fleet: Theirs.
        places: The members.
        steps: How many.
        losses: Of the whole fleet, ``[steps, K]``, in memory that forked processes share.
        work: Who goes together.
    """

    fleet: Fleet
    places: list[int]
    steps: int
    losses: Tensor
    work: list[Work]

    @classmethod
    def of(cls, fleet: Fleet, places: list[int], steps: int) -> Run:
        """Begin."""
        fleet.whole = False
        fleet.model.train()
        losses = fleet.own(fleet.params.new_full((steps, len(fleet.recipes)), torch.nan))
        run = cls(fleet, places, steps, losses, [])
        run.work = run.grouped(places)
        return run

    def grouped(self, places: Sequence[int]) -> list[Work]:
        """Group some members by what the fleet's width and processes are now."""
        fleet = self.fleet
        return share_out(
            fleet.recipes,
            places,
            step=fleet.step,
            total=fleet.total,
            lr_scale=fleet.lr_scale,
            steps=self.steps,
            width=fleet.chunk_width(len(places), processes=fleet.spread),
            by_rule=fleet.compiled,
            layout=fleet.layout,
            like=fleet.params,
        )

    def end(self) -> Tensor:
        """Note what came of the steps; return the losses, a column for each place."""
        own = self.losses[:, self.places].cpu().double()
        if self.steps:
            _note_divergence(self.fleet, own, self.places)
        self.fleet.history.add(own, self.places, begins=self.fleet.step, totals=self.fleet.total)
        self.fleet.step[self.places] += self.steps
        self.fleet.whole = True
        return own


def _block(runs: Sequence[Run], ahead: int) -> int:
    """Take as many steps as batches can be read ahead; return how many."""
    read: list[Batches] = [{begin: read_batches(run.fleet, begin + ahead) for begin in _begins(run)} for run in runs]
    bytes_a_step = sum(bytes_of(batches) for of_run in read for batches in of_run.values())
    left = runs[0].steps - ahead
    count = max(1, min(left, READ_AHEAD_BYTES // max(1, bytes_a_step)))
    jobs, fleets = [], []
    for run, first in zip(runs, read, strict=True):
        batches = {begin + ahead: batch for begin, batch in first.items()}
        batches |= {
            number: read_batches(run.fleet, number)
            for number in sorted({begin + ahead + more for begin in first for more in range(count)} - batches.keys())
        }
        for work in run.work:
            own = [batches[work.begin + number][0] for number in range(ahead, ahead + count)]
            step = run.fleet.step_of(work, own)
            jobs.append(partial(_train, run, work, step, range(ahead, ahead + count), batches))
            fleets.append(run.fleet)
    begin = time.perf_counter()
    members = sum(len(run.places) for run in runs)
    processes = processes_for(runs[0].fleet, members * count)
    for fleet, width in zip(fleets, run_jobs(jobs, processes=processes), strict=True):
        if width < fleet.width:
            fleet.narrow(width)
    for run in runs:
        run.fleet.pace = processes * (time.perf_counter() - begin) / max(1, members * count)
        if any(len(work.rows) > run.fleet.width for work in run.work):
            run.work = run.grouped(run.places)
    return count


def processes_for(fleet: Fleet, config_steps: float) -> int:
    """Return how many processes so much work is worth; all of them where a config-step's cost is not known yet."""
    worth_it = fleet.pace is None or fleet.pace * config_steps > 4 * FORK_SECONDS
    return fleet.processes if worth_it else 1


def _train(run: Run, work: Work, step: Step, steps: range, batches: Batches) -> int:
    """Take steps with the members of one chunk, in halves where memory runs out; return the width it was done at."""
    fleet = run.fleet
    try:
        _take_steps(run, work, step, steps, batches)
        return fleet.width
    except (MemoryError, RuntimeError) as error:
        if len(work.rows) == 1 or not is_out_of_memory(error):
            raise
    # The fleet's state is as before: the chunk was a copy. Outside the handler, which holds on to its tensors.
    half = -(-len(work.rows) // 2)
    fleet.narrow(half)
    return min(_train(run, part, PlainStep(fleet), steps, batches) for part in run.grouped(work.rows))


def _take_steps(run: Run, work: Work, step: Step, steps: range, batches: Batches) -> None:
    fleet, rows = run.fleet, index_of(work.rows)
    chunk = Chunk.of(fleet, work)
    if step.width is not None:
        chunk = chunk.padded(step.width)
    for ahead in steps:
        run.losses[ahead, rows] = step(work, chunk, ahead, batches[work.begin + ahead])
    chunk.put_back(fleet, work)


def read_batches(fleet: Fleet, number: int) -> list[Any]:
    """Read the micro-batches of a step, once for all members."""
    task = fleet.task
    if not isinstance(task.train, TensorSplit):  # a dataset may draw, as for augmentation
        seed_everything(draw_seed(fleet.seed, "data", number))
    numbers = range(number * task.accumulate, (number + 1) * task.accumulate)
    return [on_device(fleet, task.batch("train", fleet.order.indices(micro))) for micro in numbers]


def on_device(fleet: Fleet, batch: Any) -> Any:
    """Return a batch where the fleet trains."""
    return pytree.tree_map_only(Tensor, lambda tensor: tensor.to(fleet.device), batch)


def _begins(run: Run) -> Iterator[int]:
    return iter(sorted({work.begin for work in run.work}))


def bytes_of(batches: Any) -> int:
    """Return the bytes of all tensors in a batch, or in several."""
    return sum(leaf.nbytes for leaf in pytree.tree_leaves(batches) if isinstance(leaf, Tensor))


def _note_divergence(fleet: Fleet, losses: Tensor, places: list[int]) -> None:
    bad = ~torch.isfinite(losses)
    first = fleet.step[places] + bad.to(torch.uint8).argmax(0)
    known = fleet.diverged_at[places]
    fleet.diverged_at[places] = torch.where((known < 0) & bad.any(0), first, known)


SLICE_SECONDS = 0.5


@dataclass(slots=True)
class Runner:
    """Trains, shows progress, and stops when asked to.

    Attributes:
        plan: How fleets are run.
        progress: Receives what happens.
        stop: Asked between slices; where it says yes, :class:`Interrupted` is raised and the fleet stands at a
            whole step.
        after_slice: Called after every slice: for checkpoints.
    """

    plan: Plan
    progress: Progress
    stop: Stop = never
    after_slice: Callable[[], None] | None = None
    _step_seconds: float = 0.0

    def train(self, fleet: Fleet, steps: int, *, places: Sequence[int] | None = None) -> Tensor:
        """Train as :meth:`Fleet.train`, slice by slice.

        Raises:
            Interrupted: If asked to stop.
        """
        members = len(fleet.recipes) if places is None else len(places)
        losses: list[Tensor] = []
        left = steps if members else 0
        while left > 0:
            if self.stop():
                raise Interrupted
            losses += self._slice(lambda steps: [train_members(fleet, steps, members=places)], left, members)
            left -= len(losses[-1])
        return torch.cat(losses) if losses else torch.empty(0, members)

    def _slice(self, train: Callable[[int], list[Tensor]], left: int, members: int) -> list[Tensor]:
        cost = self._step_seconds * members
        steps = min(left, max(1, int(SLICE_SECONDS / cost)) if cost else 1)
        begin = time.perf_counter()
        losses = train(steps)
        self._step_seconds = (time.perf_counter() - begin) / (steps * members)
        self.progress.advance(steps * members)
        if self.after_slice is not None:
            self.after_slice()
        return losses
