import pytest

from surefoot.core.errors import QueryError
from surefoot.recipe.recipe import Recipe
from surefoot.web.recipe_controls import OPTIMIZER_CHOICES, SCHEDULE_CHOICES, controls_of, with_control

SGD = Recipe.parse("sgd(lr=cosine(0.3, warmup=5%), momentum=linear(0.85, final=0.95), clip=1)")


@pytest.mark.parametrize("optimizer", OPTIMIZER_CHOICES)
def test_controls_show_the_optimizer_and_learning_rate_they_were_set_to(optimizer):
    recipe = with_control(SGD, control="optimizer", value=optimizer)
    assert controls_of(recipe).optimizer == optimizer
    assert controls_of(with_control(recipe, control="lr", value="0.02")).lr == pytest.approx(0.02, rel=1e-3)


@pytest.mark.parametrize("schedule", SCHEDULE_CHOICES)
def test_another_schedule_keeps_the_peak_learning_rate(schedule):
    controls = controls_of(with_control(SGD, control="schedule", value=schedule))
    assert controls.schedule == schedule
    assert controls.lr == 0.3


def test_changing_a_control_keeps_the_rest_of_the_recipe():
    assert str(with_control(SGD, control="lr", value="0.6")) == str(SGD).replace("0.3", "0.6")
    slower = with_control(SGD, control="momentum", value="0.475")
    assert slower.momentum.highest == pytest.approx(0.475)
    assert slower.lr == SGD.lr


def test_a_setting_of_zero_can_be_raised_again():
    assert with_control(Recipe.parse("sgd(lr=0, momentum=0)"), control="lr", value="0.1").lr.highest == 0.1
    recipe = Recipe.parse("sgd(lr=0.1, momentum=0)")
    assert with_control(recipe, control="momentum", value="0.9").momentum.highest == 0.9


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("lr", "0"),
        ("lr", "1e9"),
        ("lr", "nan"),
        ("lr", "x"),
        ("momentum", "1"),
        ("optimizer", "sdg"),
        ("schedule", "x"),
    ],
)
def test_values_out_of_bounds_are_refused(control, value):
    with pytest.raises(QueryError, match=f"{control} must be"):
        with_control(SGD, control=control, value=value)


def test_an_unknown_control_is_refused_with_those_that_exist():
    with pytest.raises(QueryError, match="no control 'clip'; its controls are optimizer, lr, momentum, schedule"):
        with_control(SGD, control="clip", value="1")
    with pytest.raises(QueryError, match="no control 'momentum'; its controls are optimizer, lr, schedule"):
        with_control(Recipe.parse("adagrad(lr=0.1)"), control="momentum", value="0.5")
