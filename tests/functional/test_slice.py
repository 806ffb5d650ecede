"""``surefoot slice`` as a user runs it."""

import json
from pathlib import Path

import pytest
from PIL import Image

from surefoot.cli.main import run

SMALL = ["slice", "wine", "--points", "7", "--steps", "20", "--plan", "plan.json"]


@pytest.fixture(autouse=True)
def plan():
    Path("plan.json").write_text(json.dumps({"backend": "serial", "width": 1, "threads": 1}))


def test_it_writes_a_page_and_prints_a_summary(capsys):
    assert run(SMALL) == 0
    shown = capsys.readouterr()
    summary = " ".join(shown.out.split())
    assert "The two directions in which the weights of all trainings spread most: " in summary
    assert "adam(lr=0.001)" in summary
    assert "losses of 142 samples at 7 x 5 points; between them the error is at most " in summary
    assert shown.out.endswith("picture: surefoot-out/slice.html\n")
    text = Path("surefoot-out/slice.html").read_text(encoding="utf-8")
    assert "The loss of wine on a plane of its weights" in text


def test_json_has_the_grid_and_the_trajectories(json_of):
    arguments = [*SMALL, "--along", "random", "--recipe", "sgd(lr=0.1)", "--plot", "a.png", "--json", "--quiet"]
    found = json_of(arguments)
    assert (found["schema"], found["along"], found["axis_values"], found["picture"]) == (2, "random", None, "a.png")
    assert (len(found["losses"]), len(found["losses"][0])) == (len(found["y"]), len(found["x"])) == (5, 7)
    (trajectory,) = found["trajectories"]
    assert trajectory["recipe"] == "sgd(lr=0.1, momentum=0)"
    assert trajectory["steps"][-1] == 20
    with Image.open("a.png") as picture:
        assert picture.width > 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plot", "a.gif"], "a picture ends in"),
        (["--along", "pca", "--recipe", "sgd(lr=)"], "lr"),
        (["--points", "3"], "--points"),
        (["--along", "everywhere"], "everywhere"),
    ],
)
def test_invalid_input_is_one_line_and_exits_with_2(options, message, capsys):
    assert run([*SMALL, *options]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert "Traceback" not in shown.err


def test_a_surface_is_sliced_alike(capsys):
    assert (
        run(["slice", "--surface", "rosenbrock", "--recipe", "adam(lr=0.05)", "--steps", "60", "--plot", "a.svg"]) == 0
    )
    shown = capsys.readouterr().out
    assert "Trajectories on the surface rosenbrock" in shown
    assert "adam(lr=0.05)" in shown
    assert "first parameter" in Path("a.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give either a TASK or --surface NAME"),
        (["wine", "--surface", "ravine"], "give either a TASK or --surface NAME"),
        (["--surface", "ravine", "--along", "random"], "--along cannot be given with --surface"),
        (["--surface", "bowl"], "a plane needs two parameters; the surface bowl has 1"),
        (["--surface", "ravin"], "did you mean ravine"),
        (["wine", "--condition", "4"], "--condition is for --surface ravine only"),
    ],
)
def test_either_a_task_or_a_surface_is_given(options, message, capsys):
    assert run(["slice", *options]) == 2
    shown = capsys.readouterr()
    assert message in " ".join(shown.err.split())
    assert "Traceback" not in shown.err
