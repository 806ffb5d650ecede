"""Findings on made-up records."""

import math

import pytest
import torch

from surefoot.watch.findings import make_finding
from surefoot.watch.training_record import CurvatureSample, TrainingRecord


def record_of(losses, ratios=(), *, lr=0.1):
    record = TrainingRecord()
    record.losses.add(losses)
    for number, ratio in enumerate(ratios):
        record.curvature.add(CurvatureSample(number * len(losses) // len(ratios), lr, ratio))
    record.lr_peak = lr
    return record


def test_a_nan_before_any_step_is_not_blamed_on_the_learning_rate():
    finding = make_finding(record_of([math.nan]))
    assert (finding.verdict, finding.confidence, finding.evidence["diverged_at"]) == ("diverged", 1.0, 0.0)
    assert finding.why.startswith("Diverged at step 0")
    assert finding.advice == {}


def test_a_skipped_step_is_not_divergence():
    record = record_of([2.0] * 30 + [math.inf, math.nan])
    assert make_finding(record).verdict == "unknown"
    record.losses.add([1.9])
    assert make_finding(record).verdict == "unknown"
    record.losses.add([math.nan])
    record.has_non_finite_weights = True
    finding = make_finding(record)
    assert (finding.verdict, finding.evidence["diverged_at"]) == ("diverged", 33.0)


def test_a_loss_that_stays_nan_has_diverged_even_with_finite_weights():
    finding = make_finding(record_of([2.0] * 30 + [math.nan] * 20))
    assert (finding.verdict, finding.evidence["diverged_at"]) == ("diverged", 30.0)


def test_a_constant_loss_with_steps_of_the_right_length_is_a_plateau():
    finding = make_finding(record_of([2.3] * 400, [1.0] * 20))
    assert finding.verdict == "plateau"
    assert "data" in finding.why


def test_a_nan_weight_that_no_batch_uses_is_divergence():
    record = record_of([2.0] * 30)
    record.has_non_finite_weights = True
    finding = make_finding(record)
    assert (finding.verdict, finding.evidence["diverged_at"]) == ("diverged", 29.0)
    assert "a weight became NaN or inf (the last finite loss was 2.00)" in finding.why


def test_an_infinite_first_loss_is_not_where_the_loss_began():
    record = record_of([math.inf] + [2.0 - 0.005 * step for step in range(200)], [1.0] * 20)
    finding = make_finding(record)
    assert finding.verdict == "healthy"
    assert finding.why.startswith("The loss fell from 2.00 to")


def test_low_rates_at_the_end_of_a_schedule_are_not_too_low():
    losses = [2.0 - 0.001 * step for step in range(400)]
    record = record_of(losses, [0.5] * 10)
    for number in range(10):
        record.curvature.add(CurvatureSample(400 + 10 * number, 0.0001, 0.0005))
    assert make_finding(record).verdict == "healthy"


def test_low_rates_in_a_warmup_are_not_too_low():
    record = record_of([2.0] * 400)
    for number in range(20):
        record.curvature.add(CurvatureSample(20 * number, 1e-5 * (number + 1), 0.0005 * (number + 1)))
    record.lr_peak = 2e-4
    record.hyperparameters = type(record.hyperparameters)(2e-4)
    assert make_finding(record).verdict == "unknown"


def test_a_growing_curvature_ratio_is_not_too_low():
    growing = [0.0005 * 1.2**number for number in range(12)]
    assert make_finding(record_of([2.0 - 0.0005 * step for step in range(400)], growing)).verdict == "healthy"


def test_a_low_ratio_after_the_loss_came_down_is_not_too_low():
    losses = [2.0 * 0.98**step for step in range(400)]
    assert make_finding(record_of(losses, [0.001] * 20)).verdict == "healthy"


def test_negative_losses_raise_no_false_alarm():
    losses = [-1.0 - 0.01 * step for step in range(300)]
    assert make_finding(record_of(losses, [1.0] * 20)).verdict == "healthy"
    assert make_finding(record_of([-5.0 + 0.1 * step for step in range(300)])).verdict == "diverged"


@pytest.mark.parametrize("seed", range(30))
def test_noise_between_batches_is_not_a_fault(seed):
    noise = torch.randn(300, generator=torch.Generator().manual_seed(seed))
    for spread in (0.2, 0.7):  # of small batches, and of single samples
        for fall in (0.0, 1.0):
            losses = (torch.linspace(0.0, -fall, 300) + spread * noise).exp()
            for steps in (60, 120, 300):
                assert make_finding(record_of(losses[:steps].tolist(), [1.0] * 10)).verdict in (
                    "healthy",
                    "unknown",
                    "plateau",
                )
