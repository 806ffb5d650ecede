"""The commands as a user types them, run in this process; test_processes runs them in processes of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from surefoot import load_task
from surefoot.cli.main import run
from surefoot.recipe.recipe import Recipe

SMALL = ["--budget", "4x", "--quiet"]
QUIET = ["--quiet", "--plan", "plan.json"]


def test_tune_recommends_something_better_than_the_default(json_of):
    found = json_of(["tune", "breast-cancer", "--steps", "100", "--budget", "8x", *QUIET, "--json"])
    fields = {
        "schema", "recipe", "recipe_json", "steps", "valid_loss", "expected_loss", "default_valid_loss", "test_loss",
        "good_range", "limit", "frontier", "boundary", "overfits_after", "search_config_steps", "config_steps",
        "seconds", "trials", "plan", "study",
    }  # fmt: skip
    assert fields <= found.keys()
    assert found["schema"] == 2
    assert found["valid_loss"].keys() == {"mean", "low", "high", "seeds"}
    assert found["search_config_steps"] < found["config_steps"] <= 8 * 100
    low, high = found["good_range"]["lr"]
    assert low <= Recipe.parse(found["recipe"]).lr.highest <= high
    assert {"steps", "recipe", "loss", "low", "high", "trials"} == found["frontier"][0].keys()
    assert found["plan"]["backend"] == "stacked"
    assert found["study"] == "surefoot.db#1"
    assert Path("surefoot-out/report.html").stat().st_size > 100_000
    assert list(Path("surefoot-out/tensorboard").rglob("events.out.tfevents*"))


def test_the_same_seed_plan_and_versions_give_the_same_answer_bit_for_bit(json_of):
    arguments = ["tune", "wine", "--steps", "80", *SMALL, "--no-report", "--json", "--seed", "5"]
    first = json_of([*arguments, "--plan", "plan.json"])
    Path("recorded.json").write_text(json.dumps(first))
    second = json_of([*arguments, "--plan", "recorded.json"])
    for result in (first, second):
        del result["seconds"], result["study"], result["plan"]
    assert first == second


def test_a_study_of_a_changed_task_is_not_resumed(capsys):
    code = (
        "import torch\nfrom torch import nn\nfrom surefoot import Task\n"
        "x = torch.randn(96, 3, generator=torch.Generator().manual_seed(0))\n"
        "task = Task('t', lambda: nn.Linear(3, 1), nn.functional.mse_loss, (x, x[:, :1]), (x, x[:, :1]),"
        " batch_size=8, steps={steps})\n"
    )
    Path("train.py").write_text(code.format(steps=40))
    from surefoot.core.progress import Interrupted
    from surefoot.search.tune import tune

    settings = {"task": "train.py:task", "seed": 0}
    with pytest.raises(Interrupted):
        tune(load_task("train.py:task"), budget="4x", study="s.db", settings=settings, stop=lambda: True)
    Path("train.py").write_text(code.format(steps=44))
    assert run(["tune", "--resume", "s.db", "--no-report", "--quiet"]) == 2
    assert "steps" in capsys.readouterr().err
    Path("train.py").write_text(code.format(steps=40))
    assert run(["tune", "--resume", "s.db", "--no-report", "--quiet"]) == 0
    assert run(["tune", "--resume", "s.db", "--no-report", "--quiet"]) == 0
    assert "is done" in capsys.readouterr().err


def test_a_task_that_fails_during_a_search_can_be_resumed(capsys):
    Path("flaky.py").write_text(
        "from pathlib import Path\nimport torch\nfrom torch import nn\nfrom surefoot import Task\n"
        "x = torch.randn(96, 3, generator=torch.Generator().manual_seed(0))\n"
        "calls = []\n"
        "def loss(output, target):\n"
        "    calls.append(1)\n"
        "    if len(calls) > 60 and not Path('repaired').exists():\n        raise OSError('the disk went away')\n"
        "    return (output - target).square().mean()\n"
        "task = Task('flaky', lambda: nn.Linear(3, 1), loss, (x, x[:, :1]), (x, x[:, :1]), batch_size=8, steps=40)\n"
    )
    assert run(["tune", "flaky.py:task", *SMALL, "--no-report", "--plan", "plan.json"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "the disk went away" in line
    assert "surefoot tune --resume surefoot.db#1" in line.replace("'", "")
    Path("repaired").touch()
    assert run(["tune", "--resume", "surefoot.db#1", "--no-report", "--quiet"]) == 0


def test_another_seed_gives_another_recipe(json_of):
    arguments = ["find", "wine", "--budget", "1x", *QUIET, "--no-report", "--json"]
    assert json_of([*arguments, "--seed", "1"])["recipe"] != json_of([*arguments, "--seed", "2"])["recipe"]


def test_a_csv_with_a_test_share_reports_the_test_loss(json_of):
    from sklearn.datasets import load_wine

    load_wine(as_frame=True).frame.to_csv("wine.csv", index=False)
    found = json_of(
        [
            "tune",
            "wine.csv",
            "--target",
            "target",
            "--test",
            "0.2",
            "--budget",
            "8x",
            "--quiet",
            "--no-report",
            "--json",
            "--plan",
            "plan.json",
        ]
    )
    assert found["test_loss"]["seeds"] == found["valid_loss"]["seeds"]
    assert found["test_loss"]["mean"] != found["valid_loss"]["mean"]


def test_a_python_file_is_tuned_and_its_recipe_exported_as_code(capsys):
    Path("train.py").write_text(
        "import torch\nfrom torch import nn\nfrom surefoot import Task\n"
        "x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))\n"
        "y = x.sum(1, keepdim=True)\n"
        "task = Task('sum', lambda: nn.Linear(4, 1), nn.functional.mse_loss, (x[:160], y[:160]), (x[160:], y[160:]),"
        " batch_size=16, steps=60)\n"
    )
    assert run(["tune", "train.py:task", *SMALL, "--no-report", "--plan", "plan.json"]) == 0
    shown = capsys.readouterr().out
    assert "validation loss" in shown
    assert run(["export", "sgd(lr=cosine(0.1))", "--to", "keras", "--steps", "9"]) == 0
    assert "keras.optimizers.SGD" in capsys.readouterr().out
    assert run(["export", "nadam(lr=0.1)", "--to", "keras", "--steps", "9"]) == 2
    assert "Keras has no nadam by the same rule" in capsys.readouterr().err
    assert run(["export", "surefoot.db", "--to", "pytorch"]) == 0
    code = capsys.readouterr().out
    assert "torch.optim.SGD(" in code
    assert run(["report", "surefoot.db#1", "--out", "again"]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == shown.splitlines()[:3]
    assert Path("again/report.html").exists()


def test_a_search_in_which_every_trial_diverges_says_so(capsys):
    Path("broken.py").write_text(
        "import torch\nfrom torch import nn\nfrom surefoot import Task\n"
        "class Root(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.w = nn.Parameter(torch.zeros(1))\n"
        "    def forward(self, x):\n        return self.w.abs().sqrt() + 1 + 0 * x\n"
        "x = torch.zeros(64, 1)\n"
        "task = Task('root', Root, lambda output, _: output.mean(), (x, x), (x, x), batch_size=8, steps=40)\n"
    )
    assert run(["tune", "broken.py:task", *SMALL, "--plan", "plan.json", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"] is None
    assert "trials diverged" in found["reason"]
    assert run(["find", "broken.py:task", *QUIET, "--no-report"]) == 1
    assert "trials diverged" in " ".join(capsys.readouterr().out.split())


def test_find_reports_the_good_range_and_stores_it(json_of):
    found = json_of(["find", "wine", "--steps", "40", *QUIET, "--json"])
    assert found["command"] == "find"
    low, high = found["good_range"]["lr"]
    assert low <= Recipe.parse(found["recipe"]).lr.highest <= high
    assert (found["valid_loss"], found["trained_recipes"]) == (None, [])
    assert [point["steps"] for point in found["frontier"]][-1] == 40
    assert {"momentum", "lr", "good", "loss", "limit"} == found["by_momentum"][0].keys()
    assert Path(found["report"]).exists()
    resumed = json_of(["find", "--resume", found["study"], "--no-report", "--json"])
    assert {**resumed, "report": found["report"]} == found


def test_tune_does_not_resume_a_study_of_find(capsys):
    assert run(["find", "wine", "--steps", "40", *QUIET, "--no-report"]) == 0
    assert run(["tune", "--resume", "surefoot.db"]) == 2
    assert "surefoot find --resume surefoot.db" in capsys.readouterr().err


def test_a_recipe_to_compare_may_be_given_on_resume_and_is_recorded(json_of, capsys):
    json_of(["tune", "wine", "--steps", "40", "--budget", "4x", "--json", *QUIET])
    arguments = ["tune", "--resume", "surefoot.db", "--json", "--no-report", "--quiet"]
    small = json_of([*arguments, "--compare", "sgd(lr=0.3, momentum=0)"])
    assert any("too small to compare sgd(lr=0.3, momentum=0)" in note for note in small["notes"])
    for budget in ("12x", "14x"):
        found = json_of([*arguments, "--budget", budget])
        assert "sgd(lr=0.3, momentum=0)" in {each["recipe"] for each in found["trained_recipes"]}


def test_compared_recipes_and_the_saved_model(json_of):
    arguments = [
        "--compare",
        "adam(lr=0.01)",
        "--compare",
        "sgd(lr=0.3, momentum=0)",
        "--save-model",
        "out/best.safetensors",
    ]
    found = json_of(["tune", "wine", "--steps", "40", "--budget", "8x", *QUIET, *arguments, "--no-report", "--json"])
    roles = {row["recipe"]: row["role"] for row in found["trained_recipes"]}
    assert roles["sgd(lr=0.3, momentum=0)"] == "compared"
    assert roles["adam(lr=0.01)"] == ("recommended" if found["recipe"] == "adam(lr=0.01)" else "compared")
    state, model = load_file("out/best.safetensors"), load_task("wine").new_model()
    model.load_state_dict(state)
    resumed = json_of(["tune", "--resume", "surefoot.db", "--save-model", "again.safetensors", "--no-report", "--json"])
    assert resumed["recipe"] == found["recipe"]
    assert Path("again.safetensors").read_bytes() == Path("out/best.safetensors").read_bytes()


def test_a_finished_study_continues_with_a_larger_budget(json_of):
    arguments = ["tune", "wine", "--steps", "40", *QUIET, "--no-report", "--json"]
    first = json_of([*arguments, "--budget", "3x"])
    second = json_of(["tune", "--resume", "surefoot.db", "--budget", "6x", "--quiet", "--no-report", "--json"])
    assert run(["tune", "--resume", "surefoot.db", "--budget", "1x", "--quiet", "--no-report"]) == 2
    in_one_run = json_of([*arguments, "--budget", "6x", "--study", "other.db"])
    assert first["trials"] < second["trials"] == in_one_run["trials"]
    assert second["budget"] == in_one_run["budget"] == "6x"
    assert Recipe.parse(second["recipe"]).lr.highest == pytest.approx(
        Recipe.parse(in_one_run["recipe"]).lr.highest, rel=1e-3
    )


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_schedule_plots_in_the_terminal_and_to_a_file(capsys, suffix):
    assert run(["schedule", "cosine(0.3, warmup=5%)", "--steps", "200", "--plot", f"plot.{suffix}"]) == 0
    assert "0.3" in capsys.readouterr().out
    assert Path(f"plot.{suffix}").stat().st_size > 2000


def test_exported_code_compiles(capsys):
    assert run(["export", "adamw(lr=cosine(1e-3), no_decay=bias)", "--steps", "100"]) == 0
    compile(capsys.readouterr().out, "pasted", "exec")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(capsys, shell):
    assert run(["completion", shell]) == 0
    assert "_SUREFOOT_COMPLETE" in capsys.readouterr().out


INVALID_INPUT = {
    "no subject": (["tune"], "give either a SUBJECT"),
    "two subjects": (["tune", "digits", "--", "python", "train.py"], "give either a SUBJECT"),
    "a script without dashes": (["tune", "python", "train.py"], "surefoot tune -- python train.py"),
    "no command": (["tune", "--"], "no command after --"),
    "a program that is not there": (["tune", "--", "./nowhere"], "cannot run ./nowhere"),
    "options of a task for a script": (["tune", "--epochs", "3", "--", "python", "x.py"], "--epochs is for tasks"),
    "workers of a task": (["tune", "digits", "--workers", "2"], "--workers is for scripts and functions"),
    "sampler typo": (["tune", "digits", "--sampler", "tpee"], "'tpe'"),
    "recipe to compare": (["tune", "wine", "--compare", "sgd(lr="], "cannot read 'sgd(lr='"),
    "tolerance": (["tune", "wine", "--tolerance", "2"], "above 0 and below 1"),
    "unknown task": (["tune", "digts"], "did you mean digits"),
    "missing file": (["tune", "nowhere.csv", "--target", "y"], "nowhere.csv"),
    "missing python file": (["tune", "nowhere.py:task"], "nowhere.py"),
    "unknown option": (["tune", "digits", "--bugdet", "3x"], "--budget"),
    "unknown command": (["tun"], "tun"),
    "bad budget": (["tune", "digits", "--budget", "lots"], "30x"),
    "small budget": (["tune", "digits", "--budget", "0.01x", "--plan", "plan.json"], "buys less than 5 trials"),
    "steps of 0": (["tune", "digits", "--steps", "0"], "at least 1"),
    "batch too large": (["tune", "wine", "--batch-size", "9999"], "9999"),
    "target of a built-in": (["tune", "digits", "--target", "x"], "target"),
    "missing plan": (["tune", "digits", "--plan", "nowhere.json"], "nowhere.json"),
    "missing study": (["report", "nowhere.db"], "nowhere.db"),
    "resume of nothing": (["tune", "--resume", "nowhere.db"], "nowhere.db"),
    "schedule typo": (["schedule", "cosin(0.3)"], "did you mean cosine"),
    "recipe typo": (["export", "sgd(momentun=0.9)", "--steps", "10"], "did you mean momentum"),
    "negative rate": (["export", "sgd(lr=-1)", "--steps", "10"], "at least 0"),
    "momentum of 1": (["export", "sgd(lr=1, momentum=1)", "--steps", "10"], "below 1"),
    "code without steps": (["export", "sgd(lr=1)"], "--steps"),
    "picture of another kind": (["schedule", "0.1", "--plot", "plot.bmp"], "png"),
    "device": (["tune", "wine", "--device", "abacus"], "abacus"),
    "device of find": (["find", "wine", "--device", "abacus"], "abacus"),
    "resume with a seed": (["tune", "--resume", "surefoot.db", "--seed", "6"], "leave out seed"),
    "budget of a moment": (
        ["tune", "wine", "--budget", "0.001s", "--quiet", "--plan", "plan.json"],
        "before the first",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), INVALID_INPUT.values(), ids=INVALID_INPUT.keys())
def test_invalid_input_gets_one_line_and_exit_code_2(arguments, message, capsys):
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = (line for line in shown.err.strip().splitlines() if not line.startswith("note:"))
    assert message in line
    assert not Path("surefoot.db").exists()


def test_a_study_file_that_is_not_a_database_is_refused_and_kept(capsys):
    Path("notes.txt").write_text("hello " * 1000)
    assert run(["tune", "wine", "--study", "notes.txt", "--quiet"]) == 2
    assert "not a database" in capsys.readouterr().err
    assert Path("notes.txt").read_text().startswith("hello")


def test_an_unwritable_output_folder_is_refused_before_any_work(capsys):
    Path("taken").write_text("a file")
    assert run(["tune", "wine", "--out", "taken", "--quiet"]) == 2
    assert "taken" in capsys.readouterr().err
    assert not Path("surefoot.db").exists()


def test_an_invalid_plan_is_refused(capsys):
    Path("odd.json").write_text('{"backend": "magic"}')
    assert run(["tune", "wine", "--plan", "odd.json", "--quiet"]) == 2
    assert "a plan must be a JSON object" in capsys.readouterr().err
