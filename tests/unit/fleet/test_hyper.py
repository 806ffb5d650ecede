import torch
from torch import nn

from surefoot.fleet.hyperparameters import rule_tables
from surefoot.fleet.layout import Layout
from surefoot.recipe.recipe import Recipe

RECIPES = [
    Recipe.parse(text)
    for text in (
        "sgd(lr=linear(1), momentum=linear(0.5, final=0.9), nesterov=true)",
        "adam(lr=0.1, clip=2)",
        "sgd(lr=cosine(0.4), weight_decay=0.1, no_decay=bias, clip=3)",
        "adam(lr=0.1, amsgrad=true)",
        "adam(lr=linear(0.2))",
    )
]
LAYOUT = Layout.of(nn.Linear(2, 1))


def tables(rows, *, steps=4, begins=(0, 0, 5, 0, 9), lr_scale=(1.0, 1.0, 0.5, 1.0, 1.0)):
    return rule_tables(
        RECIPES,
        rows,
        totals=[10, 10, 20, 10, 10],
        begins=list(begins),
        steps=steps,
        lr_scale=torch.tensor(lr_scale, dtype=torch.float64),
        layout=LAYOUT,
        like=torch.zeros(0, dtype=torch.float64),
    )


def test_members_share_a_table_by_update_rule():
    made = tables([0, 1, 2, 3, 4])
    assert [table.rows for table in made] == [(0, 2), (1, 4), (3,)]
    assert [table.rule for table in made] == [RECIPES[0].rule, RECIPES[1].rule, RECIPES[3].rule]
    assert [table.rows for table in tables([4, 2])] == [(4,), (2,)]


def test_every_value_is_its_schedules_at_the_members_own_step():
    sgd, adam, _ = tables([0, 1, 2, 3, 4])
    for ahead in range(4):
        at = sgd.at(ahead)
        assert at["lr"].shape == (2, 3), "one value for each parameter, since a member has groups"
        assert at["lr"][0].tolist() == [RECIPES[0].lr.value(ahead, 10)] * 3
        assert at["lr"][1].tolist() == [RECIPES[2].lr.value(5 + ahead, 20) * 0.5] * 3
        assert at["momentum"].flatten().tolist() == [RECIPES[0].momentum.value(ahead, 10), 0.0]
        assert at["weight_decay"].tolist() == [[0.0] * 3, [0.1, 0.1, 0.0]]
        assert at["nesterov"].tolist() == [[1.0], [0.0]]
        assert adam.at(ahead)["lr"].tolist() == [[0.1], [RECIPES[4].lr.value(9 + ahead, 10)]]


def test_who_does_not_clip_has_no_limit():
    sgd, adam, amsgrad = tables([0, 1, 2, 3, 4])
    assert sgd.clip is not None
    assert adam.clip is not None
    assert sgd.clip.tolist() == [[float("inf")], [3.0]]
    assert adam.clip.tolist() == [[2.0], [float("inf")]]
    assert amsgrad.clip is None
    assert not amsgrad.factors
