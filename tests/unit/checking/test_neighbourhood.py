import pytest

from surefoot.checking.neighbourhood import CHANGES, MOMENTA, Neighbourhood, Setting
from surefoot.recipe.recipe import Recipe

RECIPES = [
    "sgd(lr=0.1, momentum=0.9)",
    "sgd(lr=cosine(0.1, warmup=5%, final=0.01), momentum=0.9, nesterov=true, weight_decay=1e-4, clip=1.0)",
    "adamw(lr=wsd(1e-3), beta1=0.9, no_decay=bias+norm)",
    "sgd(lr=0.1 for 50% then cosine(0.1), momentum=0.5)",
]


def everywhere(neighbourhood):
    return [neighbourhood.own, *(setting for line in neighbourhood.lines.values() for setting in line)]


@pytest.mark.parametrize("text", RECIPES)
def test_every_setting_becomes_a_recipe_that_has_it_and_nothing_else_changed(text):
    neighbourhood = Neighbourhood(Recipe.parse(text))
    for setting in everywhere(neighbourhood):
        recipe = neighbourhood.recipe_at(setting)
        assert recipe.lr.highest == pytest.approx(setting.lr, rel=1e-3)
        assert recipe.momentum.highest == setting.momentum
        assert Recipe.parse(str(recipe)) == recipe
        before, after = (dict(each.settings()) for each in (neighbourhood.recipe, recipe))
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert changed <= {"lr", neighbourhood.momentum_name, "nesterov"}
        assert "nesterov" not in changed or setting.momentum == 0.0


def test_the_recipe_itself_is_a_setting_of_its_own_neighbourhood():
    neighbourhood = Neighbourhood(Recipe.parse(RECIPES[1]))
    assert neighbourhood.recipe_at(neighbourhood.own) is neighbourhood.recipe


def test_the_lines_change_one_thing_each():
    neighbourhood = Neighbourhood(Recipe.parse(RECIPES[0]))
    of_rate, of_momentum, kept = (neighbourhood.lines[change] for change in CHANGES)
    assert all(each.momentum == 0.9 and each.lr != 0.1 for each in of_rate)
    assert all(each.lr == 0.1 for each in of_momentum)
    assert {each.momentum for each in of_momentum} == {each.momentum for each in kept} == {*MOMENTA} - {0.9}
    assert all(each.lr / (1 - each.momentum) == pytest.approx(1.0, rel=1e-3) for each in kept)


def test_an_averaging_optimizer_has_one_kind_of_momentum_change():
    neighbourhood = Neighbourhood(Recipe.parse(RECIPES[2]))
    assert [change for change in CHANGES if neighbourhood.lines[change]] == ["lr", "momentum"]
    assert neighbourhood.features(Setting(0.001, 0.9))[0] == neighbourhood.features(Setting(0.001, 0.5))[0]


@pytest.mark.parametrize("text", ["adagrad(lr=0.1)", "sgd(lr=0.1, momentum=linear(0.85, final=0.95))"])
def test_without_a_plain_momentum_the_learning_rate_alone_is_changed(text):
    neighbourhood = Neighbourhood(Recipe.parse(text))
    assert neighbourhood.momentum_name is None
    assert [change for change in CHANGES if neighbourhood.lines[change]] == ["lr"]
    assert {each.momentum for each in everywhere(neighbourhood)} == {neighbourhood.own.momentum}
