"""Which members take their next step together, and on which batch.

Gradient clipping by the global norm, member by member.

Members that take their steps together: their state, taken out of the fleet for a while.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from surefoot.fleet.hyperparameters import RuleTable, pad, rule_tables
from surefoot.fleet.layout import Layout
from surefoot.optimizers.rule import Slots, UpdateRule, clip_by_global_norm
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.seeding import draw_seed


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Members that take their next steps together: at the same step, and no more of them than the fleet's width.

    Attributes:
        rows: Their places in the fleet, ascending.
        begin: The step they are at.
        tables: Their hyperparameters for the steps ahead, by update rule.
    """

    rows: tuple[int, ...]
    begin: int
    tables: tuple[RuleTable, ...]


def share_out(
    recipes: Sequence[Recipe],
    places: Sequence[int],
    *,
    step: Tensor,
    total: Tensor,
    lr_scale: Tensor,
    steps: int,
    width: int,
    by_rule: bool = False,
    layout: Layout,
    like: Tensor,
) -> list[Work]:
    """Group some members by the step they are at, and cut the groups to the width.

    Args:
        recipes: The recipes of all K members.
        places: The members wanted.
        step: The step each of the K members is at.
        total: Length of each member's training.
        lr_scale: Factor on each member's learning rate.
        steps: How many steps are ahead.
        width: Most members in one group.
        by_rule: Whether members of one group must share their update rule too.
        layout: Of the parameters.
        like: A tensor of the dtype and device of the parameters.
    """
    begins, totals = step.tolist(), total.tolist()

    def tables(rows: tuple[int, ...]) -> tuple[RuleTable, ...]:
        return rule_tables(
            recipes, rows, begins=begins, totals=totals, steps=steps, lr_scale=lr_scale, layout=layout, like=like
        )

    kinds = [(begin, recipe.rule if by_rule else None) for begin, recipe in zip(begins, recipes, strict=True)]
    return [Work(rows, begins[rows[0]], tables(rows)) for rows in _groups(kinds, places, width)]


def _groups(kinds: Sequence[Hashable], places: Sequence[int], width: int) -> Iterator[tuple[int, ...]]:
    alike: dict[Hashable, list[int]] = {}
    for row in sorted(set(places)):
        alike.setdefault(kinds[row], []).append(row)
    for members in alike.values():
        for cut in range(0, len(members), width):
            yield tuple(members[cut : cut + width])


def index_of(rows: Sequence[int]) -> slice | list[int]:
    """Return the fastest index of some rows: a slice, which copies nothing, where they are neighbours in order.

    Example:
        >>> index_of([3, 4, 5]), index_of([5, 3])
        (slice(3, 6, None), [5, 3])
    """
    if list(rows) == list(range(rows[0], rows[0] + len(rows))):
        return slice(rows[0], rows[-1] + 1)
    return list(rows)


Named: TypeAlias = dict[str, Tensor]


class MemberState(Protocol):
    """The state of all K members that a step changes.

    Attributes:
        params: ``[K, P]``.
        buffers: Each ``[K, ...]``.
        slots: Of each update rule, each slot ``[K, P]`` or ``[K, 1]``.
    """

    params: Tensor
    buffers: Named
    slots: dict[UpdateRule, Slots]


@dataclass(slots=True, eq=False)
class Chunk:
    """A copy of the state of some members, small enough for a cache and written back when its steps are taken.

    Attributes:
        params: ``[k, P]``.
        buffers: Each ``[k, ...]``.
        slots: Of each update rule among them, in the order of the work's tables.
    """

    params: Tensor
    buffers: Named
    slots: list[Slots]

    @classmethod
    def of(cls, state: MemberState, work: Work) -> Chunk:
        """Copy the members of some work out of the state of all."""
        rows = index_of(work.rows)
        return cls(
            state.params[rows].clone(),
            {name: buffer[rows].clone() for name, buffer in state.buffers.items()},
            [_rows_of(state.slots[table.rule], table) for table in work.tables],
        )

    def padded(self, width: int) -> Chunk:
        """Return the same with copies of the first member behind the others, so that there are ``width``."""
        return Chunk(
            pad(self.params, width),
            {name: pad(buffer, width) for name, buffer in self.buffers.items()},
            [{name: pad(slot, width) for name, slot in slots.items()} for slots in self.slots],
        )

    def put_back(self, state: MemberState, work: Work) -> None:
        """Write the members back into the state of all."""
        rows = index_of(work.rows)
        count = len(work.rows)  # there may be copies behind them, to make the width constant
        state.params[rows] = self.params[:count]
        for name, buffer in self.buffers.items():
            state.buffers[name][rows] = buffer[:count]
        for table, slots in zip(work.tables, self.slots, strict=True):
            for name, slot in slots.items():
                state.slots[table.rule][name][index_of(table.rows)] = slot[: len(table.rows)]


class Gradients(Protocol):
    """What a plain step needs of a fleet: its seed, and the gradients of some members on one batch."""

    seed: int

    def gradients(self, params: Tensor, buffers: Named, batch: Any, *, forward_seed: int) -> tuple[Tensor, Tensor]:
        """Return gradients ``[k, P]`` and losses ``[k]``; change the buffers in place."""
        ...


class Step(Protocol):
    """How the members of one chunk take a step together."""

    @property
    def width(self) -> int | None:
        """How many members the chunk must have, copies of the first included; ``None`` for any number."""
        ...

    def __call__(self, work: Work, chunk: Chunk, ahead: int, batches: list[Any]) -> Tensor:
        """Take one step and return the losses before it ``[k]``; the chunk is changed in place.

        Args:
            work: The members.
            chunk: Their state.
            ahead: How many steps after the work's beginning.
            batches: The micro-batches of this step.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlainStep:
    """Gradients of each micro-batch, then every update rule on its members.

    Attributes:
        fleet: Where the gradients come from.
    """

    fleet: Gradients

    @property
    def width(self) -> int | None:
        """Any number of members will do."""
        return None

    def __call__(self, work: Work, chunk: Chunk, ahead: int, batches: list[Any]) -> Tensor:
        """Take the step."""
        grads, losses = _mean_gradients(self.fleet, chunk, (work.begin + ahead) * len(batches), batches)
        for number, table in enumerate(work.tables):
            if len(work.tables) == 1:
                chunk.params, chunk.slots[number] = _updated(table, ahead, chunk.params, grads, chunk.slots[number])
            else:
                own = index_of([work.rows.index(row) for row in table.rows])
                params, chunk.slots[number] = _updated(table, ahead, chunk.params[own], grads[own], chunk.slots[number])
                chunk.params[own] = params
        return losses


def _mean_gradients(fleet: Gradients, chunk: Chunk, first: int, batches: list[Any]) -> tuple[Tensor, Tensor]:
    results = [
        fleet.gradients(
            chunk.params, chunk.buffers, batch, forward_seed=draw_seed(fleet.seed, "forward", first + micro)
        )
        for micro, batch in enumerate(batches)
    ]
    if len(results) == 1:
        return results[0]
    grads, losses = zip(*results, strict=True)
    return torch.stack(grads).mean(0), torch.stack(losses).mean(0)


def _updated(table: RuleTable, ahead: int, params: Tensor, grads: Tensor, slots: Slots) -> tuple[Tensor, Slots]:
    if table.clip is not None:
        grads = clip_by_global_norm(grads, table.clip)
    return table.rule.update(params, grads, slots, table.at(ahead))


def _rows_of(slots: Slots, table: RuleTable) -> Slots:
    return {name: slot[index_of(table.rows)].clone() for name, slot in slots.items()}
