"""The options that say what is searched, as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from surefoot.cli.main import run
from surefoot.core.progress import Interrupted
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.search.result import LONGER_RUNGS, LOWEST_RUNG
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.tune import tune
from surefoot.studies.study import Study
from surefoot.tasks.loader import load_task

SMALL = ["--steps", "40", "--quiet", "--plan", "plan.json"]


def tried(study: str = "surefoot.db") -> list[Recipe]:
    rows = Study.open(study).measurements()
    return [row.trial.recipe for row in rows if row.stage.startswith((LOWEST_RUNG, LONGER_RUNGS))]


def test_optimizers_schedules_and_further_settings_are_searched(json_of):
    asked = ["--optimizers", "sgd,adam", "--search", "warmup, nesterov", "--schedules", "cosine,linear"]
    found = json_of(["tune", "wine", *SMALL, *asked, "--budget", "8x", "--no-report", "--json"])
    assert found["goal"] == "loss"
    assert found["config_steps"] <= 8 * 40
    recipes = tried()
    assert {recipe.optimizer for recipe in recipes} == {"sgd", "adam"}
    assert {recipe.optimizer for recipe in recipes if "nesterov" in recipe.switches} == {"sgd"}
    assert any("warmup=" in str(recipe) for recipe in recipes)
    assert {"linear" in str(recipe) for recipe in recipes} == {True, False}
    assert Recipe.parse(found["recipe"]).optimizer in ("sgd", "adam")


@pytest.mark.parametrize("text", ["space.toml", "space.py:mine"])
def test_a_search_space_is_read_from_a_file(text, json_of):
    Path("space.toml").write_text('optimizers = ["adamw"]\nlr = [1e-3, 1e-1]\nmomentum = 0.9\nclip = 1.0\n')
    Path("space.py").write_text(
        "from surefoot import Range, SearchSpace\n"
        "mine = SearchSpace(('adamw',), lr=Range(1e-3, 1e-1), momentum=Range(0.9, 0.9), clip=Range(1.0, 1.0))\n"
    )
    json_of(["tune", "wine", *SMALL, "--space", text, "--budget", "3x", "--no-report", "--json"])
    for recipe in tried():
        assert (recipe.optimizer, recipe.momentum.highest, recipe.clip) == ("adamw", 0.9, 1.0)
        assert 1e-3 <= recipe.lr.highest <= 1e-1


def test_any_setting_of_a_recipe_is_fixed_or_searched(json_of):
    fixed = ["--set", "eps=1e-5", "--set", "weight_decay=0.01", "--set", "no_decay=bias", "--set", "lr_factor=2:0.1..1"]
    searched = ["--set", "beta2=0.9..0.999", "--search", "momentum_schedules"]
    asked = ["--optimizers", "adam", *fixed, *searched, "--budget", "6x", "--json"]
    found = json_of(["tune", "wine", *SMALL, *asked])
    recipes = [*tried(), Recipe.parse(found["recipe"])]
    assert all("eps=1e-05, weight_decay=0.01, no_decay=bias, lr_factor=2:" in str(recipe) for recipe in recipes)
    assert len({recipe.schedule("beta2").highest for recipe in recipes}) > 5
    assert {recipe.momentum.name for recipe in recipes} >= {"constant", "linear"}
    command = "surefoot tune wine --steps 40 --optimizers adam --search momentum_schedules --set eps=1e-5"
    assert command in Path("surefoot-out/report.html").read_text()


@pytest.mark.parametrize("sampler", ["surefoot", "tpe", "gp", "random", "grid"])
def test_every_sampler_keeps_within_the_budget(sampler, json_of):
    asked = ["--sampler", sampler, "--budget", "4x", "--no-report", "--json"]
    found = json_of(["tune", "wine", *SMALL, *asked])
    assert found["config_steps"] <= 4 * 40
    assert found["recipe"]
    assert Study.open("surefoot.db").info().settings["sampler"] == sampler


def test_the_metric_can_be_the_goal(json_of):
    found = json_of(["tune", "wine", *SMALL, "--goal", "metric", "--budget", "8x", "--no-report", "--json"])
    assert found["goal"] == "metric"
    assert 0.9 <= found["metric"] <= 1.0


def test_an_interrupted_study_keeps_its_options_if_its_space_file_is_gone(json_of):
    space = SearchSpace(optimizers=("sgd", "adam")).adding("warmup")
    Path("space.toml").write_text('optimizers = ["sgd", "adam"]\nwarmup = [0.0, 0.2]\n')
    kept = {"task": "wine", "steps": 40, "space_file": "space.toml", "device": "cpu", "out": "out"}
    left = iter(range(6))
    asked = {"budget": "5x", "space": space, "sampler": "tpe", "goal": "metric", "settings": kept}
    with pytest.raises(Interrupted):
        tune(
            load_task("wine", steps=40),
            study="s.db",
            plan=Plan("stacked", 16),
            stop=lambda: next(left, None) is None,
            **asked,
        )
    Path("space.toml").unlink()
    found = json_of(["tune", "--resume", "s.db", "--quiet", "--no-report", "--json"])
    assert found["goal"] == "metric"
    assert {recipe.optimizer for recipe in tried("s.db")} == {"sgd", "adam"}
    settings = Study.open("s.db").info().settings
    assert (settings["sampler"], SearchSpace.of(settings["space"])) == ("tpe", space)


def test_the_report_shows_the_command(capsys):
    asked = ["--optimizers", "sgd,adam", "--search", "warmup", "--sampler", "random", "--goal", "metric"]
    assert run(["tune", "wine", *SMALL, *asked, "--budget", "4x", "--out", "out"]) == 0
    page = Path("out/report.html").read_text()
    command = (
        "surefoot tune wine --steps 40 --optimizers sgd,adam --search warmup --budget 4x --sampler random --goal metric"
    )
    assert command in page
    capsys.readouterr()


FILES = {
    "single.toml": "lr = 0.1\nmomentum = 0.9\n",
    "nested.toml": "[space]\nlr = [1e-3, 1.0]\n",
    "words.toml": 'lr = ["a", 1.0]\n',
    "typo.toml": 'optimisers = ["sgd"]\n',
    "close.toml": "momentum = [0.99, 0.99999]\n",
    "zero.toml": "weight_decay = [0.0, 0.1]\n",
    "odd.py": "keys = {1: 2}\nnumber = 3\n",
    "wrong.py": "def f(:\n",
}
WRONG = {
    "no optimizer": (["--optimizers", " , "], "optimizers is empty"),
    "optimizer typo": (["--optimizers", "sgd,adm"], "did you mean adam"),
    "schedule typo": (["--schedules", "cosin"], "did you mean cosine"),
    "a schedule that is not searched": (["--schedules", "triangular"], "there are cosine, linear"),
    "search typo": (["--search", "warmpu"], "did you mean warmup"),
    "what is searched anyway": (["--search", "momentum"], "always searched"),
    "nesterov of adam": (["--optimizers", "adam", "--search", "nesterov"], "nesterov is for sgd and muon"),
    "no setting": (["--set", "beta2"], "--set takes NAME=VALUE; given 'beta2'"),
    "setting of another optimizer": (["--set", "beta2=0.9"], "beta2 is for adam"),
    "a layer that is not there": (["--set", "lr_factor=head:1..9"], "no parameter matches 'head'. Hint: there are 0.w"),
    "sampler": (["--sampler", "tpee"], "'tpe'"),
    "score at": (["--score-at", "last"], "'end'"),
    "goal": (["--goal", "accuracy"], "'metric'"),
    "missing space": (["--space", "nowhere.toml"], "No such file"),
    "a folder": (["--space", "."], "directory"),
    "no toml": (["--space", "plan.json"], "is not valid TOML"),
    "a file without a name": (["--space", "odd.py"], "write odd.py:NAME"),
    "keys that are none": (["--space", "odd.py:keys"], "it has no 1"),
    "a number": (["--space", "odd.py:number"], "is a int; a search space is"),
    "unknown name": (["--space", "odd.py:numbr"], "did you mean number"),
    "broken python": (["--space", "wrong.py:x"], "SyntaxError"),
    "nothing to search": (["--space", "single.toml"], "nothing to search"),
    "a table too many": (["--space", "nested.toml"], "it has no 'space'"),
    "words for numbers": (["--space", "words.toml"], "lr is a number, or [low, high] with low <= high"),
    "space typo": (["--space", "typo.toml"], "did you mean optimizers"),
    "momentum next to 1": (["--space", "close.toml"], "at most 0.9999"),
    "weight decay of 0": (["--space", "zero.toml"], "weight_decay is above 0"),
    "twice": (["--space", "single.toml", "--search", "warmup"], "leave out"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG.keys())
def test_wrong_options_get_one_line_and_exit_code_2(arguments, said, capsys):
    for name, content in FILES.items():
        Path(name).write_text(content)
    assert run(["tune", "wine", "--quiet", "--plan", "plan.json", "--no-report", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.strip().splitlines()
    assert said in line
    assert "Traceback" not in line
    assert not Path("surefoot.db").exists()


def test_maximising_the_metric_of_a_task_without_one_is_refused(capsys):
    Path("plain.py").write_text(
        "import torch\nfrom torch import nn\nfrom surefoot import Task\n"
        "x = torch.randn(64, 2)\n"
        "task = Task('plain', lambda: nn.Linear(2, 2), nn.functional.mse_loss, (x, x), (x, x), batch_size=8,"
        " steps=40)\n"
    )
    assert run(["tune", "plain.py:task", "--goal", "metric", "--quiet", "--no-report"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "'plain' has no metric to maximise. Hint: pass metric=" in line
