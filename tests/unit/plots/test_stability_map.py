import math
from dataclasses import replace
from itertools import pairwise

import pytest

from surefoot.plots.stability_map import stability_map
from surefoot.recipe.recipe import Recipe
from surefoot.wording.verdicts import why_no_stability_map


def with_recipe(result, text, sharpness=20.0, advice=None):
    """The same check, had the recipe been another and the loss bent so."""
    curvature = replace(
        result.curvature, sharpness=replace(result.curvature.sharpness, value=sharpness, reason="no gradient")
    )
    return replace(result, checked_recipe=Recipe.parse(text), recipe=Recipe.parse(advice or text), curvature=curvature)


def line_of(drawn, chart, *, dashed):
    return next(
        rows
        for (mark, encoding, rows), layer in zip(drawn(chart), chart.to_dict()["layer"], strict=True)
        if mark == "line" and ("strokeDash" in layer["mark"]) == dashed
    )


def at(rows, gap):
    """The learning rate of a line at 1 - momentum, between its points."""
    for one, other in pairwise(sorted(rows, key=lambda row: row["gap"])):
        if one["gap"] <= gap <= other["gap"]:
            part = math.log(gap / one["gap"]) / math.log(other["gap"] / one["gap"])
            return one["lr"] * (other["lr"] / one["lr"]) ** part
    raise AssertionError(gap)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("sgd(lr=0.01, momentum=0.9)", lambda b: 2 * (1 + b) / 20.0),
        ("sgd(lr=0.01, momentum=0.9, nesterov=true)", lambda b: 2 * (1 + b) / ((1 + 2 * b) * 20.0)),
        ("adamw(lr=0.01, beta1=0.9)", lambda b: 2 * (1 + b) / ((1 - b) * 20.0)),
    ],
)
def test_the_line_is_the_limit_of_the_recipes_method(checked, drawn, text, limit):
    rows = line_of(drawn, stability_map(with_recipe(checked, text)), dashed=False)
    for momentum in (0.0, 0.5, 0.9, 0.98):
        assert at(rows, 1 - momentum) == pytest.approx(limit(momentum), rel=2e-3)


def test_the_dashed_line_is_where_the_heavy_ball_is_critically_damped(checked, drawn):
    """Its roots meet where momentum = (1 - √(lr λ))²."""
    rows = line_of(drawn, stability_map(with_recipe(checked, "sgd(lr=0.01, momentum=0.9)")), dashed=True)
    assert len(rows) > 10
    for row in rows:
        assert 1 - row["gap"] == pytest.approx((1 - math.sqrt(20.0 * row["lr"])) ** 2, abs=2e-4)


def test_the_shading_is_the_exact_rate(checked, drawn):
    chart = stability_map(with_recipe(checked, "sgd(lr=0.01, momentum=0.9)"))
    cells = next(rows for mark, encoding, rows in drawn(chart) if mark == "rect" and "color" in encoding)
    longest = max(cell["steps"] for cell in cells)
    assert longest == checked.steps
    assert min(cell["steps"] for cell in cells) >= 1.0
    # Where it swings the error shrinks by the root of the momentum a step, whatever the learning rate.
    gaps = sorted({cell["gap"] for cell in cells})
    for low, high in pairwise(gaps[:-1]):
        momentum = 1 - math.sqrt(low * high)
        expected = 2 * math.log(0.1) / math.log(momentum)
        swinging = [cell for cell in cells if cell["gap"] == low and 0.06 < cell["lr"] < 0.085]
        if momentum > 0.1:
            assert swinging
        for cell in swinging:
            if momentum > 0.1:
                assert cell["steps"] == pytest.approx(min(expected, longest), rel=1e-3)
    # Nothing is shaded whose whole cell is beyond the limit.
    assert max(cell["lr"] for cell in cells) < 2 * 2.0 / 20.0


def test_every_setting_tried_is_a_dot_or_a_cross_with_all_its_losses(checked, drawn):
    def marks(result):
        found = drawn(stability_map(result))
        dots = next(rows for mark, encoding, rows in found if mark == "point" and "tooltip" in encoding)
        crosses = next(rows for mark, encoding, rows in found if mark == "text" and "tooltip" in encoding)
        return dots, crosses

    dots, crosses = marks(checked)
    assert len(dots) + len(crosses) == len({row.hyperparameters for row in checked.trials})
    own = next(row for row in dots if row["rate"] == "0.0001" and row["momentum"] == "0.9")
    assert "25 steps, seed 0: " in own["losses"]
    broken = tuple(replace(row, loss=math.inf) for row in checked.trials)
    dots, crosses = marks(replace(checked, trials=broken))
    assert dots == []
    assert len(crosses) == len({row.hyperparameters for row in checked.trials})


def test_points_regions_and_the_model_are_labelled(checked, words):
    said = words(stability_map(checked))
    assert {"yours", "advised", "limit of stability", "monotone", "oscillates", "diverges"} <= set(said)
    assert {"0", "0.5", "0.8", "0.9", "0.95", "0.98", "0.99"} <= set(said)
    assert any("quadratic model (heavy ball) with full batches" in text for text in said)
    assert any("Mini-batches lower the limit" in text for text in said)


def test_without_advice_there_is_no_arrow(checked, words, drawn):
    chart = stability_map(replace(checked, recipe=checked.checked_recipe))
    assert "advised" not in words(chart)
    assert not any(mark == "rule" for mark, _, _ in drawn(chart))
    assert any(mark == "rule" for mark, _, _ in drawn(stability_map(checked)))


@pytest.mark.parametrize(("lr", "said"), [("0.19", "is 1 times the limit"), ("0.019", "is 10 % of the limit")])
def test_the_title_compares_the_rate_with_the_limit(checked, words, lr, said):
    assert any(said in text for text in words(stability_map(with_recipe(checked, f"sgd(lr={lr}, momentum=0.9)"))))


def test_a_sentence_says_why_there_is_no_map(checked, lost):
    own = "sgd(lr=0.01, momentum=0.9)"
    assert why_no_stability_map(checked) is None
    assert "diverged" in why_no_stability_map(lost)
    assert "is not known, for no gradient" in why_no_stability_map(with_recipe(checked, own, sharpness=None))
    assert "does not curve upwards" in why_no_stability_map(with_recipe(checked, own, sharpness=-1.0))
    assert "no limit for lion" in why_no_stability_map(with_recipe(checked, "lion(lr=0.01)"))
    dampened = with_recipe(checked, "sgd(lr=0.01, momentum=0.9, dampening=0.5)")
    assert "no limit for sgd with these settings" in why_no_stability_map(dampened)
