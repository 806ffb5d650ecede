"""Films are decoded again: markers are where the descent has the recipes."""

import numpy as np
import pytest
import torch
from PIL import Image

import surefoot
from surefoot.core.errors import OutputError
from surefoot.plots.chart import PIXELS_PER_POINT
from surefoot.plots.film import animate, frame_steps
from surefoot.plots.film_background import LEFT_MARGIN, PLOT_HEIGHT, PLOT_WIDTH, FilmCanvas

pytestmark = pytest.mark.slow

FASTER = "sgd(lr=0.1, momentum=0.9)"
STEPS = 12
# Tolerance in points. Markers nearer than the second hide one another: the second recipe's lies on top.
TOLERANCE, MARKER_DISTANCE = 1.0, 20


@pytest.fixture(scope="module")
def descent():
    return surefoot.descend("ravine", ["sgd(lr=0.1, momentum=0)", FASTER], steps=STEPS)


@pytest.fixture(scope="module")
def film(descent, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "descent.gif"
    animate(descent, path)
    return path


def middle_of(picture, colour, top, scale=1):
    """Return the middle of what has a colour below the words, in points from the landscape's top left."""
    pixels = np.asarray(picture.convert("RGB"))[top * scale :].astype(int)
    rows, columns = np.nonzero(np.abs(pixels - colour).max(axis=-1) <= 12)
    return np.array([columns.mean() / scale + 0.5 - LEFT_MARGIN, rows.mean() / scale + 0.5])


def expected(descent, k, step):
    """Return where a ball has to be, by the landscape's box alone."""
    (left, right), (low, high) = descent.surface.box
    x, y = descent.positions[k, step]
    return np.array([(x - left) / (right - left) * PLOT_WIDTH, (high - y) / (high - low) * PLOT_HEIGHT])


def test_a_gif_has_a_frame_for_every_step_with_markers_at_the_positions(descent, film):
    canvas = FilmCanvas.of(descent, dark=False)
    with Image.open(film) as gif:
        assert (gif.n_frames, gif.size) == (STEPS + 1, canvas.size)
        assert gif.info["loop"] == 0
        shown, compared = [], 0
        for step in range(STEPS + 1):
            gif.seek(step)
            shown.append(gif.info["duration"])
            places = [expected(descent, k, step) for k in range(2)]
            assert middle_of(gif, canvas.colours[1], canvas.header_height) == pytest.approx(places[1], abs=TOLERANCE)
            if np.linalg.norm(places[0] - places[1]) > MARKER_DISTANCE:
                compared += 1
                assert middle_of(gif, canvas.colours[0], canvas.header_height) == pytest.approx(
                    places[0], abs=TOLERANCE
                )
    assert compared > STEPS / 2
    assert shown == [50] * STEPS + [2000]


def test_in_one_dimension_the_marker_is_on_the_curve(tmp_path):
    descent = surefoot.descend("bowl", ["sgd(lr=0.5, momentum=0)"], steps=3)
    animate(descent, tmp_path / "bowl.gif", dark=True)
    canvas = FilmCanvas.of(descent, dark=True)
    with Image.open(tmp_path / "bowl.gif") as gif:
        for step in range(4):
            gif.seek(step)
            x = 2.4 * 0.5**step  # gradient descent on x² / 2
            across, down = middle_of(gif, canvas.colours[0], canvas.header_height)
            assert across == pytest.approx((x + 3.0) / 6.0 * PLOT_WIDTH, abs=TOLERANCE)
            height = (canvas.top - x**2 / 2) / (canvas.top - canvas.bottom) * PLOT_HEIGHT
            assert down == pytest.approx(height, abs=TOLERANCE)


def test_an_mp4_shows_the_same_at_twice_the_resolution(descent, tmp_path):
    av = pytest.importorskip("av", reason="PyAV is optional; make test has it")
    animate(descent, tmp_path / "descent.mp4", fps=10)
    canvas = FilmCanvas.of(descent, dark=False)
    with av.open(str(tmp_path / "descent.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate) == ("h264", 10)
        pictures = [frame.to_image() for frame in video.decode(stream)]
    assert len(pictures) == STEPS + 1 + 20  # the last one stays for two seconds
    assert pictures[0].size == tuple(PIXELS_PER_POINT * length for length in canvas.size)
    for step in (2, 7, STEPS):
        place = middle_of(pictures[step], canvas.colours[1], canvas.header_height, scale=PIXELS_PER_POINT)
        assert place == pytest.approx(expected(descent, 1, step), abs=TOLERANCE)


def test_an_event_is_written_from_its_step_on(film, descent):
    """The faster recipe overshoots at step 5: the text in its row changes there, and not between other steps."""
    canvas = FilmCanvas.of(descent, dark=False)
    width = canvas.size[0]
    row = (
        width // 2,
        canvas.header_height - 14 - 24,
        width - 110,
        canvas.header_height - 14,
    )  # the second recipe's row, left of its loss
    with Image.open(film) as gif:
        inked = []
        for step in range(STEPS + 1):
            gif.seek(step)
            inked.append(np.asarray(gif.convert("L").crop(row)).min() < 128)
    assert inked == [step >= 5 for step in range(STEPS + 1)]


def test_a_recipe_outside_the_plot_or_diverged_has_no_marker(tmp_path):
    descent = surefoot.descend("bowl", ["sgd(lr=3.5, momentum=0)"], steps=12)
    animate(descent, tmp_path / "lost.gif")
    canvas = FilmCanvas.of(descent, dark=False)
    with Image.open(tmp_path / "lost.gif") as gif:
        for step in (1, 12):
            gif.seek(step)
            pixels = np.asarray(gif.convert("RGB"))[canvas.header_height + PLOT_HEIGHT // 2 :].astype(int)
            assert not (np.abs(pixels - canvas.colours[0]).max(axis=-1) <= 2).any()


def test_of_a_long_descent_only_some_steps_are_shown():
    shown = frame_steps(100_000)
    assert shown[0] == 0
    assert shown[-1] == 100_000
    assert len(shown) <= 242


def test_noise_and_schedules_of_the_descent_are_shown(tmp_path):
    generator = torch.Generator().manual_seed(1)
    descent = surefoot.descend("noisy-bowl", ["sgd(lr=cosine(0.5), momentum=0)"], steps=4, seed=generator)
    animate(descent, tmp_path / "noisy.gif")
    canvas = FilmCanvas.of(descent, dark=False)
    with Image.open(tmp_path / "noisy.gif") as gif:
        gif.seek(4)
        across, _ = middle_of(gif, canvas.colours[0], canvas.header_height)
    assert across == pytest.approx((descent.positions[0, 4, 0] + 3.0) / 6.0 * PLOT_WIDTH, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.mpg", {}, r"a film ends in \.gif or \.mp4"),
        ("no/a.gif", {}, "its folder does not exist"),
        ("a.gif", {"fps": 0}, "1 to 50 frames a second"),
    ],
)
def test_a_film_that_cannot_be_written_is_refused_before_any_work(descent, tmp_path, name, options, message):
    with pytest.raises(OutputError, match=message):
        animate(descent, tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_without_pyav_an_mp4_is_refused_with_what_to_do(descent, tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OutputError, match=r"needs PyAV.*pip install av, or write 'a\.gif'"):
        animate(descent, tmp_path / "a.mp4")


def test_more_recipes_than_colours_are_refused(tmp_path):
    with pytest.raises(OutputError, match="at most 7 recipes; given 8"):
        animate(surefoot.descend("bowl", ["sgd(lr=0.1)"] * 8, steps=1), tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []
