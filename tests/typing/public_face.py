"""What a static checker sees of the public face; ``make check`` checks it, nothing runs it."""

from pathlib import Path
from typing import Any, assert_type

from torch.optim import Optimizer

import surefoot
from surefoot import Budget, Interrupted, Plan, Recipe
from surefoot.core.finding_and_symptoms import Verdict
from surefoot.core.value_types import Interval, Json
from surefoot.recipe.build import RecipeScheduler


def searches() -> None:
    try:
        result = surefoot.tune("wine", budget=Budget.parse("3x"), plan=Plan("stacked", 16), optimizers=("sgd",))
    except Interrupted as error:
        assert_type(error, Interrupted)
        return
    assert_type(result, surefoot.SearchResult)
    assert_type(result.recipe, Recipe | None)
    assert_type(surefoot.find("wine").lr_range, Interval | None)


def judgements() -> None:
    result = surefoot.check("wine", Recipe.parse("sgd(lr=0.1)"))
    assert_type(result.recipe, Recipe)
    assert_type(result.findings[0], surefoot.Finding)
    assert_type(surefoot.diagnose(Path("log.csv")).verdict, Verdict)


def explanations() -> None:
    assert_type(surefoot.explain("wine").recipe, Recipe)
    assert_type(surefoot.slice_loss("wine").recipe, Recipe | None)
    assert_type(surefoot.descend("ravine", ["sgd(lr=0.1)"], steps=3).to_json(), dict[str, Json])


def training(trial: surefoot.Trial, model: Any) -> None:
    assert_type(trial.recipe.build(model), tuple[Optimizer, RecipeScheduler])
