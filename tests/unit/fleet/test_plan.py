import json

import pytest
import torch
from torch import nn

from surefoot.core.errors import StudyError
from surefoot.fleet.plan import COPIES_OF_ACTIVATIONS, COPIES_OF_PARAMETERS, Plan, free_bytes, max_width, member_bytes
from surefoot.tasks.task import Task

PLANS = [
    Plan(),
    Plan("serial", 1, reason="members train one after another: «because»"),
    Plan("stacked", 16, threads=4, device="cuda:1", config_step_us=1 / 3, loop_us=1e-7),
]


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_survives_json(plan):
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert Plan.from_json(plan.to_json() | {"added_later": 1}) == plan


@pytest.mark.parametrize("data", [None, 3, "stacked", [], {}, {"backend": "stacked"}, {"width": 3}])
def test_data_that_are_no_plan_are_rejected(data):
    with pytest.raises(StudyError, match=r"JSON object with 'backend' and 'width'"):
        Plan.from_json(data)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"backend": "ray"}, "backend must be one of serial, stacked; given 'ray'"),
        ({"backend": ["stacked"]}, "backend must be one of"),
        ({"width": 0}, "width must be a whole number of at least 1; given 0"),
        ({"width": 2.5}, "given 2.5"),
        ({"width": True}, "given True"),
        ({"threads": "2"}, "threads must be a whole number"),
        ({"device": None}, "device must be a string"),
        ({"reason": 1}, "reason must be a string"),
        ({"config_step_us": "fast"}, "config_step_us must be a number above 0"),
        ({"loop_us": -1.0}, "loop_us must be a number above 0"),
        ({"loop_us": float("inf")}, "loop_us"),
        ({"compiled": "yes"}, "compiled must be true or false"),
        ({"compiled": True, "backend": "serial"}, "true only with backend stacked"),
        ({"processes": 0}, "processes must be a whole number"),
        ({"schema": 2}, "version 2"),
    ],
)
def test_an_invalid_plan_is_rejected(change, cause):
    with pytest.raises(StudyError, match=cause) as caught:
        Plan.from_json(Plan().to_json() | change)
    assert "\n" not in str(caught.value)


def test_all_faults_are_reported_at_once():
    with pytest.raises(StudyError, match=r"width must be.*; threads must be"):
        Plan(width=0, threads=0)


def make_task(*, hidden: int = 50, batch_size: int = 32, **settings) -> Task:
    x, y = torch.zeros(600, 10), torch.zeros(600, 1)

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(10, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    return Task("t", model, nn.functional.mse_loss, (x, y), (x, y), batch_size=batch_size, steps=9, **settings)


def test_the_memory_of_a_member_is_its_parameters_and_saved_activations():
    parameters = 4 * (10 * 50 + 50 + 50 + 1)
    # Saved for the backward pass: the input, tanh's output, the second weight, output and target.
    activations = 4 * (32 * 10 + 32 * 50 + 50 + 32 + 32)
    estimate = member_bytes(make_task())
    assert estimate == COPIES_OF_PARAMETERS * parameters + COPIES_OF_ACTIVATIONS * activations


def test_the_memory_of_a_member_grows_with_batch_network_and_precision():
    small = member_bytes(make_task())
    assert member_bytes(make_task(batch_size=320)) > 4 * small
    assert member_bytes(make_task(hidden=500)) > 9 * small
    assert member_bytes(make_task(precision="fp64")) == 2 * small


def test_the_maximum_width_fits_into_half_of_the_free_memory_and_is_at_least_one():
    task = make_task()
    one_member = member_bytes(task)
    assert max_width(task, free=20 * one_member) == 10
    assert max_width(task, free=21 * one_member) == 10
    assert max_width(task, free=one_member) == max_width(task, free=0) == 1
    assert free_bytes() > 0
