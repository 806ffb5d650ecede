import pytest

from surefoot.core.errors import QueryError
from surefoot.recipe.recipe import Recipe
from surefoot.web.recipe_controls import METHODS, SHAPES, dials_of, turned

SGD = Recipe.parse("sgd(lr=cosine(0.3, warmup=5%), momentum=linear(0.85, final=0.95), clip=1)")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_shows_what_it_was_turned_to(method):
    recipe = turned(SGD, "method", method)
    assert dials_of(recipe).method == method
    assert dials_of(turned(recipe, "lr", "0.02")).lr == pytest.approx(0.02, rel=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_schedule_shows_what_it_was_turned_to_and_keeps_the_rate(shape):
    dials = dials_of(turned(SGD, "schedule", shape))
    assert dials.schedule == shape
    assert dials.lr == 0.3


def test_a_turned_dial_leaves_the_rest_alone():
    assert str(turned(SGD, "lr", "0.6")) == str(SGD).replace("0.3", "0.6")
    assert turned(SGD, "momentum", "0.475").momentum.highest == pytest.approx(0.475)
    assert turned(SGD, "momentum", "0.475").lr == SGD.lr


def test_a_rate_of_nothing_can_be_turned_up_again():
    assert turned(Recipe.parse("sgd(lr=0, momentum=0)"), "lr", "0.1").lr.highest == 0.1
    assert turned(Recipe.parse("sgd(lr=0.1, momentum=0)"), "momentum", "0.9").momentum.highest == 0.9


@pytest.mark.parametrize(
    ("dial", "value"),
    [("lr", "0"), ("lr", "1e9"), ("lr", "nan"), ("lr", "x"), ("momentum", "1"), ("method", "sdg"), ("schedule", "x")],
)
def test_no_dial_goes_farther_than_it_goes(dial, value):
    with pytest.raises(QueryError, match=f"the dial {dial}"):
        turned(SGD, dial, value)


def test_there_is_no_other_dial():
    with pytest.raises(QueryError, match="no dial 'clip'"):
        turned(SGD, "clip", "1")
    with pytest.raises(QueryError, match="no dial 'momentum'"):
        turned(Recipe.parse("adagrad(lr=0.1)"), "momentum", "0.5")
