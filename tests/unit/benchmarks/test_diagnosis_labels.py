"""Labels on landscapes whose valley is known: a loss of 1 + (log10 of the effective rate)²."""

import numpy as np
import pytest

from benchmarks.diagnosis.labels import Landscape, advice_of, best_of, label, labelled

RATES = 10.0 ** np.arange(-4, 2.01, 0.5)
MOMENTA = np.array([0.0, 0.9, 0.99])
SEEDS = 5


def landscape(loss, *, start=10.0, lowest=1.0, falls=True, learns=False, noise=0.001):
    final = np.array([[[loss(lr, momentum)] * SEEDS for momentum in MOMENTA] for lr in RATES])
    return Landscape(
        RATES,
        MOMENTA,
        final,
        final * lowest,
        np.full(SEEDS, start),
        np.full(final.shape[:2], falls),
        np.full(final.shape[:2], learns),
        noise,
    )


def valley(lr, momentum):
    effective = lr / (1 - momentum)
    return 1 + np.log10(effective) ** 2 if effective < 30 else np.inf


def verdicts(found):
    return {(float(RATES[rate]), float(MOMENTA[momentum])): each for rate, momentum, each in labelled(found)}


def test_a_valley_has_too_low_rates_on_one_side_and_too_high_ones_on_the_other():
    found = verdicts(landscape(valley))
    assert found[1e-2, 0.0].verdict == "lr_too_low"
    assert found[1.0, 0.0].verdict == found[1e-1, 0.9].verdict == "healthy"
    assert found[10.0, 0.0].verdict == "lr_too_high"
    assert found[1.0, 0.99].verdict == "diverged"


def test_high_momentum_and_high_rate_are_two_names_of_one_fault():
    found = verdicts(landscape(valley))[1.0, 0.9]
    assert found.verdict == "lr_too_high"
    assert found.right == {"lr_too_high", "momentum_too_high"}
    assert found.gain == pytest.approx(0.5)


def test_where_the_rate_cannot_mend_it_the_momentum_is_at_fault():
    found = verdicts(landscape(lambda lr, momentum: valley(lr, momentum) + (3.0 if momentum > 0.95 else 0.0)))
    assert found[1e-2, 0.99].verdict == "momentum_too_high"
    assert found[1e-2, 0.99].right == {"momentum_too_high"}


def test_gains_within_the_noise_are_healthy():
    def almost(lr, momentum):
        return 1 + 0.08 * (lr > 0.5)

    assert label(landscape(almost, noise=0.001), 8, 0).verdict == "lr_too_high"
    assert label(landscape(almost, noise=0.1), 8, 0).verdict == "healthy"
    assert label(landscape(lambda lr, momentum: 1 + 0.04 * (lr > 0.5)), 8, 0).verdict == "healthy"


def test_a_loss_above_the_start_is_divergence():
    assert label(landscape(lambda lr, momentum: 2.0, start=1.5), 0, 0).verdict == "diverged"


def test_what_is_learnt_by_heart_has_not_diverged_wherever_the_validation_loss_ends():
    found = label(landscape(lambda lr, momentum: 2.0 + (lr > 0.5), start=1.5, learns=True), 8, 0)
    assert (found.verdict, round(found.gain, 3)) == ("lr_too_high", 0.333)


def test_overfitting_is_for_what_is_well_set_and_still_learns():
    flat = {"loss": lambda lr, momentum: 2.0, "lowest": 0.8}
    assert label(landscape(**flat), 3, 1).verdict == "overfitting"
    assert label(landscape(**flat, falls=False), 3, 1).verdict == "healthy"


def test_between_the_rates_of_the_grid_losses_are_even_in_their_logarithms():
    found = landscape(lambda lr, momentum: lr if momentum else 1e3)
    # From momentum 0 at lr 0.0316 the same effective rate at 0.9 is 0.00316, on the grid.
    best = best_of(found, 5, 0, "momentum at the same lr / (1 - momentum)")
    assert best.loss == pytest.approx(10**-1.5 * 0.01)
    assert best.up


def test_who_knows_the_landscape_advises_its_valley_and_leaves_what_is_well_set():
    found, places = landscape(valley), {float(rate): place for place, rate in enumerate(RATES)}
    lr, momentum = advice_of(found, places[1e-2], 0)
    assert valley(lr, momentum) == pytest.approx(1.0)
    assert advice_of(found, places[1.0], 0) == (1.0, 0.0)
    lr, momentum = advice_of(found, places[1.0], 2)
    assert valley(lr, momentum) == pytest.approx(1.0), "what diverges is led back"
