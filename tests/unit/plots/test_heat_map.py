import math

import pytest

from surefoot.plots.heat_map import heat_map
from surefoot.plots.spots import spots_of


def test_the_picture_has_a_dot_or_a_cross_for_every_setting(tuned, drawn):
    marks = drawn(heat_map(tuned))
    dots = next(rows for mark, encoding, rows in marks if mark == "point" and "size" in encoding)
    crosses = next(rows for mark, encoding, rows in marks if mark == "text" and "text" not in encoding)
    spots = spots_of(tuned.measurements)
    assert {row["recipe"] for row in dots} == {str(spot.found.recipe) for spot in spots if math.isfinite(spot.badness)}
    assert {row["recipe"] for row in crosses} == {str(spot.found.recipe) for spot in spots if math.isinf(spot.badness)}
    size = next(encoding["size"]["scale"] for mark, encoding, _ in marks if "size" in encoding)
    assert {row["trained"] for row in dots} <= set(size["domain"])
    assert size["range"] == sorted(size["range"])
    assert size["domain"][-1] == "full"


def test_the_shading_stays_between_the_best_and_the_worst(tuned, drawn):
    cells = next(rows for mark, _, rows in drawn(heat_map(tuned)) if mark == "rect")
    assert len(cells) > 100
    assert all(1.0 <= cell["badness"] <= 30.0 for cell in cells)
    best = min(cells, key=lambda cell: cell["badness"])
    assert best["lr"] == pytest.approx(tuned.best.recipe.lr.peak, rel=2.0)


def test_the_picture_names_the_recommended_the_default_and_its_axes(tuned, words):
    said = words(heat_map(tuned))
    assert {"recommended", "default", "learning rate (peak)", "momentum", "0.9", "0.01"} <= set(said)


def test_a_picture_of_divergence_alone_has_crosses_and_no_shading(diverged, drawn, words):
    marks = drawn(heat_map(diverged))
    assert not any(mark == "rect" for mark, _, _ in marks)
    crosses = next(rows for mark, encoding, rows in marks if mark == "text" and "text" not in encoding)
    assert len(crosses) == len(spots_of(diverged.measurements))
    assert words(heat_map(diverged)).count("✕") == len(crosses)
