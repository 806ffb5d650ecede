import math
from dataclasses import replace

import pytest

from surefoot.plots.spots import spots_of


def searched(result):
    return [row for row in result.measurements if row.stage.startswith("search")]


def test_every_searched_recipe_is_one_spot_as_far_as_it_was_trained(tuned):
    spots = spots_of(tuned.measurements)
    rows = searched(tuned)
    assert {spot.found.trial.recipe for spot in spots} == {row.trial.recipe for row in rows}
    assert len(spots) == len({row.trial.recipe for row in rows}) < len(rows)
    for spot in spots:
        assert spot.found.taken == max(row.taken for row in rows if row.trial.recipe == spot.found.trial.recipe)
        assert (spot.lr, spot.momentum) == (spot.found.trial.recipe.lr.peak, spot.found.trial.recipe.momentum.peak)


def test_badness_is_the_loss_over_the_best_of_those_trained_as_long(tuned):
    # A small task's best loss may be rounded to 0; what is above it by one has no such trouble.
    above = replace(
        tuned,
        measurements=tuple(
            replace(row, outcome=replace(row.outcome, loss=row.outcome.loss + 1)) for row in tuned.measurements
        ),
    )
    for spot in spots_of(above.measurements):
        rivals = [row.outcome.loss for row in searched(above) if row.taken == spot.found.taken]
        assert spot.badness == pytest.approx(spot.found.outcome.loss / min(rivals))
        assert spot.badness >= 1.0


def test_badness_orders_losses_that_may_be_negative(tuned):
    shifted = [replace(row, outcome=replace(row.outcome, loss=row.outcome.loss - 5.0)) for row in tuned.measurements]
    spots = [spot for spot in spots_of(shifted) if math.isfinite(spot.badness)]
    assert min(spot.badness for spot in spots) == 1.0
    lengths = [[spot for spot in spots if spot.found.taken == steps] for steps in {spot.found.taken for spot in spots}]
    assert max(map(len, lengths)) > 1
    for rivals in lengths:
        by_badness = sorted(rivals, key=lambda spot: spot.badness)
        assert by_badness == sorted(rivals, key=lambda spot: spot.found.outcome.loss)
