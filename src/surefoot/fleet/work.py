"""Which members take their next step together, and on which batch."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from surefoot.fleet.hyper import RuleTable, rule_tables
from surefoot.fleet.layout import Layout
from surefoot.recipe.recipe import Recipe


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
