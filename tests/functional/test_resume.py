"""A tune that is broken off and gone on with ends as one that was not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from surefoot.errors import StudyError
from surefoot.fleet import Plan, runner
from surefoot.fleet.progress import Interrupted, Silent
from surefoot.studies import Database, Measurement, Study
from surefoot.tasks.loader import load
from surefoot.tasks.task import Task
from surefoot.tuning.assembly import read_result
from surefoot.search.result import Contestant, TuneResult
from surefoot.search.tune import tune

PLAN = Plan("stacked", 16, threads=1)


@pytest.fixture(scope="module")
def wine():
    return load("wine")


@pytest.fixture(scope="module")
def unbroken(wine):
    return tune(wine, budget="12x", plan=PLAN, seed=3)


@pytest.fixture(autouse=True)
def _short_slices(monkeypatch):
    """Slices of one step, however fast the machine is: as many places to break off at as there can be."""
    monkeypatch.setattr(runner, "SLICE_SECONDS", 0.0)


def new_study(path: Path) -> Study:
    return Study.create(Database(path), task="wine", settings={}, seed=3)


def stop_after(calls: int):
    left = iter(range(calls))
    return lambda: next(left, None) is None


def same_findings(first: TuneResult, second: TuneResult) -> None:
    for field in dataclasses.fields(TuneResult):
        if field.name not in ("seconds", "study"):
            found = [without_probes(getattr(result, field.name)) for result in (first, second)]
            assert found[0] == found[1], field.name


def without_probes(found: object) -> object:
    """Those from before an interruption are not kept: they are evidence, and no part of what was found."""
    match found:
        case tuple():
            return tuple(map(without_probes, found))
        case Measurement():
            return dataclasses.replace(found, outcome=dataclasses.replace(found.outcome, probes=()))
        case Contestant():
            return dataclasses.replace(found, runs=without_probes(found.runs))
        case _:
            return found


@pytest.mark.parametrize("calls", [0, 1, 5, 40, 150, 400])
def test_one_interruption(wine, unbroken, tmp_path, calls):
    study = new_study(tmp_path / "s.db")
    with pytest.raises(Interrupted):
        tune(wine, budget="12x", plan=PLAN, seed=3, study=study, stop=stop_after(calls))
    assert study.info().status == "interrupted"
    same_findings(unbroken, tune(wine, budget="12x", plan=PLAN, seed=3, study=study))
    assert study.info().status == "done"
    assert not list(tmp_path.glob("*.safetensors")), "checkpoints of a finished study are removed"


def test_many_interruptions_lose_nothing(wine, unbroken, tmp_path):
    """Broken off every 15 steps, within cooldowns too: if work were lost each time it would never end."""
    study = new_study(tmp_path / "s.db")
    for _ in range(100):
        try:
            result = tune(wine, budget="12x", plan=PLAN, seed=3, study=study, stop=stop_after(15))
            break
        except Interrupted:
            continue
    same_findings(unbroken, result)
    same_findings(result, read_result(study))


def test_a_damaged_checkpoint_costs_work_and_no_answer(wine, unbroken, tmp_path):
    study = new_study(tmp_path / "s.db")
    with pytest.raises(Interrupted):
        tune(wine, budget="12x", plan=PLAN, seed=3, study=study, stop=stop_after(8))
    (checkpoint,) = tmp_path.glob("*.safetensors")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    same_findings(unbroken, tune(wine, budget="12x", plan=PLAN, seed=3, study=study))


def test_a_finished_study_is_read_without_training(wine, tmp_path):
    study = new_study(tmp_path / "s.db")
    first = tune(wine, budget="12x", plan=PLAN, seed=3, study=study)
    again = tune(wine, budget="12x", plan=PLAN, seed=3, study=study, stop=lambda: pytest.fail("it trains"))
    same_findings(first, again)


def test_an_unfinished_study_has_no_result_yet(wine, tmp_path):
    study = new_study(tmp_path / "s.db")
    with pytest.raises(Interrupted):
        tune(wine, budget="12x", plan=PLAN, seed=3, study=study, stop=stop_after(5))
    with pytest.raises(StudyError, match="--resume"):
        read_result(study)


@pytest.fixture(scope="module")
def line():
    inputs = torch.randn(96, 3, generator=torch.Generator().manual_seed(0))
    data = (inputs, inputs[:, :1] + 0.1 * inputs[:, 1:2] ** 2)
    return Task("line", lambda: nn.Linear(3, 1), nn.functional.mse_loss, data, data, batch_size=8, steps=40)


@pytest.fixture(scope="module")
def transferred(line):
    return tune(line, budget="12x", plan=PLAN, seed=3, transfer=True)


def test_a_transfer_broken_off_goes_on_where_it_was(line, transferred, tmp_path):
    """Broken off every 401 steps, in the transfer and before it."""
    study = Study.create(Database(tmp_path / "s.db"), task="line", settings={}, seed=3)
    stopped = []
    for _ in range(200):
        try:
            result = tune(line, budget="12x", plan=PLAN, seed=3, study=study, stop=stop_after(401), transfer=True)
            break
        except Interrupted:
            stopped += [name.name for name in tmp_path.glob("*.safetensors")]
    same_findings(transferred, result)
    same_findings(result, read_result(study))
    assert sum("transfer" in name for name in stopped) > 3
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_transfer_changes_nothing_of_the_answer_and_its_cost(line, transferred):
    plain = tune(line, budget="12x", plan=PLAN, seed=3)
    assert plain.contestants == transferred.contestants
    assert (plain.trials, plain.steps) == (transferred.trials, transferred.steps)
    assert plain.search_config_steps == transferred.search_config_steps
    assert plain.config_steps == transferred.config_steps - transferred.transfer.config_steps
    assert plain.config_steps <= 12 * 40


def test_a_finished_study_is_gone_on_with_for_its_transfer(line, transferred, tmp_path):
    study = Study.create(Database(tmp_path / "s.db"), task="line", settings={}, seed=3)
    tune(line, budget="12x", plan=PLAN, seed=3, study=study)
    assert read_result(study).transfer is None
    same_findings(transferred, tune(line, budget="12x", plan=PLAN, seed=3, study=study, transfer=True))
    same_findings(transferred, read_result(study))


def test_the_bar_goes_on_where_it_stood(wine, tmp_path):
    class Bar(Silent):
        def __init__(self):
            bars.append({"total": 0, "done": 0})

        def begin(self, *, config_steps, done=0):
            bars[-1].update(total=config_steps, done=done)

        def advance(self, config_steps):
            bars[-1]["done"] += config_steps

    bars = []
    study = new_study(tmp_path / "s.db")
    with pytest.raises(Interrupted):
        tune(wine, budget="12x", plan=PLAN, seed=3, study=study, progress=Bar(), stop=stop_after(400))
    recorded = sum(study.costs().values())
    tune(wine, budget="12x", plan=PLAN, seed=3, study=study, progress=Bar())
    first, second = bars
    assert 0 < recorded < second["done"] <= second["total"] == first["total"]
