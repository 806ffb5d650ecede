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


def test_it_draws_a_page_and_says_what_it_drew(capsys):
    assert run(SMALL) == 0
    shown = capsys.readouterr()
    said = " ".join(shown.out.split())
    assert "The two directions in which the trainings' ways spread most: " in said
    assert "adam(lr=0.001)" in said
    assert "losses of 142 samples at 7 x 5 places; between them wrong by at most " in said
    assert shown.out.endswith("picture: surefoot-out/slice.html\n")
    text = Path("surefoot-out/slice.html").read_text(encoding="utf-8")
    assert "The loss of wine on a plane of its weights" in text


def test_json_has_the_grid_and_the_ways(json_of):
    asked = [*SMALL, "--along", "random", "--recipe", "sgd(lr=0.1)", "--plot", "a.png", "--json", "--quiet"]
    found = json_of(asked)
    assert (found["schema"], found["along"], found["told"], found["picture"]) == (1, "random", None, "a.png")
    assert (len(found["losses"]), len(found["losses"][0])) == (len(found["y"]), len(found["x"])) == (5, 7)
    (way,) = found["ways"]
    assert way["recipe"] == "sgd(lr=0.1, momentum=0)"
    assert way["steps"][-1] == 20
    with Image.open("a.png") as picture:
        assert picture.width > 1000


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--plot", "a.gif"], "a picture ends in"),
        (["--along", "ways", "--recipe", "sgd(lr=)"], "lr"),
        (["--points", "3"], "--points"),
        (["--along", "everywhere"], "everywhere"),
    ],
)
def test_wrong_input_is_one_line(more, said, capsys):
    assert run([*SMALL, *more]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert "Traceback" not in shown.err
