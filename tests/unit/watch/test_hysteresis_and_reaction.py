from __future__ import annotations

import torch

from surefoot.core.finding_and_symptoms import Finding
from surefoot.watch.hysteresis_and_reaction import Hysteresis, LoweredLearningRate


def test_a_lowered_rate_follows_any_schedule():
    for schedule in (torch.optim.lr_scheduler.ExponentialLR, torch.optim.lr_scheduler.LambdaLR):
        w = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=1.0)
        scheduler = schedule(optimizer, 0.5 if schedule is torch.optim.lr_scheduler.ExponentialLR else lambda n: 0.5**n)
        rate = LoweredLearningRate(optimizer)
        for number in range(4):
            if number == 2:
                rate.lower(0.5)
            w.grad = torch.ones(1)
            optimizer.step()
            scheduler.step()
        assert w.item() == -(1 + 0.5 + 0.125 + 0.0625)
        assert optimizer.param_groups[0]["lr"] == 0.0625


def test_a_learning_rate_in_a_tensor_is_lowered():
    w = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=torch.tensor(1.0))
    LoweredLearningRate(optimizer).lower(0.25)
    w.grad = torch.ones(1)
    optimizer.step()
    assert (w.item(), optimizer.param_groups[0]["lr"].item()) == (-0.25, 1.0)


def test_an_alternating_verdict_does_not_count():
    hysteresis = Hysteresis()
    for step in range(0, 400, 10):  # in turns
        hysteresis = hysteresis.add(Finding("healthy" if step % 20 else "lr_too_high", 0.7, ""), step=step)
    assert hysteresis.finding.verdict == "unknown"
    assert Hysteresis.from_state(hysteresis.state()) == hysteresis
