import pytest

from surefoot.checking.neighbourhood import CANDIDATE_MOMENTA, CHANGE_KINDS, LrAndMomentum, Neighbourhood
from surefoot.recipe.recipe import Recipe

RECIPES = [
    "sgd(lr=0.1, momentum=0.9)",
    "sgd(lr=cosine(0.1, warmup=5%, final=0.01), momentum=0.9, nesterov=true, weight_decay=1e-4, clip=1.0)",
    "adamw(lr=wsd(1e-3), beta1=0.9, no_decay=bias+norm)",
    "sgd(lr=0.1 for 50% then cosine(0.1), momentum=0.5)",
]


def recipe_and_candidates(neighbourhood):
    return [neighbourhood.current, *(each for candidates in neighbourhood.candidates.values() for each in candidates)]


@pytest.mark.parametrize("text", RECIPES)
def test_every_candidate_becomes_a_recipe_in_which_nothing_else_changed(text):
    neighbourhood = Neighbourhood(Recipe.parse(text))
    for candidate in recipe_and_candidates(neighbourhood):
        recipe = neighbourhood.recipe_at(candidate)
        assert recipe.lr.highest == pytest.approx(candidate.lr, rel=1e-3)
        assert recipe.momentum.highest == candidate.momentum
        assert Recipe.parse(str(recipe)) == recipe
        before, after = (dict(each.settings()) for each in (neighbourhood.recipe, recipe))
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert changed <= {"lr", neighbourhood.momentum_name, "nesterov"}
        assert "nesterov" not in changed or candidate.momentum == 0.0


def test_the_current_hyperparameters_give_the_recipe_itself():
    neighbourhood = Neighbourhood(Recipe.parse(RECIPES[1]))
    assert neighbourhood.recipe_at(neighbourhood.current) is neighbourhood.recipe


def test_each_kind_of_change_changes_what_it_says():
    neighbourhood = Neighbourhood(Recipe.parse(RECIPES[0]))
    lr, momentum, equal_rate = (neighbourhood.candidates[change] for change in CHANGE_KINDS)
    assert all(each.momentum == 0.9 and each.lr != 0.1 for each in lr)
    assert all(each.lr == 0.1 for each in momentum)
    assert (
        {each.momentum for each in momentum} == {each.momentum for each in equal_rate} == {*CANDIDATE_MOMENTA} - {0.9}
    )
    assert all(each.lr / (1 - each.momentum) == pytest.approx(1.0, rel=1e-3) for each in equal_rate)


def test_an_averaging_optimizer_has_one_kind_of_momentum_change():
    neighbourhood = Neighbourhood(Recipe.parse(RECIPES[2]))
    assert [change for change in CHANGE_KINDS if neighbourhood.candidates[change]] == ["lr", "momentum"]
    assert neighbourhood.features(LrAndMomentum(0.001, 0.9))[0] == neighbourhood.features(LrAndMomentum(0.001, 0.5))[0]


@pytest.mark.parametrize("text", ["adagrad(lr=0.1)", "sgd(lr=0.1, momentum=linear(0.85, final=0.95))"])
def test_without_a_plain_momentum_the_learning_rate_alone_is_changed(text):
    neighbourhood = Neighbourhood(Recipe.parse(text))
    assert neighbourhood.momentum_name is None
    assert [change for change in CHANGE_KINDS if neighbourhood.candidates[change]] == ["lr"]
    assert {each.momentum for each in recipe_and_candidates(neighbourhood)} == {neighbourhood.current.momentum}
