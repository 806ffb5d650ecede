import torch
from torch import nn

from surefoot.fleet.parameter_layout import ParameterLayout
from surefoot.fleet.step import fast_index, group_members
from surefoot.recipe.recipe import Recipe


def groups(members, *, steps_at, width):
    count = len(steps_at)
    made = group_members(
        [Recipe()] * count,
        members,
        step=torch.tensor(steps_at),
        total=torch.full((count,), 10),
        lr_scale=torch.ones(count),
        steps=2,
        width=width,
        layout=ParameterLayout.of(nn.Linear(1, 1)),
        like=torch.zeros(0),
    )
    assert all(table.members == group.members for group in made for table in group.rule_tables)
    return [(group.first_step, group.members) for group in made]


def test_members_at_the_same_step_are_grouped_up_to_the_width():
    assert groups([0, 1, 2, 3, 4], steps_at=[0, 3, 0, 3, 0], width=8) == [(0, (0, 2, 4)), (3, (1, 3))]
    assert groups([0, 1, 2, 3, 4], steps_at=[7] * 5, width=2) == [(7, (0, 1)), (7, (2, 3)), (7, (4,))]
    assert groups([4, 0, 4], steps_at=[1] * 5, width=2) == [(1, (0, 4))]
    assert groups([], steps_at=[1], width=2) == []


def test_fast_index_selects_the_rows_in_their_order():
    numbers = torch.arange(10)
    for rows in ([3], [0, 1, 2], [2, 1, 0], [0, 2, 1, 3], [4, 6], [0, 33 % 10, 2, 3], [5, 5, 7]):
        assert numbers[fast_index(rows)].tolist() == rows
    assert fast_index(range(4, 7)) == slice(4, 7)
