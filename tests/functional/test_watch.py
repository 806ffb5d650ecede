"""A watch on small trainings: what it finds, what it does then, and the example, run as a user runs it."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from tests.functional import watched_training
from tests.functional.watched_training import DIGITS, adamw, cosine, onecycle, sgd, train
from torch.utils.tensorboard import SummaryWriter

import surefoot
from surefoot.logs.read import read_log
from surefoot.watch.hysteresis_and_reaction import WatchWarning

ROOT = Path(__file__).parents[2]


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
def test_good_recipes_are_healthy_and_never_called_anything_else(optimizer, schedule, seed):
    watch, findings = train(optimizer, schedule=schedule, seed=seed)
    assert [found.verdict for found in findings] == ["healthy"]
    assert watch.finding.verdict == "healthy"
    assert watch.finding.advice == {}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("optimizer", "good"), [(sgd(0.0004, 0.7), 0.4), (sgd(0.004, 0.7), 0.4), (adamw(1e-5), 0.01)])
def test_rates_far_too_low_are_found_and_the_advice_is_near_a_good_one(optimizer, good, seed):
    watch, findings = train(optimizer, schedule=cosine, seed=seed)
    assert [found.verdict for found in findings] == ["lr_too_low"]
    assert findings[0].confidence >= 0.8
    assert good / 3 < watch.finding.advice["lr"] < good * 3
    assert "linear along each step" in watch.finding.why


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("optimizer", "verdict"),
    [
        (sgd(4.0, 0.7), "lr_too_high"),
        (sgd(400.0, 0.7), "diverged"),
        (sgd(1.0, 0.9), "lr_too_high"),
        (adamw(1.0), "lr_too_high"),
    ],
)
def test_rates_far_too_high_are_found_and_the_advice_is_lower(optimizer, verdict, seed):
    watch, findings = train(optimizer, seed=seed)
    finding = watch.finding
    assert finding.verdict == verdict
    assert finding.advice["lr"] <= finding.evidence["lr"] / 3
    assert findings[-1].verdict == finding.verdict


def test_a_momentum_far_too_high_is_distinguished_from_a_high_rate():
    verdicts = [train(sgd(0.3, 0.99), seed=seed)[0].finding.verdict for seed in range(2)]
    assert verdicts == ["momentum_too_high", "momentum_too_high"]


def test_without_batches_the_finding_says_what_is_missing():
    watch, _ = train(sgd(0.1, 0.9), batches=False)
    assert (watch.finding.verdict, watch.finding.confidence) == ("healthy", 0.5)
    assert "Whether they are too low only curvature would show" in watch.finding.why
    low, findings = train(sgd(0.0001), batches=False)
    assert (low.finding.verdict, findings) == ("unknown", [])
    assert "has not fallen" in low.finding.why


def test_an_unknown_optimizer_is_watched_without_curvature():
    watch, _ = train(lambda params: torch.optim.ASGD(params, lr=0.3))
    assert watch.finding.verdict == "healthy"
    assert "does not know what ASGD makes of a gradient" in watch.finding.why
    assert watch.samples["curvature"] == 0


def test_a_line_is_printed_whenever_the_verdict_changes(capsys):
    lines = []
    watch, findings = train(sgd(0.1, 0.9), print_fn=lines.append)
    assert len(lines) == len(findings) == 1
    assert lines[0].startswith("surefoot, step ")
    assert "healthy" in lines[0]
    assert capsys.readouterr().out == ""
    assert 0.0 < watch.overhead < 1.0


def test_lines_go_to_standard_output_by_default(capsys):
    train(sgd(0.0004), print_fn=print)
    (line,) = capsys.readouterr().out.splitlines()
    assert "lr too low" in line
    assert "Advice: lr=" in line


def test_stop_asks_the_loop_to_stop_at_a_fault():
    watch, findings = train(sgd(0.0004), on_finding="stop")
    assert watch.should_stop
    assert findings[-1].verdict == "lr_too_low"
    assert watch.finding.evidence["step"] < DIGITS.total_steps - 1
    assert not train(sgd(0.1, 0.9), on_finding="stop", steps=100)[0].should_stop


def test_warn_warns_of_a_fault_at_the_users_line():
    with pytest.warns(WatchWarning, match="lr too low") as warned:
        train(sgd(0.0004), on_finding="warn", steps=120)
    assert {warning.filename for warning in warned} == {watched_training.__file__}, "the warning is at the user's line"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(sgd(0.1, 0.9), on_finding="warn", steps=120)


def test_a_function_is_called_with_every_finding():
    given = []
    _, findings = train(sgd(0.1, 0.9), on_finding=given.append)
    assert given == findings


def test_lower_halves_a_rate_that_is_too_high():
    lines = []
    watch, findings = train(sgd(1.0, 0.9), on_finding="lower", steps=500, print_fn=lines.append, seed=1)
    assert "lr_too_high" in [found.verdict for found in findings]
    assert any("every learning rate is multiplied by 0.5" in line for line in lines)
    assert watch.finding.evidence["lr"] <= 0.5
    assert watch.optimizer.param_groups[0]["lr"] == 1.0  # what a scheduler sees


def test_tensorboard_receives_the_measurements(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        watch, _ = train(sgd(0.1, 0.9), writer=writer)
    series = read_log(tmp_path).series
    names = {"loss", "lr", "momentum", "update_cosine", "update_to_weight", "reach"}
    assert {f"watch/{name}" for name in names} <= set(series)
    assert len(series["watch/reach"].steps) == watch.samples["curvature"]
    assert series["watch/lr"].values == pytest.approx(0.1)


@pytest.mark.parametrize("optimizer", [sgd(0.1, 0.9), sgd(0.0004), adamw(0.01)])
def test_a_watch_continues_from_a_checkpoint(optimizer, tmp_path):
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
        return model, trained, surefoot.Watch(model, trained, DIGITS.batch_loss, print_fn=None, overhead=None)

    whole = fresh()
    run(*whole, range(200))
    first = fresh()
    run(*first, range(99))  # three readings make a comparison: none is under way
    names = ("model", "optimizer", "watch")
    torch.save({name: part.state_dict() for name, part in zip(names, first, strict=True)}, tmp_path / "checkpoint.pt")
    second = fresh()
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for name, part in zip(names, second, strict=True):
        part.load_state_dict(saved[name])
    run(*second, range(99, 200))
    assert second[2].finding == whole[2].finding
    assert second[2].state_dict() == whole[2].state_dict()


def example(*arguments):
    command = [sys.executable, str(ROOT / "examples/watch.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.splitlines()


def test_in_the_example_a_low_rate_is_found_and_its_advice_is_healthy():
    low, *after = example()
    assert low.startswith("surefoot, step ")
    assert "lr too low" in low
    assert "Advice: lr=" in low
    assert after
    assert "healthy" in after[-1]


def test_in_the_example_a_good_rate_is_healthy():
    (line,) = example("--lr", "0.4")
    assert "healthy" in line
