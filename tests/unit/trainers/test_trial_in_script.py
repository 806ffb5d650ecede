import json
import signal

import pytest
import torch

import surefoot
from surefoot.core.errors import RecipeError, TaskError
from surefoot.recipe.recipe import Recipe
from surefoot.trainers.trial_in_script import ScriptMessages, TrialFile, append_message
from surefoot.trainers.trial_reports_and_output import Report


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in ("SUREFOOT_TRIAL", "SUREFOOT_RECIPE", "SUREFOOT_SEED"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a function that writes a trial file (None asks for the length) and returns the path of the messages."""

    def write_trial(trial):
        TrialFile(trial, tmp_path / "answers.jsonl").write(tmp_path / "trial.json")
        monkeypatch.setenv("SUREFOOT_TRIAL", str(tmp_path / "trial.json"))
        return tmp_path / "answers.jsonl"

    return write_trial


def test_outside_a_study_the_trial_has_the_default_recipe():
    trial = surefoot.trial(steps=100)
    assert trial == surefoot.Trial(Recipe(), 100, 0)
    trial.report(0.5)  # it goes nowhere
    assert not trial.should_stop


def test_outside_a_study_environment_variables_set_recipe_and_seed(monkeypatch):
    monkeypatch.setenv("SUREFOOT_RECIPE", "sgd(lr=cosine(0.3), momentum=0.9)")
    monkeypatch.setenv("SUREFOOT_SEED", "3")
    assert surefoot.trial(100) == surefoot.Trial(Recipe.parse("sgd(lr=cosine(0.3), momentum=0.9)"), 100, 3)


def test_the_global_generators_are_seeded():
    surefoot.trial(steps=100)
    first = torch.rand(())
    surefoot.trial(steps=100)
    assert torch.rand(()) == first


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "SUREFOOT_RECIPE",
            "sdg(lr=1)",
            "the environment variable SUREFOOT_RECIPE: no optimizer 'sdg'.*did you mean sgd",
        ),
        ("SUREFOOT_SEED", "-1", "SUREFOOT_SEED must be a whole number of at least 0; given '-1'"),
    ],
)
def test_an_invalid_environment_variable_is_rejected_by_name(monkeypatch, name, value, line):
    monkeypatch.setenv(name, value)
    with pytest.raises(RecipeError, match=line):
        surefoot.trial(steps=100)


def test_outside_a_study_a_length_is_required():
    with pytest.raises(
        TaskError, match=r"length of the training is not given. Hint: write surefoot.trial\(steps=...\)"
    ):
        surefoot.trial()
    with pytest.raises(RecipeError, match="a trial's steps must be a whole number of at least 1; given 0"):
        surefoot.trial(steps=0)


def test_in_a_study_the_trial_is_the_studys(study):
    expected = surefoot.Trial(Recipe.parse("adamw(lr=cosine(0.3, warmup=5%))"), 15, 7)
    path = study(expected)
    trial = surefoot.trial(steps=60)
    assert trial == expected
    assert trial.recipe.steps == 15
    trial.report(torch.tensor(0.5), step=5)
    trial.report(0.25, metric=0.9)
    messages = ScriptMessages.read(path)
    assert messages == ScriptMessages(True, 60, (Report(0.5, 5), Report(0.25, None, 0.9)))
    assert messages.final == Report(0.25, None, 0.9)


def test_sigterm_sets_should_stop(study):
    study(surefoot.Trial(Recipe(), 15, 0))
    trial = surefoot.trial()
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert not trial.should_stop
        signal.raise_signal(signal.SIGTERM)
        assert trial.should_stop
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_script_that_is_run_for_its_length_ends_at_trial(study):
    path = study(None)
    with pytest.raises(SystemExit) as caught:
        surefoot.trial(steps=60)
    assert caught.value.code == 0
    assert ScriptMessages.read(path) == ScriptMessages(True, 60)


def test_an_incomplete_line_is_ignored(tmp_path):
    path = tmp_path / "answers.jsonl"
    append_message(path, asked=60)
    append_message(path, report=[0.5, 10, None, None])
    path.write_bytes(path.read_bytes() + b'{"report": [0.25')
    assert ScriptMessages.read(path) == ScriptMessages(True, 60, (Report(0.5, 10),))
    assert ScriptMessages.read(tmp_path / "none") == ScriptMessages()


@pytest.mark.parametrize("text", [None, "{", "[]", json.dumps({"trial": {"recipe": 1}, "answers": ""})])
def test_an_invalid_trial_file_is_rejected_in_one_line(tmp_path, monkeypatch, text):
    path = tmp_path / "trial.json"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("SUREFOOT_TRIAL", str(path))
    with pytest.raises(TaskError, match=r"is not the path of a trial file.*unset it to run the script by itself"):
        surefoot.trial(steps=10)
