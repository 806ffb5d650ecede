"""``surefoot explain`` as a user runs it."""

import contextlib
import html
import io
import json
import re
import shlex
import signal
from pathlib import Path

import pytest

from surefoot.cli.main import cli, run
from surefoot.explanation.claims import CLAIMS
from surefoot.tasks.loader import load_task

PLAN = ["--plan", "plan.json"]
SMALL = ["explain", "wine", "--steps", "60", "--seeds", "2", *PLAN]


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    """All claims on a small training: the JSON and the page."""
    folder = tmp_path_factory.mktemp("explained")
    (folder / "plan.json").write_text(json.dumps({"backend": "stacked", "width": 16, "threads": 1}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert run([*SMALL, "--json", "--quiet"]) == 0
        found = json.loads(out.getvalue())
        return found, Path(found["report"]).read_text(encoding="utf-8")


def test_every_claim_has_a_verdict_and_numbers(explained):
    found, _ = explained
    assert found["schema"] == 2
    assert [claim["name"] for claim in found["claims"]] == list(CLAIMS)
    assert (found["steps"], found["seeds"]) == (60, 2)
    for claim in found["claims"]:
        assert claim["verdict"] in ("holds", "does not hold here", "too close to call")
        assert claim["sentence"]
        for effect in claim["effects"]:
            assert effect["low"] <= effect["mean"] <= effect["high"]
    assert [row["respect"] for row in found["comparison"]] == ["Purpose", "Effect on training", "Impact", "Adjustment"]


def test_the_page_opens_offline_and_shows_every_claim(explained):
    found, text = explained
    assert text.startswith("<!DOCTYPE html>")
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", text)
    for claim in found["claims"]:
        assert f'id="{claim["name"]}"' in text
    assert text.count('<div class="chart"') == len(found["claims"]) + 1  # the slice


def test_the_page_has_a_slice_of_the_loss_with_the_command_that_repeats_it(explained):
    found, text = explained
    assert '<h2 id="slice">' in text
    recipes = [trajectory["recipe"] for trajectory in found["loss_slice"]["trajectories"]]
    assert [recipe.partition("(")[0] for recipe in recipes] == ["sgd", "sgd", "adam"]
    (line,) = [line for line in text.splitlines() if "surefoot slice wine" in line]
    command = html.unescape(line.partition("<code>")[2].partition("</code>")[0])
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("surefoot", "slice")
    parameters = cli.commands[name].make_context(name, arguments).params
    assert (parameters["task"], parameters["steps"], [*parameters["recipes"]]) == ("wine", 60, recipes)


def test_the_command_that_repeats_a_claim_is_parsed_to_the_same_settings(explained):
    found, _ = explained
    for claim in found["claims"]:
        program, name, *arguments = shlex.split(claim["command"])
        assert (program, name) == ("surefoot", "explain")
        parameters = cli.commands[name].make_context(name, arguments).params
        assert parameters["claims"] == (claim["name"],)
        assert (parameters["task"], parameters["steps"], parameters["seeds"]) == ("wine", 60, 2)


def test_a_claim_alone_has_the_same_numbers_as_among_all(explained, json_of):
    whole = {claim["name"]: claim for claim in explained[0]["claims"]}
    command = shlex.split(whole["low-rate"]["command"])[1:]
    (alone,) = json_of([*command, "--json", "--quiet", "--no-report", *PLAN])["claims"]
    assert alone == whole["low-rate"]


@pytest.mark.parametrize("columns", ["60", "100"])
def test_the_terminal_shows_verdict_numbers_and_command(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert run([*SMALL, "--claim", "low-rate", "--out", "here"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Of 1 textbook claim tested on wine")
    assert "--claim low-rate" in " ".join(shown.out.split())
    assert max(map(len, shown.out.splitlines())) <= int(columns)
    assert [path.name for path in Path("here").iterdir()] == ["explanation.html"]
    assert "config-steps, as many as" in shown.err


def test_a_budget_makes_trainings_shorter(json_of):
    arguments = [
        "explain",
        "wine",
        "--claim",
        "low-rate",
        "--seeds",
        "2",
        "--budget",
        "20x",
        "--json",
        "--no-report",
        *PLAN,
    ]
    found = json_of(arguments)
    assert 40 <= found["steps"] < found["full_steps"] == load_task("wine").total_steps
    assert found["config_steps"] <= 20 * found["full_steps"]
    assert f"--steps {found['steps']}" in found["claims"][0]["command"]


def test_claims_on_a_surface_have_the_same_report(capsys, json_of):
    arguments = ["explain", "--surface", "ravine", "--condition", "50", "--steps", "40", "--seeds", "2"]
    assert run([*arguments, "--out", "here"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Momentum damps oscillation across a ravine: holds" in shown
    assert "Not tested here: momentum-escapes: it has no shallow minimum next to a deep one." in shown
    command = re.search(r"surefoot (explain --surface ravine [^:]*--claim momentum-damps)", shown)[1]
    text = Path("here/explanation.html").read_text(encoding="utf-8")
    assert "Every claim was tested on this surface" in text
    (alone,) = json_of([*shlex.split(command), "--json", "--no-report"])["claims"]
    assert alone["sentence"] in shown


def test_no_report_is_written_with_no_report(json_of):
    assert json_of([*SMALL, "--claim", "low-rate", "--json", "--no-report"])["report"] is None
    assert not Path("surefoot-out").exists()


def test_an_interrupt_exits_with_130(capsys, monkeypatch):
    from surefoot.fleet import training

    train = training.train_members

    def interrupted(*arguments, **settings):
        signal.raise_signal(signal.SIGINT)
        return train(*arguments, **settings)

    monkeypatch.setattr(training, "train_members", interrupted)
    assert run([*SMALL, "--claim", "low-rate"]) == 130
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "interrupted" in shown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", "wine", "--claim", "low-rte"], "did you mean low-rate"),
        (["explain", "wine", "--seeds", "1"], "seeds"),
        (["explain", "wine", "--budget", "1x", *PLAN], "at least"),
        (["explain", "wine", "--budget", "lots"], "30x"),
        (["explain", "win"], "wine"),
        (["explain"], "give either a TASK or --surface NAME"),
        (["explain", "wine", "--surface", "bowl"], "give either a TASK or --surface NAME"),
        (["explain", "--surface", "ravin"], "no surface 'ravin'"),
        (["explain", "--surface", "ravine", "--condition", "0"], "from 1 to 10000"),
        (["explain", "--surface", "ravine", "--budget", "3x"], "--budget cannot be given with --surface"),
        (["explain", "wine", "--condition", "3"], "--condition is for --surface ravine only"),
        (["explain", "wine", "--out", "plan.json/inside"], "cannot write"),
    ],
)
def test_invalid_input_is_one_line_and_exits_with_2(arguments, message, capsys):
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.strip().splitlines()
    assert message in line


def test_a_loss_below_0_is_refused(capsys):
    Path("low.py").write_text(
        """
import torch
from torch import nn
from surefoot import Task

data = torch.randn(64, 3), torch.randn(64, 1)
task = Task("low", lambda: nn.Linear(3, 1), lambda o, t: (o - t).abs().mean() - 9.0, data, data, batch_size=8, steps=40)
"""
    )
    assert run(["explain", "low.py:task", "--claim", "low-rate", "--quiet", *PLAN]) == 2
    assert "below 0" in capsys.readouterr().err


def test_each_claim_has_a_figure_in_a_notebook():
    from surefoot import explain
    from surefoot.fleet.plan import Plan
    from surefoot.plots.figure_registry import show

    found = explain("wine", claims=["low-rate", "one-number"], seeds=2, budget="60x", plan=Plan("stacked", 16))
    assert len(show(found).to_dict()["vconcat"]) == 2
