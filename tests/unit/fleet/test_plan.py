import json

import pytest

from surefoot.core.errors import StudyError
from surefoot.fleet.plan import Plan

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
def test_what_is_no_plan_is_refused(data):
    with pytest.raises(StudyError, match=r"JSON object with 'backend' and 'width'"):
        Plan.from_json(data)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"backend": "ray"}, "backend is one of serial, stacked, not 'ray'"),
        ({"backend": ["stacked"]}, "backend is one of"),
        ({"width": 0}, "width is a whole number of at least 1, not 0"),
        ({"width": 2.5}, "not 2.5"),
        ({"width": True}, "not True"),
        ({"threads": "2"}, "threads is a whole number"),
        ({"device": None}, "device is a text"),
        ({"reason": 1}, "reason is a text"),
        ({"config_step_us": "fast"}, "config_step_us is a number above 0"),
        ({"loop_us": -1.0}, "loop_us is a number above 0"),
        ({"loop_us": float("inf")}, "loop_us"),
        ({"compiled": "yes"}, "compiled is true or false"),
        ({"compiled": True, "backend": "serial"}, "true only where stacked"),
        ({"processes": 0}, "processes is a whole number"),
        ({"schema": 2}, "version 2"),
    ],
)
def test_a_broken_plan_is_refused(change, cause):
    with pytest.raises(StudyError, match=cause) as caught:
        Plan.from_json(Plan().to_json() | change)
    assert "\n" not in str(caught.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(StudyError, match=r"width is.*; threads is"):
        Plan(width=0, threads=0)
