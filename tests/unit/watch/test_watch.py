"""The class Watch, without a training: arguments, state and single steps."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import surefoot
from surefoot import Watch
from surefoot.core.errors import WatchError


def test_weights_that_are_finite_again_end_the_divergence():
    weight = torch.nn.Parameter(torch.ones(2))
    model = torch.nn.ParameterList([weight])
    watch = Watch(model, torch.optim.SGD(model.parameters(), lr=0.1), print_fn=None, overhead=None)
    training = [(1.0, 2.0)] * 60 + [(math.nan, math.nan)] + [(1.0, 1.5)] * 60
    for step, (value, loss) in enumerate(training, start=1):
        weight.data.fill_(value)
        watch.step(loss)
        assert (watch.finding.verdict == "diverged") <= (step > 60)
    assert watch.finding.verdict != "diverged"


def test_a_lowered_rate_is_part_of_the_state():
    model = nn.Linear(2, 1)
    state = surefoot.Watch(model, torch.optim.SGD(model.parameters(), lr=1.0), print_fn=None).state_dict()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    watch = surefoot.Watch(model, optimizer, print_fn=None)
    watch.load_state_dict(state | {"factor": 0.5, "steps": 7})
    before = model.bias.detach().clone()
    model.bias.grad = torch.ones(1)
    optimizer.step()
    assert (before - model.bias).item() == pytest.approx(0.5)
    watch.step(1.0)
    assert watch.finding.evidence["lr"] == 0.5


def test_a_state_that_is_not_of_a_watch_is_refused():
    model = nn.Linear(2, 1)
    watch = surefoot.Watch(model, torch.optim.SGD(model.parameters(), lr=1.0))
    with pytest.raises(WatchError, match=r"given a dict\. Hint: "):
        watch.load_state_dict({"epoch": 3})
    with pytest.raises(WatchError, match="given version 99"):
        watch.load_state_dict({"version": 99})
    before = watch.state_dict()
    with pytest.raises(WatchError, match=r"damaged \(it has no 'record'\)"):
        watch.load_state_dict({"version": 2, "steps": 5})
    with pytest.raises(WatchError, match="damaged"):
        watch.load_state_dict(before | {"steps": 5, "steady": 3})
    assert watch.state_dict() == before


def test_a_nan_at_step_0_is_reported_at_once():
    model = nn.Linear(2, 1)
    lines = []
    watch = surefoot.Watch(model, torch.optim.SGD(model.parameters(), lr=1.0), print_fn=lines.append)
    found = watch.step(torch.tensor(math.nan))
    assert found.verdict == "diverged"
    assert "Diverged at step 0" in lines[0]
    assert watch.step(torch.tensor(math.nan)) is None
    assert len(lines) == 1


def test_an_error_names_all_wrong_arguments_in_one_line():
    model = nn.Linear(2, 1)
    with pytest.raises(WatchError) as caught:
        surefoot.Watch("model", model, 3, print_fn="aloud", on_finding="stopp", overhead=5, writer="runs")
    said = str(caught.value)
    for part in (
        "model must be",
        "optimizer must be",
        "objective must be",
        "'aloud'",
        "'stopp'",
        "given 5",
        "add_scalar",
    ):
        assert part in said
    assert "did you mean stop?" in said
    assert "\n" not in said
    with pytest.raises(WatchError, match="none of the model's"):
        surefoot.Watch(model, torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0))
    watch = surefoot.Watch(model, torch.optim.SGD(model.parameters(), lr=1.0))
    with pytest.raises(WatchError, match="given a tensor of shape \\[2, 3\\]"):
        watch.step(torch.zeros(2, 3))
    with pytest.raises(WatchError, match="a complex tensor of shape"):
        watch.step(torch.tensor(1j))
    watch.step(np.float32(0.5))
    with pytest.raises(WatchError, match="no objective"):
        watch.step(1.0, torch.zeros(3))


def test_an_objective_that_fails_later_does_not_end_the_training():
    calls = []

    def objective(model, batch):
        calls.append(1)
        if len(calls) > 20:
            raise ValueError("no more")
        return model(batch).square().mean()

    torch.manual_seed(0)
    model, batch = nn.Linear(2, 1), torch.randn(8, 2)
    watch = surefoot.Watch(model, torch.optim.SGD(model.parameters(), lr=0.1), objective, print_fn=None, overhead=None)
    for number in range(60):
        watch.step(2.0 - 0.01 * number, batch)
    assert watch.samples["curvature"] == 20
    assert len(calls) == 21
