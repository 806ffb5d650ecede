"""Members that take their steps together: their state, taken out of the fleet for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from surefoot.fleet.hyper import RuleTable, pad
from surefoot.fleet.work import Work, index_of
from surefoot.optimizers.clip import clip_by_global_norm
from surefoot.optimizers.rule import Slots
from surefoot.tasks.luck import draw_seed

if TYPE_CHECKING:
    from surefoot.fleet.local import LocalFleet

Named: TypeAlias = dict[str, Tensor]


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
    def of(cls, fleet: LocalFleet, work: Work) -> Chunk:
        """Take the members of some work out of a fleet."""
        rows = index_of(work.rows)
        return cls(
            fleet.params[rows].clone(),
            {name: buffer[rows].clone() for name, buffer in fleet.buffers.items()},
            [_rows_of(fleet.slots[table.rule], table) for table in work.tables],
        )

    def padded(self, width: int) -> Chunk:
        """Return the same with copies of the first member behind the others, so that there are ``width``."""
        return Chunk(
            pad(self.params, width),
            {name: pad(buffer, width) for name, buffer in self.buffers.items()},
            [{name: pad(slot, width) for name, slot in slots.items()} for slots in self.slots],
        )

    def put_back(self, fleet: LocalFleet, work: Work) -> None:
        """Write the state into the fleet."""
        rows = index_of(work.rows)
        count = len(work.rows)  # there may be copies behind them, to make the width constant
        fleet.params[rows] = self.params[:count]
        for name, buffer in self.buffers.items():
            fleet.buffers[name][rows] = buffer[:count]
        for table, slots in zip(work.tables, self.slots, strict=True):
            for name, slot in slots.items():
                fleet.slots[table.rule][name][index_of(table.rows)] = slot[: len(table.rows)]


Step: TypeAlias = Callable[["LocalFleet", Work, Chunk, int, list[Any]], Tensor]


def plain_step(fleet: LocalFleet, work: Work, chunk: Chunk, ahead: int, batches: list[Any]) -> Tensor:
    """Take one step: gradients of each micro-batch, then every update rule on its members; return the losses [k]."""
    grads, losses = _mean_gradients(fleet, chunk, (work.begin + ahead) * len(batches), batches)
    for number, table in enumerate(work.tables):
        if len(work.tables) == 1:
            chunk.params, chunk.slots[number] = _updated(table, ahead, chunk.params, grads, chunk.slots[number])
        else:
            own = index_of([work.rows.index(row) for row in table.rows])
            params, chunk.slots[number] = _updated(table, ahead, chunk.params[own], grads[own], chunk.slots[number])
            chunk.params[own] = params
    return losses


def _mean_gradients(fleet: LocalFleet, chunk: Chunk, first: int, batches: list[Any]) -> tuple[Tensor, Tensor]:
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
