"""One optimizer step of several members together: which members share it, the state it changes, and how it is taken."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from surefoot.fleet.hyperparameters import RuleTable, pad_members, rule_tables
from surefoot.fleet.parameter_layout import ParameterLayout
from surefoot.optimizers.rule import Slots, UpdateRule, clip_by_global_norm
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.seeding import derive_seed

NamedTensors: TypeAlias = dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class MemberGroup:
    """Members that take their next steps together: all at the same step, and at most as many as the fleet's width.

    Attributes:
        members: Indices of the members in the fleet, ascending.
        first_step: The step that all of them take next.
        rule_tables: Their hyperparameters for the coming steps, one table for each update rule.
    """

    members: tuple[int, ...]
    first_step: int
    rule_tables: tuple[RuleTable, ...]


class FleetState(Protocol):
    """The state of all K members that a step changes.

    Attributes:
        params: Parameters ``[K, P]``.
        buffers: Buffers by name, each ``[K, ...]``.
        slots: Optimizer state of each update rule, each slot ``[K, P]`` or ``[K, 1]``.
    """

    params: Tensor
    buffers: NamedTensors
    slots: dict[UpdateRule, Slots]


@dataclass(slots=True, eq=False)
class GroupState:
    """A working copy of the state of one group's k members, written back when its steps are taken.

    The copy is small enough to stay in a core's cache, and an error leaves the fleet's state as it was.

    Attributes:
        params: Parameters ``[k, P]``.
        buffers: Buffers by name, each ``[k, ...]``.
        slots: Optimizer state of each update rule, in the order of the group's rule tables.
    """

    params: Tensor
    buffers: NamedTensors
    slots: list[Slots]

    @classmethod
    def of(cls, state: FleetState, group: MemberGroup) -> GroupState:
        """Copy the state of a group's members out of the fleet's state."""
        rows = fast_index(group.members)
        return cls(
            state.params[rows].clone(),
            {name: buffer[rows].clone() for name, buffer in state.buffers.items()},
            [_slots_of(state.slots[table.rule], table) for table in group.rule_tables],
        )

    def padded(self, width: int) -> GroupState:
        """Return the state with copies of the first member appended, so that it has ``width`` members."""
        return GroupState(
            pad_members(self.params, width),
            {name: pad_members(buffer, width) for name, buffer in self.buffers.items()},
            [{name: pad_members(slot, width) for name, slot in slots.items()} for slots in self.slots],
        )

    def write_back(self, state: FleetState, group: MemberGroup) -> None:
        """Write the members back into the fleet's state; copies that :meth:`padded` appended are dropped."""
        rows = fast_index(group.members)
        count = len(group.members)
        state.params[rows] = self.params[:count]
        for name, buffer in self.buffers.items():
            state.buffers[name][rows] = buffer[:count]
        for table, slots in zip(group.rule_tables, self.slots, strict=True):
            for name, slot in slots.items():
                state.slots[table.rule][name][fast_index(table.members)] = slot[: len(table.members)]


class GradientBackend(Protocol):
    """What a plain step needs of a fleet: its seed, and the gradients of some members on one batch."""

    seed: int

    def gradients(
        self, params: Tensor, buffers: NamedTensors, batch: Any, *, forward_seed: int
    ) -> tuple[Tensor, Tensor]:
        """Return gradients ``[k, P]`` and losses ``[k]``; update the buffers in place."""
        ...


class Step(Protocol):
    """Takes one optimizer step with all members of a group."""

    @property
    def width(self) -> int | None:
        """Number of members that the group's state must be padded to; ``None`` where any number will do."""
        ...

    def __call__(self, group: MemberGroup, state: GroupState, *, offset: int, batches: list[Any]) -> Tensor:
        """Take one step and return the losses before it ``[k]``; the state is changed in place.

        Args:
            group: The members.
            state: Their state.
            offset: Number of steps since the group's first step.
            batches: The micro-batches of this step.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlainStep:
    """The uncompiled step: the mean gradient over the micro-batches, clipping, then each update rule on its members.

    Attributes:
        fleet: Computes the gradients.
    """

    fleet: GradientBackend

    @property
    def width(self) -> int | None:
        """Any number of members will do."""
        return None

    def __call__(self, group: MemberGroup, state: GroupState, *, offset: int, batches: list[Any]) -> Tensor:
        """Take the step; see :class:`Step`."""
        first_micro_batch = (group.first_step + offset) * len(batches)
        grads, losses = _mean_gradients(self.fleet, state, first_micro_batch=first_micro_batch, batches=batches)
        for number, table in enumerate(group.rule_tables):
            slots = state.slots[number]
            if len(group.rule_tables) == 1:
                state.params, state.slots[number] = _apply_rule(
                    table, offset, params=state.params, grads=grads, slots=slots
                )
            else:
                rows = fast_index([group.members.index(member) for member in table.members])
                state.params[rows], state.slots[number] = _apply_rule(
                    table, offset, params=state.params[rows], grads=grads[rows], slots=slots
                )
        return losses


def group_members(
    recipes: Sequence[Recipe],
    members: Sequence[int],
    *,
    step: Tensor,
    total: Tensor,
    lr_scale: Tensor,
    steps: int,
    width: int,
    by_rule: bool = False,
    layout: ParameterLayout,
    like: Tensor,
) -> list[MemberGroup]:
    """Group members by the step they are at, and split the groups so that none exceeds the width.

    Args:
        recipes: The recipes of all K members of the fleet.
        members: Indices of the members to group.
        step: The step that each of the K members takes next ``[K]``.
        total: Length of each member's training in steps ``[K]``.
        lr_scale: Factor on each member's learning rate ``[K]``.
        steps: Number of steps that the groups will take.
        width: Maximum number of members in one group.
        by_rule: Whether members of one group must share their update rule too.
        layout: Layout of the parameters.
        like: A tensor of the parameters' dtype and device.
    """
    first_steps, totals = step.tolist(), total.tolist()

    def tables(group: tuple[int, ...]) -> tuple[RuleTable, ...]:
        return rule_tables(
            recipes,
            group,
            first_steps=first_steps,
            totals=totals,
            steps=steps,
            lr_scale=lr_scale,
            layout=layout,
            like=like,
        )

    keys = [(first, recipe.rule if by_rule else None) for first, recipe in zip(first_steps, recipes, strict=True)]
    return [MemberGroup(group, first_steps[group[0]], tables(group)) for group in _split_by_key(keys, members, width)]


def fast_index(members: Sequence[int]) -> slice | list[int]:
    """Return the fastest index of some rows: a slice, which makes a view, where they are consecutive.

    Example:
        >>> fast_index([3, 4, 5]), fast_index([5, 3])
        (slice(3, 6, None), [5, 3])
    """
    if list(members) == list(range(members[0], members[0] + len(members))):
        return slice(members[0], members[-1] + 1)
    return list(members)


def _split_by_key(keys: Sequence[Hashable], members: Sequence[int], width: int) -> Iterator[tuple[int, ...]]:
    by_key: dict[Hashable, list[int]] = {}
    for member in sorted(set(members)):
        by_key.setdefault(keys[member], []).append(member)
    for group in by_key.values():
        for start in range(0, len(group), width):
            yield tuple(group[start : start + width])


def _mean_gradients(
    fleet: GradientBackend, state: GroupState, *, first_micro_batch: int, batches: list[Any]
) -> tuple[Tensor, Tensor]:
    results = [
        fleet.gradients(
            state.params,
            state.buffers,
            batch,
            forward_seed=derive_seed(fleet.seed, "forward", first_micro_batch + number),
        )
        for number, batch in enumerate(batches)
    ]
    if len(results) == 1:
        return results[0]
    grads, losses = zip(*results, strict=True)
    return torch.stack(grads).mean(0), torch.stack(losses).mean(0)


def _apply_rule(table: RuleTable, offset: int, *, params: Tensor, grads: Tensor, slots: Slots) -> tuple[Tensor, Slots]:
    if table.clip is not None:
        grads = clip_by_global_norm(grads, table.clip)
    return table.rule.update(params, grads, slots, table.values_at(offset))


def _slots_of(slots: Slots, table: RuleTable) -> Slots:
    return {name: slot[fast_index(table.members)].clone() for name, slot in slots.items()}
