"""``surefoot descend`` as a user runs it."""

import pytest
from PIL import Image

from surefoot.cli.main import run
from surefoot.surfaces.descent import descend

TWO = ["--recipe", "sgd(lr=0.1, momentum=0)", "--recipe", "sgd(lr=2.1, momentum=0)"]


def test_it_prints_final_losses_and_events(capsys):
    assert run(["descend", "ravine", *TWO]) == 0
    summary = " ".join(capsys.readouterr().out.split())
    assert "0.0620" in summary  # (2.6² 0.995^200 / 20 + ...) / 2
    assert "overshoot at 1, oscillation at 4" in summary


def test_json_has_every_position_as_the_library_computes_it(json_of):
    found = json_of(["descend", "ravine", *TWO, "--steps", "7", "--condition", "4", "--start", "-1,0.5", "--json"])
    from surefoot.surfaces.quadratics import Ravine

    descent = descend(Ravine(4.0), TWO[1::2], steps=7, start=(-1.0, 0.5))
    assert [each["positions"] for each in found["trajectories"]] == descent.positions.tolist()
    assert [each["losses"] for each in found["trajectories"]] == descent.losses.tolist()


def test_the_same_seed_gives_the_same_noise(json_of):
    one, same, other = (
        json_of(["descend", "bowl", "--recipe", "sgd(lr=0.1)", "--noise", "0.5", "--seed", seed, "--json"])
        for seed in ("3", "3", "4")
    )
    assert one == same != other


def test_films_and_pictures_are_written(tmp_path, capsys):
    assert run(["descend", "bowl", *TWO, "--steps", "3", "--plot", "ball.gif", "--fps", "10", "--dark"]) == 0
    assert run(["descend", "bowl", *TWO, "--steps", "3", "--plot", "ball.svg"]) == 0
    assert capsys.readouterr().out.count(": ball.") == 2
    with Image.open("ball.gif") as film:
        assert (film.n_frames, film.info["duration"]) == (4, 100)
        assert film.convert("RGB").getpixel((2, 2)) < (60, 60, 60)
    assert (tmp_path / "ball.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ravin", *TWO], "did you mean ravine?"),
        (["bowl"], "--recipe"),
        (["bowl", "--recipe", "sgd(lr=-1)"], "lr"),
        (["bowl", *TWO * 4], "at most 7 recipes can be given; given 8"),
        (["bowl", *TWO, "--steps", "100001"], "100001"),
        (["bowl", *TWO, "--start", "a"], "--start must be one number"),
        (["bowl", *TWO, "--start", "1,2"], "one finite number"),
        (["bowl", *TWO, "--condition", "3"], "--condition is for the ravine only"),
        (["ravine", *TWO, "--condition", "0"], "from 1 to"),
        (["bowl", *TWO, "--plot", "a.mpg"], "a film must end in .gif, .mp4, a picture in .png, .svg, .html"),
        (["bowl", *TWO, "--plot", "no/a.gif"], "its folder does not exist"),
        (["bowl", *TWO, "--plot", "a.png", "--dark"], "--dark is for films only"),
        (["bowl", *TWO, "--fps", "10"], "--fps is for films only"),
        (["bowl", *TWO, "--noise", "nan"], "noise must be a finite number"),
    ],
)
def test_invalid_input_is_one_line_and_exits_with_2(arguments, message, capsys, tmp_path):
    assert run(["descend", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
