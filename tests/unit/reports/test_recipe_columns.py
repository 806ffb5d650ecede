import pytest

from surefoot.recipe.recipe import Recipe
from surefoot.reports.recipe_columns import columns_that_vary, recipe_columns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "sgd(lr=cosine(0.3, warmup=50))",
            {"schedule": "cosine", "warmup": 0.25, "nesterov": "no"},
        ),
        ("sgd(lr=0.1, momentum=0.9, nesterov=true)", {"schedule": "constant", "final": 1.0, "nesterov": "yes"}),
        ("sgd(lr=constant(1.0) for 50% then linear(1.0, final=0.5))", {"schedule": "sequence", "lr": 1.0}),
        ("adamw(lr=1e-3, weight_decay=linear(0.1), clip=2.0)", {"weight_decay": 0.1, "clip": 2.0, "momentum": 0.9}),
        ("sgd(lr=cosine(0.1, warmup=5%) for 50% then linear(0.1))", {"schedule": "sequence", "warmup": 0.05}),
        ("sgd(lr=0)", {"lr": 0.0, "final": 0.0}),
    ],
)
def test_columns_are_those_of_the_recipe(text, expected):
    found = recipe_columns(Recipe.parse(text), total=200)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_hyperparameter_that_a_recipe_lacks_is_left_out():
    assert "clip" not in recipe_columns(Recipe(), total=10)


def test_only_columns_that_vary_are_kept():
    recipes = ["sgd(lr=0.1)", "sgd(lr=0.1, clip=1.0)", "sgd(lr=0.1, clip=2.0)"]
    rows = [recipe_columns(Recipe.parse(text), total=10) for text in recipes]
    assert columns_that_vary(rows) == ["optimizer", "schedule", "lr", "momentum", "clip"]
    assert columns_that_vary(rows[:1]) == ["optimizer", "schedule", "lr", "momentum"]
    assert columns_that_vary([]) == []
