import pytest
import torch
from tests.unused_layer import WithUnusedLayer, task_of
from torch import nn

from surefoot.core.errors import TaskError
from surefoot.fleet.parameter_layout import ParameterLayout, unused_parameters
from surefoot.optimizers import RULES
from surefoot.optimizers.parameter_groups import Groups
from surefoot.optimizers.rule import ParamSpec


def network() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 3, bias=False), nn.Linear(2, 2))
    model[3].requires_grad_(False)
    model.scale = nn.Parameter(torch.tensor(2.0))
    return model


def test_a_row_holds_the_trained_parameters():
    torch.manual_seed(0)
    model = network()
    layout = ParameterLayout.of(model)
    assert layout.names == ("scale", "0.weight", "0.bias", "1.weight", "1.bias", "2.weight")
    row = layout.flatten(dict(model.named_parameters()))
    assert row.shape == (1 + 12 + 4 + 4 + 4 + 12,)
    again = layout.unflatten(row)
    assert all(torch.equal(again[name], dict(model.named_parameters())[name]) for name in layout.names)
    again["0.bias"].data.fill_(7.0)
    assert (row[13:17] == 7).all(), "they are views of the row"


def test_a_tied_weight_is_held_once():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    assert ParameterLayout.of(model).names == ("0.weight",)


def test_factors_are_in_the_order_of_the_row():
    layout = ParameterLayout.of(network())
    lr, decay = layout.factors(Groups(no_decay=("bias", "norm"), lr_factor=(("0", 0.1), ("scale", 3.0))))
    assert lr.tolist() == [3.0] + [0.1] * 16 + [1.0] * 20
    assert decay.tolist() == [1.0] + [1.0] * 12 + [0.0] * 12 + [1.0] * 12


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        (nn.ReLU(), "no parameters that require a gradient"),
        (nn.Linear(2, 2).requires_grad_(False), "no parameters"),
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double()), "float32, float64"),
    ],
)
def test_parameters_that_one_row_cannot_hold_are_rejected(model, cause):
    with pytest.raises(TaskError, match=cause):
        ParameterLayout.of(model)


def test_a_rule_is_bound_to_the_shapes_in_the_rows_order():
    bind = ParameterLayout.of(network()).bind(RULES["muon"]())
    # The last matrix of the model, here a frozen one, is taken for the output layer's.
    shapes = [(), (4, 3), (4,), (4,), (4,), (3, 4)]
    assert bind == RULES["muon"]().bind([ParamSpec(shape, hidden=len(shape) == 2) for shape in shapes])
    assert ParameterLayout.of(network()).bind(RULES["adam"]()) == RULES["adam"]()


def test_parameters_that_the_objective_does_not_depend_on_are_unused():
    assert unused_parameters(task_of(WithUnusedLayer)) == {"spare.weight", "spare.bias"}
    assert unused_parameters(task_of(lambda: nn.Linear(3, 2))) == frozenset()
