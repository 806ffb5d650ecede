"""``surefoot check`` as a user runs it."""

import re
import sys
from pathlib import Path

import pytest
import torch

import surefoot
from surefoot.cli.main import run
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.studies.database import Database
from surefoot.studies.stored_checks import check_summaries
from surefoot.studies.study import Study
from surefoot.tasks.loader import load_task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Trial

SMALL = Path(__file__).with_name("small_training.py")
PLAN = ["--plan", "plan.json"]


@pytest.mark.parametrize(
    ("recipe", "verdicts"),
    [
        ("sgd(lr=0.001, momentum=0.9)", {"lr_too_low"}),
        ("sgd(lr=2.0, momentum=0.9)", {"diverged"}),
        ("sgd(lr=0.3, momentum=0.99)", {"lr_too_high", "momentum_too_high"}),
        ("sgd(lr=cosine(0.8), momentum=0.8)", {"healthy", "unknown"}),
    ],
)
def test_the_verdict_on_digits_fits_the_recipe(recipe, verdicts, json_of):
    trainer = FleetTrainer(load_task("digits"), Plan("stacked", 16, threads=1))
    found = json_of(["check", "digits", "--recipe", recipe, "--json", *PLAN])
    assert found["schema"] == 2
    assert found["verdict"] in verdicts
    assert found["verdict"] == found["findings"][0]["verdict"]
    assert found["config_steps"] <= 2 * found["steps"]
    assert {"verdict", "confidence", "evidence", "advice", "stake", "why"} == found["findings"][0].keys()
    if found["verdict"] in ("healthy", "unknown"):
        assert found["recipe"] == recipe
        return
    assert found["findings"][0]["advice"]
    assert found["stake"] > 0.2
    texts = (recipe, found["recipe"])
    trials = [Trial(Recipe.parse(text), steps=220, seed=seed) for text in texts for seed in (11, 12, 13)]
    losses = {trial: outcome.loss for trial, outcome in trainer.train(trials)}
    before, after = (sum(losses[trial] for trial in own) for own in (trials[:3], trials[3:]))
    assert after < 0.6 * before


def test_the_direction_is_the_same_on_every_seed(json_of):
    recipe, known = "sgd(lr=0.1, momentum=0.9)", 0
    for seed in range(5):
        found = json_of(["check", "breast-cancer", "--recipe", recipe, "--seed", str(seed), "--json", *PLAN])
        assert found["verdict"] in ("lr_too_high", "momentum_too_high", "overfitting", "unknown")
        advised = Recipe.parse(found["recipe"])
        known += found["verdict"] != "unknown"
        assert advised.lr.highest / (1 - advised.momentum.highest) <= 1.0 + 1e-9
        assert all(0.001 <= trial["lr"] <= 10.0 for trial in found["trials"])
    assert known >= 3


def test_a_function_is_checked_as_a_task_is():
    def train(trial):
        weight, velocity = 1.0, 0.0
        for step in range(trial.steps):
            lr = trial.recipe.lr.value(step, trial.steps)
            velocity = trial.recipe.momentum.value(step, trial.steps) * velocity + weight
            weight -= lr * velocity
        return 0.1 + weight**2

    result = surefoot.check(train, "sgd(lr=0.0001, momentum=0.9)", steps=100)
    assert result.verdict == "lr_too_low"
    assert result.recipe.lr.highest > 0.001
    assert (result.plan, result.curvature) == (None, None)
    assert result.config_steps <= 4 * 100


def test_a_fleet_trainer_of_the_user_records_the_validation_loss_as_a_task_does():
    task = load_task("wine", steps=40)
    plan = Plan("serial", 1)  # without the duration of a step
    recipe, trainer = "sgd(lr=0.01, momentum=0.9)", FleetTrainer(task, plan)
    users, ours = (surefoot.check(each, recipe, budget="1x") for each in (trainer, task))
    assert users.recipe_training.valid.steps
    assert users.recipe_training.valid.steps == ours.recipe_training.valid.steps
    assert surefoot.check(task, recipe, budget="20s", plan=plan).trials


def test_task_function_and_script_get_the_same_verdict(json_of):
    """Of the same network on the same batches; curvature is measured where there is a Task."""
    asked = ["check", "--recipe", "sgd(lr=0.001, momentum=0.9)", "--budget", "1.2x", "--json", "--no-report"]
    task = json_of([*asked, f"{SMALL}:task", *PLAN])
    assert (task["verdict"], task["steps"]) == ("lr_too_low", 40)
    assert json_of([*asked, f"{SMALL}:task", *PLAN, "--budget", "2x"])["curvature"] is not None
    assert not Study.open("surefoot.db").output_path.exists()
    for subject in ([f"{SMALL}:train", "--steps", "40"], ["--workers", "2", "--", sys.executable, str(SMALL)]):
        found = json_of([*asked, *subject])
        assert (found["verdict"], found["recipe"]) == (task["verdict"], task["recipe"])
        assert (found["plan"], found["curvature"]) == (None, None)
        for mine, other in zip(found["trials"], task["trials"], strict=False):
            assert mine["valid_loss"] == pytest.approx(other["valid_loss"], rel=1e-4)
        study = Study.open("surefoot.db")
        assert len(study.measurements()) == 1 + len(found["trials"])  # and the loss before training
        assert study.output_path.exists()


def test_a_finished_check_is_shown_again_and_continues_with_a_larger_budget(json_of, capsys):
    recipe = ["--recipe", "sgd(lr=0.01, momentum=0.9)"]
    first = json_of(["check", "wine", *recipe, "--budget", "1x", "--json", "--no-report", *PLAN])
    again = json_of(["check", "--resume", "surefoot.db#1", "--json", "--no-report"])
    assert {**again, "report": None} == {**first, "report": None}
    more = json_of(["check", "--resume", "surefoot.db#1", "--budget", "3x", "--json", "--no-report"])
    shared = [trial for trial in more["trials"] if trial in first["trials"]]
    assert 3 <= len(shared) < len(more["trials"])
    assert len({*Study.open("surefoot.db#1").measurements()}) < len(first["trials"]) + len(more["trials"])
    assert more["study"] == "surefoot.db, check 2"
    assert run(["check", "--resume", "surefoot.db#1", "--seed", "3"]) == 2
    assert "leave out seed" in capsys.readouterr().err
    assert run(["tune", "--resume", "surefoot.db#1"]) == 2
    assert "Hint: surefoot check --resume surefoot.db#1" in capsys.readouterr().err
    assert run(["report", "surefoot.db#1"]) == 2
    assert "Hint: surefoot check --resume surefoot.db#1" in capsys.readouterr().err


def test_the_same_seed_and_plan_give_the_same_verdict_bit_for_bit(json_of):
    one, other = (json_of(["check", "wine", "--json", "--seed", "3", *PLAN]) for _ in range(2))
    for found in (one, other):
        del found["seconds"], found["study"]
    assert one == other


@pytest.mark.parametrize("columns", ["60", "100"])
def test_the_table_shows_the_trials_and_the_advised_recipe(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert run(["check", "wine", "--recipe", "sgd(lr=0.0001, momentum=0.9)", *PLAN]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("The learning rate is too low")
    assert "Use sgd(lr=" in shown.out
    assert "config-steps" in shown.out
    assert max(map(len, shown.out.splitlines())) <= int(columns)
    assert "…" not in shown.out
    assert "at most 419 config-steps, as many as 2.1 full trainings." in shown.err


def test_the_report_is_one_page_without_links_to_the_network(capsys):
    recipe = "sgd(lr=0.0001, momentum=0.9)"
    assert run(["check", "wine", "--recipe", recipe, "--seed", "2", "--out", "here", *PLAN]) == 0
    shown = capsys.readouterr().out
    assert f"report: {Path('here/check.html')}\n" in shown
    assert [path.name for path in Path("here").iterdir()] == ["check.html"]
    text = Path("here/check.html").read_text(encoding="utf-8")
    assert "The learning rate is too low" in text
    assert f"surefoot check wine --recipe &#39;{recipe}&#39; --seed 2" in text
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", text)
    assert not Path("surefoot-out").exists()


def test_the_json_has_the_path_of_the_report(json_of):
    plain = ["check", "wine", "--budget", "2x", "--json", *PLAN]
    assert json_of([*plain, "--no-report"])["report"] is None
    assert not Path("surefoot-out").exists()
    assert Path(json_of(plain)["report"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_check_is_stored_in_the_database_unless_no_study_is_wanted(json_of, capsys):
    asked = ["check", "wine", "--steps", "20", "--json", "--no-report", *PLAN]
    assert json_of([*asked, "--no-study"])["study"] is None
    assert not Path("surefoot.db").exists()
    assert [json_of(asked)["study"] for _ in range(2)] == ["surefoot.db, check 1", "surefoot.db, check 2"]
    assert [(each.task, each.verdict) for each in check_summaries(Database(Path("surefoot.db")))] == 2 * [
        ("wine", json_of([*asked, "--no-study"])["verdict"])
    ]
    Path("other.txt").write_text("no database")
    assert run(["check", "wine", "--study", "other.txt", *PLAN]) == 2
    assert "file is not a database" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_refused_before_any_training(capsys):
    Path("file").write_text("in the way")
    assert run(["check", "wine", "--out", "file/inside", "--json", *PLAN]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.strip().splitlines()
    assert "cannot write 'file/inside'" in line


def test_a_check_starts_from_a_checkpoint(json_of):
    task = load_task("wine")
    optimizer, scheduler = Recipe.parse("sgd(lr=0.05, momentum=0.9)").build(model := task.new_model(), steps=100)
    for _ in range(100):
        batch = task.batch("train", torch.arange(142))
        optimizer.zero_grad()
        task.batch_loss(model, batch).backward()
        optimizer.step()
        scheduler.step()
    torch.save(model.state_dict(), "half.pt")
    whole = json_of(["check", "wine", "--json", *PLAN])
    half = json_of(["check", "wine", "--checkpoint", "half.pt", "--json", *PLAN])
    starts = [found["trials"][0]["valid_loss"] for found in (whole, half)]
    assert starts[1] < 0.5 * starts[0]


def test_a_model_with_non_persistent_buffers_is_checked(json_of):
    Path("buffers.py").write_text(
        """
import torch
from torch import nn
from surefoot import Task

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)
        self.register_buffer("position", torch.arange(4), persistent=False)

    def forward(self, x):
        return self.linear(x * (self.position >= 0))

torch.manual_seed(0)
x = torch.randn(600, 4)
y = (x[:, 0] > 0).long()
train, valid = (x[:400], y[:400]), (x[400:], y[400:])
task = Task("buffers", Net, nn.functional.cross_entropy, train, valid, batch_size=16, epochs=4)
"""
    )
    found = json_of(
        ["check", "buffers.py:task", "--recipe", "sgd(lr=0.01, momentum=0.9)", "--budget", "6x", "--json", *PLAN]
    )
    assert found["verdict"] == "lr_too_low"
    assert found["curvature"]["sharpness"]["value"] > 0
    torch.save(load_task("buffers.py:task").new_model().state_dict(), "start.pt")
    json_of(["check", "buffers.py:task", "--checkpoint", "start.pt", "--budget", "1x", "--json", *PLAN])


def test_a_model_that_never_learns_is_a_plateau(json_of):
    Path("dead.py").write_text(
        """
import torch
from torch import nn
from surefoot import Task

def nothing(output, target):
    return ((output - target) ** 2).mean() * 0.0 + 1.0

data = torch.randn(64, 3), torch.randn(64, 1)
task = Task("dead", lambda: nn.Linear(3, 1), nothing, data, data, batch_size=16, steps=40)
"""
    )
    assert json_of(["check", "dead.py:task", "--json", *PLAN])["verdict"] == "plateau"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "digits", "--recipe", "sgd(lr=0)"], "learns nothing"),
        (["check", "digits", "--recipe", "sgd(momentun=0.9)"], "did you mean momentum"),
        (["check", "digits", "--budget", "0.3x"], "at least 0.64x"),
        (["check", "digits", "--budget", "lots"], "30x"),
        (["check", "digits", "--checkpoint", "nowhere.pt"], "nowhere.pt"),
        (["check", "digit"], "digits"),
        (["check", "wine", "--device", "abacus"], "abacus"),
    ],
)
def test_wrong_input_gets_one_line_and_exit_code_2(arguments, said, capsys):
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.strip().splitlines()
    assert said in line
