"""Real small trainings with known faults, and good ones that must stay healthy."""

import math

import pytest
import torch
from tests.unit.watch.loops import adamw, cosine, onecycle, sgd, train

from surefoot.watch.findings import judge
from surefoot.watch.record import Bend, Record

FAULTS = ("diverged", "lr_too_high", "lr_too_low", "momentum_too_high", "plateau")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        (sgd(0.4, 0.7), cosine),
        (sgd(0.3, 0.9), cosine),
        (sgd(0.4, 0.7), onecycle),
        (sgd(0.1, 0.9), None),
        (adamw(0.01), cosine),
        (adamw(0.003), onecycle),
    ],
)
def test_good_settings_are_healthy_and_never_called_anything_else(optimizer, schedule, seed):
    watch, findings = train(optimizer, schedule=schedule, seed=seed)
    assert [found.verdict for found in findings] == ["healthy"]
    assert watch.finding.verdict == "healthy"
    assert watch.finding.advice == {}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("optimizer", "good"), [(sgd(0.0004, 0.7), 0.4), (sgd(0.004, 0.7), 0.4), (adamw(1e-5), 0.01)])
def test_far_too_low_rates_are_found_with_what_would_be_right(optimizer, good, seed):
    watch, findings = train(optimizer, schedule=cosine, seed=seed)
    assert [found.verdict for found in findings] == ["lr_too_low"]
    assert findings[0].confidence >= 0.8
    assert good / 3 < watch.finding.advice["lr"] < good * 3
    assert "straight" in watch.finding.why


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("optimizer", [sgd(4.0, 0.7), sgd(400.0, 0.7), sgd(1.0, 0.9), adamw(1.0)])
def test_too_high_rates_are_found_and_lowered_by_the_advice(optimizer, seed):
    watch, findings = train(optimizer, seed=seed)
    finding = watch.finding
    assert finding.verdict in ("lr_too_high", "diverged")
    assert finding.advice["lr"] <= finding.evidence["lr"] / 3
    assert findings[-1].verdict == finding.verdict


def test_far_too_much_momentum_is_told_from_a_high_rate():
    codes = {train(sgd(0.3, 0.99), seed=seed)[0].finding.verdict for seed in range(2)}
    assert "momentum_too_high" in codes
    assert codes <= {"momentum_too_high", "lr_too_high", "healthy"}


def test_signals_alone_say_what_they_cannot_know():
    watch, _ = train(sgd(0.1, 0.9), batches=False)
    assert (watch.finding.verdict, watch.finding.confidence) == ("healthy", 0.5)
    assert "Whether they are too low cannot be told" in watch.finding.why
    low, findings = train(sgd(0.0001), batches=False)
    assert (low.finding.verdict, findings) == ("unknown", [])
    assert "has not fallen" in low.finding.why


def test_an_unknown_optimizer_is_watched_as_far_as_it_can_be():
    watch, _ = train(lambda params: torch.optim.ASGD(params, lr=0.3))
    assert watch.finding.verdict == "healthy"
    assert "what ASGD makes of a gradient is not known here (only of SGD," in watch.finding.why
    assert watch.samples["bends"] == 0


def record_of(losses, reaches=(), *, lr=0.1):
    record = Record()
    record.losses.add(losses)
    for place, reach in enumerate(reaches):
        record.bends.add(Bend(place * len(losses) // len(reaches), lr, reach))
    record.lr_peak = lr
    return record


def test_a_loss_that_is_no_number_from_the_start_is_not_blamed_on_the_rate():
    finding = judge(record_of([math.nan]))
    assert (finding.verdict, finding.confidence, finding.evidence["diverged_at"]) == ("diverged", 1.0, 0.0)
    assert finding.why.startswith("Diverged at step 0")
    assert finding.advice == {}


def test_a_skipped_step_is_no_divergence():
    record = record_of([2.0] * 30 + [math.inf, math.nan])
    assert judge(record).verdict == "unknown"
    record.losses.add([1.9])
    assert judge(record).verdict == "unknown"
    record.losses.add([math.nan])
    record.weights_lost = True
    finding = judge(record)
    assert (finding.verdict, finding.evidence["diverged_at"]) == ("diverged", 33.0)


def test_a_loss_that_stays_no_number_is_lost_even_with_finite_weights():
    finding = judge(record_of([2.0] * 30 + [math.nan] * 20))
    assert (finding.verdict, finding.evidence["diverged_at"]) == ("diverged", 30.0)


def test_a_loss_that_does_not_move_though_its_steps_are_right_is_a_plateau():
    finding = judge(record_of([2.3] * 400, [1.0] * 20))
    assert finding.verdict == "plateau"
    assert "data" in finding.why


def test_a_lost_weight_that_no_batch_meets_is_no_lost_loss():
    record = record_of([2.0] * 30)
    record.weights_lost = True
    finding = judge(record)
    assert (finding.verdict, finding.evidence["diverged_at"]) == ("diverged", 29.0)
    assert "a weight was no number any more (the last loss before: 2.00)" in finding.why


def test_a_first_loss_that_is_no_number_is_not_where_the_others_began():
    record = record_of([math.inf] + [2.0 - 0.005 * step for step in range(200)], [1.0] * 20)
    finding = judge(record)
    assert finding.verdict == "healthy"
    assert finding.why.startswith("The loss fell from 2.00 to")


def test_the_end_of_a_schedule_is_not_too_low():
    losses = [2.0 - 0.001 * step for step in range(400)]
    record = record_of(losses, [0.5] * 10)
    for place in range(10):
        record.bends.add(Bend(400 + 10 * place, 0.0001, 0.0005))
    assert judge(record).verdict == "healthy"


def test_a_warmup_is_not_too_low():
    record = record_of([2.0] * 400)
    for place in range(20):
        record.bends.add(Bend(20 * place, 1e-5 * (place + 1), 0.0005 * (place + 1)))
    record.lr_peak = 2e-4
    record.rates = type(record.rates)(2e-4)
    assert judge(record).verdict == "unknown"


def test_a_reach_that_grows_is_on_its_way():
    growing = [0.0005 * 1.2**place for place in range(12)]
    assert judge(record_of([2.0 - 0.0005 * step for step in range(400)], growing)).verdict == "healthy"


def test_a_loss_that_has_come_down_is_not_too_low():
    losses = [2.0 * 0.98**step for step in range(400)]
    assert judge(record_of(losses, [0.001] * 20)).verdict == "healthy"


def test_negative_losses_have_no_false_alarm():
    losses = [-1.0 - 0.01 * step for step in range(300)]
    assert judge(record_of(losses, [1.0] * 20)).verdict == "healthy"
    assert judge(record_of([-5.0 + 0.1 * step for step in range(300)])).verdict in ("diverged", "lr_too_high")


@pytest.mark.parametrize("seed", range(30))
def test_the_luck_of_batches_is_no_fault(seed):
    noise = torch.randn(300, generator=torch.Generator().manual_seed(seed))
    for spread in (0.2, 0.7):  # of small batches, and of single samples
        for fall in (0.0, 1.0):
            losses = (torch.linspace(0.0, -fall, 300) + spread * noise).exp()
            for steps in (60, 120, 300):
                assert judge(record_of(losses[:steps].tolist(), [1.0] * 10)).verdict in (
                    "healthy",
                    "unknown",
                    "plateau",
                )
