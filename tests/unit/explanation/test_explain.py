"""What ``explain`` does with a surface, and which arguments it refuses."""

import pytest

from surefoot.core.errors import TaskError
from surefoot.explanation.explain import explain
from surefoot.fleet.plan import Plan
from surefoot.surfaces import surface_named


def test_on_a_surface_all_claims_that_can_be_tested_are_tested_with_the_same_rules():
    result = explain(surface_named("bowl"), seeds=2, steps=40)
    assert {name for name, _ in result.left_out} == {
        "momentum-damps", "momentum-escapes", "momentum-widens", "momentum-narrows", "fitting"
    }  # fmt: skip
    assert len(result.claims) == 15
    assert result.to_json()["plan"] is None
    assert result.comparison
    speed = next(claim for claim in result.claims if claim.name == "momentum-speed")
    alone = explain(surface_named("bowl"), claims=["momentum-speed"], seeds=2, steps=40)
    assert [alone.claims[0].to_json()] == [speed.to_json()]
    # With one curvature a step of 1 arrives at once, and no momentum is faster.
    assert speed.verdict == "does not hold here"


@pytest.mark.parametrize(
    ("subject", "arguments", "message"),
    [
        (surface_named("bowl"), {"claims": ["fitting"]}, "fitting cannot be tested on bowl: it has no validation loss"),
        (surface_named("bowl"), {"seeds": 1}, "at least 2 seeds; given 1"),
        (surface_named("bowl"), {"steps": 5}, "at least 40 steps; given 5"),
        (surface_named("bowl"), {"claims": ["nonsense"]}, "no claim 'nonsense'"),
        (surface_named("bowl"), {"budget": "3x", "device": "cpu"}, "budget, device: only for a task; given with the"),
        (surface_named("bowl"), {"plan": Plan("serial", 1)}, "plan: only for a task; given with the surface bowl"),
        ("wine", {"seeds": 1}, "at least 2 seeds; given 1"),
        ("wine", {"steps": 39}, "verdicts need trainings of at least 40 steps; wine has 39"),
        ("bowll", {}, "bowl"),
        ("bowl", {"seed": -1}, "a seed is a whole number of at least 0; given -1"),
        ("bowl", {"steps": "60"}, "steps is a whole number of at least 1; given '60'"),
    ],
)
def test_arguments_that_do_not_suit_the_subject_are_refused_in_one_line(subject, arguments, message):
    with pytest.raises(TaskError, match=message) as caught:
        explain(subject, **arguments)
    assert len(str(caught.value).splitlines()) == 1
