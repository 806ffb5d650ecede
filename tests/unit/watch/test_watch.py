import copy
import math
import warnings

import numpy as np
import pytest
import torch
from tests.unit.watch import loops
from tests.unit.watch.loops import DIGITS, adamw, sgd, train
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.tensorboard import SummaryWriter

import surefoot
from surefoot import Watch
from surefoot.core.errors import WatchError
from surefoot.logs.read import read_log
from surefoot.watch.hysteresis import Steadiness
from surefoot.watch.reaction import WatchWarning


def test_it_is_told_when_the_verdict_changes_and_only_then(capsys):
    told = []
    watch, findings = train(sgd(0.1, 0.9), tell=told.append)
    assert len(told) == len(findings) == 1
    assert told[0].startswith("surefoot, step ")
    assert "healthy" in told[0]
    assert capsys.readouterr().out == ""
    assert 0.0 < watch.overhead < 1.0


def test_by_default_it_prints(capsys):
    train(sgd(0.0004), tell=print)
    (line,) = capsys.readouterr().out.splitlines()
    assert "lr too low" in line
    assert "Advice: lr=" in line


def test_stop_stops():
    watch, findings = train(sgd(0.0004), on_finding="stop")
    assert watch.should_stop
    assert findings[-1].verdict == "lr_too_low"
    assert watch.finding.evidence["step"] < DIGITS.total_steps - 1
    assert not train(sgd(0.1, 0.9), on_finding="stop", steps=100)[0].should_stop


def test_warn_warns_of_faults():
    with pytest.warns(WatchWarning, match="lr too low") as warned:
        train(sgd(0.0004), on_finding="warn", steps=120)
    assert {warning.filename for warning in warned} == {loops.__file__}, "the user's line is named, not the watch's"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(sgd(0.1, 0.9), on_finding="warn", steps=120)


def test_weights_that_come_back_are_no_divergence_any_more():
    weight = torch.nn.Parameter(torch.ones(2))
    model = torch.nn.ParameterList([weight])
    watch = Watch(model, torch.optim.SGD(model.parameters(), lr=0.1), tell=None, overhead=None)
    for value, loss in [(1.0, 2.0)] * 60 + [(math.nan, math.nan)] + [(1.0, 1.5)] * 60:
        weight.data.fill_(value)
        watch.step(loss)
        assert (watch.finding.verdict == "diverged") <= (watch._steps > 60)
    assert watch.finding.verdict != "diverged"


def test_a_function_is_given_every_finding():
    given = []
    _, findings = train(sgd(0.1, 0.9), on_finding=given.append)
    assert given == findings


def test_lower_halves_a_rate_that_is_too_high_until_it_is_not():
    told = []
    watch, findings = train(sgd(1.0, 0.9), on_finding="lower", steps=500, tell=told.append, seed=1)
    assert "lr_too_high" in [found.verdict for found in findings]
    assert any("Halved: every learning rate is multiplied by 0.5" in line for line in told)
    assert watch.finding.evidence["lr"] <= 0.5
    assert watch.optimizer.param_groups[0]["lr"] == 1.0  # what a scheduler sees


def test_tensorboard_has_signals_and_verdicts(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        watch, _ = train(sgd(0.1, 0.9), writer=writer)
    series = read_log(tmp_path).series
    names = {"loss", "lr", "momentum", "update_cosine", "update_to_weight", "reach"}
    assert {f"watch/{name}" for name in names} <= set(series)
    assert len(series["watch/reach"].steps) == watch.samples["bends"]
    assert series["watch/lr"].values == pytest.approx(0.1)


@pytest.mark.parametrize("optimizer", [sgd(0.1, 0.9), sgd(0.0004), adamw(0.01)])
def test_it_goes_on_from_a_checkpoint(optimizer, tmp_path):
    def run(model, trained, watch, steps):
        for number in steps:
            batch = DIGITS.batch("train", torch.arange(64) + number)
            trained.zero_grad()
            loss = DIGITS.batch_loss(model, batch)
            loss.backward()
            trained.step()
            watch.step(loss, batch)

    def fresh():
        torch.manual_seed(0)
        model = DIGITS.new_model()
        trained = optimizer(model.parameters())
        return model, trained, surefoot.Watch(model, trained, DIGITS.batch_loss, tell=None, overhead=None)

    whole = fresh()
    run(*whole, range(200))
    first = fresh()
    run(*first, range(99))  # three looks make a comparison: none is under way
    names = ("model", "optimizer", "watch")
    torch.save({name: part.state_dict() for name, part in zip(names, first, strict=True)}, tmp_path / "checkpoint.pt")
    second = fresh()
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for name, part in zip(names, second, strict=True):
        part.load_state_dict(saved[name])
    run(*second, range(99, 200))
    assert second[2].finding == whole[2].finding
    assert second[2].state_dict() == whole[2].state_dict()


def test_a_lowered_rate_is_restored():
    model = nn.Linear(2, 1)
    state = surefoot.Watch(model, torch.optim.SGD(model.parameters(), lr=1.0), tell=None).state_dict()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    watch = surefoot.Watch(model, optimizer, tell=None)
    watch.load_state_dict(state | {"factor": 0.5, "steps": 7})
    before = model.bias.detach().clone()
    model.bias.grad = torch.ones(1)
    optimizer.step()
    assert (before - model.bias).item() == pytest.approx(0.5)
    watch.step(1.0)
    assert watch.finding.evidence["lr"] == 0.5


def test_it_does_not_begin_with_a_state_of_something_else():
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


def test_a_loss_that_is_no_number_at_step_0_is_said_at_once():
    model = nn.Linear(2, 1)
    told = []
    watch = surefoot.Watch(model, torch.optim.SGD(model.parameters(), lr=1.0), tell=told.append)
    found = watch.step(torch.tensor(math.nan))
    assert found.verdict == "diverged"
    assert "Diverged at step 0" in told[0]
    assert watch.step(torch.tensor(math.nan)) is None
    assert len(told) == 1


def test_wrong_arguments_get_one_line_with_all_faults():
    model = nn.Linear(2, 1)
    with pytest.raises(WatchError) as caught:
        surefoot.Watch("model", model, 3, tell="aloud", on_finding="stopp", overhead=5, writer="runs")
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


def test_an_objective_that_fails_later_ends_no_training():
    calls = []

    def moody(model, batch):
        calls.append(1)
        if len(calls) > 20:
            raise ValueError("no more")
        return DIGITS.batch_loss(model, batch)

    torch.manual_seed(0)
    model = DIGITS.new_model()
    watch = surefoot.Watch(model, torch.optim.SGD(model.parameters(), lr=0.1), moody, tell=None, overhead=None)
    batch = DIGITS.batch("train", torch.arange(64))
    for number in range(60):
        watch.step(2.0 - 0.01 * number, batch)
    assert watch.samples["bends"] == 20
    assert len(calls) == 21


def test_a_verdict_has_to_stay():
    from surefoot.core.finding import Finding

    steady = Steadiness()
    for step in range(0, 400, 10):  # in turns
        steady = steady.seen(Finding("healthy" if step % 20 else "lr_too_high", 0.7, ""), step=step)
    assert steady.counts.verdict == "unknown"
    assert Steadiness.from_state(steady.state()) == steady


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.body(x))


def objective(model, batch):
    return cross_entropy(model(batch[0]).float(), batch[1])


GROUPS = {
    "sgd": lambda net: torch.optim.SGD(
        [{"params": net.body.parameters()}, {"params": net.head.parameters(), "lr": 0.01}], lr=0.1, momentum=0.9
    ),
    "adamw": lambda net: torch.optim.AdamW(
        [{"params": net.body.parameters()}, {"params": net.head.parameters(), "weight_decay": 0.0}], lr=0.01
    ),
    "adagrad": lambda net: torch.optim.Adagrad(net.parameters(), lr=0.01),
    "asgd": lambda net: torch.optim.ASGD(net.parameters(), lr=0.01),
}


def loop(optimizer, *, precision, accumulate, watched, compiled=False, steps=30):
    """Train; return everything that a training leaves, and the watch."""
    torch.manual_seed(0)
    net = Net()
    model = torch.compile(net, backend="inductor") if compiled else net
    trained = GROUPS[optimizer](net)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120, enabled=precision == "scaler")  # overflows at first
    watch = surefoot.Watch(model, trained, objective, tell=None, overhead=None) if watched else None
    for _ in range(steps):
        trained.zero_grad()
        for _ in range(accumulate):
            batch = (torch.randn(16, 8), torch.randint(0, 3, (16,)))
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
                loss = objective(model, batch)
            scaler.scale(loss / accumulate).backward()
        scaler.step(trained)
        scaler.update()
        if watch is not None:
            watch.step(loss, batch)
    grads = [param.grad for param in net.parameters()]
    left = (net.state_dict(), trained.state_dict(), grads, torch.get_rng_state())
    return copy.deepcopy(left), watch


@pytest.mark.parametrize("optimizer", GROUPS)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "scaler"])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_watched_training_is_the_same_bit_for_bit(optimizer, precision, accumulate):
    options = {"precision": precision, "accumulate": accumulate}
    plain, _ = loop(optimizer, **options, watched=False)
    seen, watch = loop(optimizer, **options, watched=True)
    torch.testing.assert_close(seen, plain, rtol=0, atol=0, equal_nan=True)
    assert watch.samples["updates"] >= (5 if precision != "scaler" else 1)
    assert (watch.samples["bends"] > 0) == (optimizer != "asgd")
    assert watch.finding.verdict != "diverged"


@pytest.mark.filterwarnings("ignore:`torch.jit")  # of torch's own compiler
def test_a_compiled_model_too():
    plain, _ = loop("sgd", precision="fp32", accumulate=1, watched=False, compiled=True, steps=8)
    seen, watch = loop("sgd", precision="fp32", accumulate=1, watched=True, compiled=True, steps=8)
    torch.testing.assert_close(seen, plain, rtol=0, atol=0)
    assert watch.samples["bends"] == 8
    assert watch.finding.verdict == "unknown"
