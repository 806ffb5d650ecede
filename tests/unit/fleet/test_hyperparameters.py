import torch
from torch import nn

from surefoot.fleet.hyperparameters import rule_tables
from surefoot.fleet.parameter_layout import ParameterLayout
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
LAYOUT = ParameterLayout.of(nn.Linear(2, 1))


def tables(members, *, steps=4, first_steps=(0, 0, 5, 0, 9), lr_scale=(1.0, 1.0, 0.5, 1.0, 1.0)):
    return rule_tables(
        RECIPES,
        members,
        totals=[10, 10, 20, 10, 10],
        first_steps=list(first_steps),
        steps=steps,
        lr_scale=torch.tensor(lr_scale, dtype=torch.float64),
        layout=LAYOUT,
        like=torch.zeros(0, dtype=torch.float64),
    )


def test_members_share_a_table_by_update_rule():
    by_rule = tables([0, 1, 2, 3, 4])
    assert [table.members for table in by_rule] == [(0, 2), (1, 4), (3,)]
    assert [table.rule for table in by_rule] == [RECIPES[0].rule, RECIPES[1].rule, RECIPES[3].rule]
    assert [table.members for table in tables([4, 2])] == [(4,), (2,)]


def test_every_value_is_that_of_the_schedule_at_the_members_step():
    sgd, adam, _ = tables([0, 1, 2, 3, 4])
    for offset in range(4):
        values = sgd.values_at(offset)
        assert values["lr"].shape == (2, 3), "one value for each parameter, since a member has groups"
        assert values["lr"][0].tolist() == [RECIPES[0].lr.value(offset, 10)] * 3
        assert values["lr"][1].tolist() == [RECIPES[2].lr.value(5 + offset, 20) * 0.5] * 3
        assert values["momentum"].flatten().tolist() == [RECIPES[0].momentum.value(offset, 10), 0.0]
        assert values["weight_decay"].tolist() == [[0.0] * 3, [0.1, 0.1, 0.0]]
        assert values["nesterov"].tolist() == [[1.0], [0.0]]
        assert adam.values_at(offset)["lr"].tolist() == [[0.1], [RECIPES[4].lr.value(9 + offset, 10)]]


def test_members_without_clipping_have_an_infinite_norm_limit():
    sgd, adam, amsgrad = tables([0, 1, 2, 3, 4])
    assert sgd.clip is not None
    assert adam.clip is not None
    assert sgd.clip.tolist() == [[float("inf")], [3.0]]
    assert adam.clip.tolist() == [[2.0], [float("inf")]]
    assert amsgrad.clip is None
    assert not amsgrad.factors
