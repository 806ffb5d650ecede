import numpy as np
import pytest

import surefoot
from surefoot.core.errors import BudgetError, SurefootError, TaskError
from surefoot.fleet.plan import Plan
from surefoot.fleet.run_arguments import as_budget, require_device, require_run_arguments


def test_all_faults_are_gathered_in_one_line():
    require_run_arguments(seed=np.int64(3), steps=5, plan=Plan("serial", 1), device="cpu", workers=0, timeout=0.5)
    with pytest.raises(TaskError) as caught:
        require_run_arguments(seed=1.5, steps="10", plan="x", workers=-1, timeout=0)
    assert len(str(caught.value).splitlines()) == 1
    for word in ("seed", "steps", "plan", "workers", "timeout"):
        assert word in str(caught.value)


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", 3.5])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(TaskError, match="cannot train on device"):
        require_device(device)


@pytest.mark.parametrize("budget", [3, None, 0.5])
def test_a_budget_is_a_text_or_a_budget(budget):
    with pytest.raises(BudgetError, match="a budget is a text"):
        as_budget(budget)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (surefoot.tune, {"task": "wine", "seed": "1"}),
        (surefoot.tune, {"task": "wine", "space": "x"}),
        (surefoot.tune, {"task": "wine", "optimizers": "sgdd"}),
        (surefoot.find, {"task": "wine", "budget": 3}),
        (surefoot.find, {"task": "wine", "device": "cuda:99"}),
        (surefoot.check, {"task": "wine", "recipe": None}),
        (surefoot.check, {"task": "wine", "plan": "x"}),
        (surefoot.explain, {"subject": "wine", "seeds": "3"}),
        (surefoot.explain, {"subject": "wine", "claims": "nonsense"}),
        (surefoot.slice_loss, {"subject": "wine", "points": 9.5}),
        (surefoot.slice_loss, {"subject": "wine", "recipes": None}),
        (surefoot.slice_loss, {"subject": "wine", "along": 5}),
        (surefoot.descend, {"surface": "ravine", "recipes": [None], "steps": 3}),
        (surefoot.descend, {"surface": None, "recipes": "sgd(lr=0.1)", "steps": 3}),
        (surefoot.descend, {"surface": "ravine", "recipes": "sgd(lr=0.1)", "steps": 3, "seed": 1.5}),
        (surefoot.descend, {"surface": "ravine", "recipes": "sgd(lr=0.1)", "steps": 3, "noise": 0.1}),
        (surefoot.descend, {"surface": "ravine", "recipes": "sgd(lr=0.1)", "steps": 3, "start": 1.0}),
    ],
)
def test_wrong_arguments_of_public_functions_are_one_line(function, arguments):
    with pytest.raises(SurefootError) as caught:
        function(**arguments)
    assert len(str(caught.value).splitlines()) == 1


def test_a_single_recipe_and_the_name_of_a_surface_need_no_more():
    assert len(surefoot.descend("ravine", "sgd(lr=0.1)", steps=3).recipes) == 1
    assert surefoot.slice_loss("ravine", "sgd(lr=0.1)", steps=9, points=7).task == "ravine"


def test_where_everything_diverged_no_recipe_is_the_one_to_use():
    descent = surefoot.descend("ravine", ["sgd(lr=1e9)"], steps=60)
    assert (descent.recipe, descent.to_json()["recipe"]) == (None, None)
