import torch
from torch import nn

from surefoot.fleet.layout import Layout
from surefoot.fleet.step import index_of, share_out
from surefoot.recipe.recipe import Recipe


def groups(places, *, steps_at, width):
    members = len(steps_at)
    work = share_out(
        [Recipe()] * members,
        places,
        step=torch.tensor(steps_at),
        total=torch.full((members,), 10),
        lr_scale=torch.ones(members),
        steps=2,
        width=width,
        layout=Layout.of(nn.Linear(1, 1)),
        like=torch.zeros(0),
    )
    assert all(table.rows == part.rows for part in work for table in part.tables)
    return [(part.begin, part.rows) for part in work]


def test_members_at_one_step_work_together_up_to_the_width():
    assert groups([0, 1, 2, 3, 4], steps_at=[0, 3, 0, 3, 0], width=8) == [(0, (0, 2, 4)), (3, (1, 3))]
    assert groups([0, 1, 2, 3, 4], steps_at=[7] * 5, width=2) == [(7, (0, 1)), (7, (2, 3)), (7, (4,))]
    assert groups([4, 0, 4], steps_at=[1] * 5, width=2) == [(1, (0, 4))]
    assert groups([], steps_at=[1], width=2) == []


def test_an_index_selects_the_rows_in_their_order():
    numbers = torch.arange(10)
    for rows in ([3], [0, 1, 2], [2, 1, 0], [0, 2, 1, 3], [4, 6], [0, 33 % 10, 2, 3], [5, 5, 7]):
        assert numbers[index_of(rows)].tolist() == rows
    assert index_of(range(4, 7)) == slice(4, 7)
