"""Films are decoded again: the balls are where the descent has them."""

import numpy as np
import pytest
import torch
from PIL import Image

import surefoot
from surefoot.core.errors import OutputError
from surefoot.plots.film import animate, steps_shown
from surefoot.plots.film_canvas import HEIGHT, LEFT, SCALE, WIDTH, Stage

FASTER = "sgd(lr=0.1, momentum=0.9)"
STEPS = 12
# So near two balls hide one another: the second lies on top.
PIXEL, APART = 1.0, 20


@pytest.fixture(scope="module")
def rolled():
    return surefoot.descend("ravine", ["sgd(lr=0.1, momentum=0)", FASTER], steps=STEPS)


@pytest.fixture(scope="module")
def film(rolled, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "balls.gif"
    animate(rolled, path)
    return path


def middle_of(picture, colour, top, scale=1):
    """Return the middle of what has a colour below the words, in points from the landscape's top left."""
    pixels = np.asarray(picture.convert("RGB"))[top * scale :].astype(int)
    rows, columns = np.nonzero(np.abs(pixels - colour).max(axis=-1) <= 12)
    return np.array([columns.mean() / scale + 0.5 - LEFT, rows.mean() / scale + 0.5])


def expected(descent, k, step):
    """Return where a ball has to be, by the landscape's box alone."""
    (left, right), (low, high) = descent.surface.box
    x, y = descent.positions[k, step]
    return np.array([(x - left) / (right - left) * WIDTH, (high - y) / (high - low) * HEIGHT])


def test_a_gif_has_a_picture_for_every_step_with_the_balls_in_their_places(rolled, film):
    stage = Stage.of(rolled, dark=False)
    with Image.open(film) as gif:
        assert (gif.n_frames, gif.size) == (STEPS + 1, stage.size)
        assert gif.info["loop"] == 0
        shown, compared = [], 0
        for step in range(STEPS + 1):
            gif.seek(step)
            shown.append(gif.info["duration"])
            places = [expected(rolled, k, step) for k in range(2)]
            assert middle_of(gif, stage.colours[1], stage.above) == pytest.approx(places[1], abs=PIXEL)
            if np.linalg.norm(places[0] - places[1]) > APART:
                compared += 1
                assert middle_of(gif, stage.colours[0], stage.above) == pytest.approx(places[0], abs=PIXEL)
    assert compared > STEPS / 2
    assert shown == [50] * STEPS + [2000]


def test_on_a_line_the_ball_is_on_the_hill(tmp_path):
    descent = surefoot.descend("bowl", ["sgd(lr=0.5, momentum=0)"], steps=3)
    animate(descent, tmp_path / "bowl.gif", dark=True)
    stage = Stage.of(descent, dark=True)
    with Image.open(tmp_path / "bowl.gif") as gif:
        for step in range(4):
            gif.seek(step)
            x = 2.4 * 0.5**step  # gradient descent on x² / 2
            across, down = middle_of(gif, stage.colours[0], stage.above)
            assert across == pytest.approx((x + 3.0) / 6.0 * WIDTH, abs=PIXEL)
            height = (stage.top - x**2 / 2) / (stage.top - stage.bottom) * HEIGHT
            assert down == pytest.approx(height, abs=PIXEL)


def test_an_mp4_shows_the_same_in_twice_as_many_pixels(rolled, tmp_path):
    av = pytest.importorskip("av", reason="PyAV is optional; make test has it")
    animate(rolled, tmp_path / "balls.mp4", fps=10)
    stage = Stage.of(rolled, dark=False)
    with av.open(str(tmp_path / "balls.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate) == ("h264", 10)
        pictures = [frame.to_image() for frame in video.decode(stream)]
    assert len(pictures) == STEPS + 1 + 20  # the last one stays for two seconds
    assert pictures[0].size == tuple(SCALE * length for length in stage.size)
    for step in (2, 7, STEPS):
        place = middle_of(pictures[step], stage.colours[1], stage.above, scale=SCALE)
        assert place == pytest.approx(expected(rolled, 1, step), abs=PIXEL)


def test_what_has_happened_is_written_from_then_on(film, rolled):
    """The faster ball overshoots at step 5: the words in its row change there, and not between other steps' losses."""
    stage = Stage.of(rolled, dark=False)
    width = stage.size[0]
    row = (width // 2, stage.above - 14 - 24, width - 110, stage.above - 14)  # of the second ball, left of its loss
    with Image.open(film) as gif:
        inked = []
        for step in range(STEPS + 1):
            gif.seek(step)
            inked.append(np.asarray(gif.convert("L").crop(row)).min() < 128)
    assert inked == [step >= 5 for step in range(STEPS + 1)]


def test_a_ball_that_is_out_of_the_picture_or_lost_is_not_drawn(tmp_path):
    descent = surefoot.descend("bowl", ["sgd(lr=3.5, momentum=0)"], steps=12)
    animate(descent, tmp_path / "lost.gif")
    stage = Stage.of(descent, dark=False)
    with Image.open(tmp_path / "lost.gif") as gif:
        for step in (1, 12):
            gif.seek(step)
            pixels = np.asarray(gif.convert("RGB"))[stage.above + HEIGHT // 2 :].astype(int)
            assert not (np.abs(pixels - stage.colours[0]).max(axis=-1) <= 2).any()


def test_long_descents_are_thinned_to_a_bounded_film():
    shown = steps_shown(100_000)
    assert shown[0] == 0
    assert shown[-1] == 100_000
    assert len(shown) <= 242


def test_noise_and_schedules_are_the_descents_own(tmp_path):
    luck = torch.Generator().manual_seed(1)
    descent = surefoot.descend("noisy-bowl", ["sgd(lr=cosine(0.5), momentum=0)"], steps=4, generator=luck)
    animate(descent, tmp_path / "noisy.gif")
    stage = Stage.of(descent, dark=False)
    with Image.open(tmp_path / "noisy.gif") as gif:
        gif.seek(4)
        across, _ = middle_of(gif, stage.colours[0], stage.above)
    assert across == pytest.approx((descent.positions[0, 4, 0] + 3.0) / 6.0 * WIDTH, abs=PIXEL)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("a.mpg", {}, r"a film ends in \.gif or \.mp4"),
        ("no/a.gif", {}, "its folder does not exist"),
        ("a.gif", {"fps": 0}, "1 to 50 pictures a second"),
    ],
)
def test_what_cannot_be_written_is_refused_before_any_work(rolled, tmp_path, name, options, said):
    with pytest.raises(OutputError, match=said):
        animate(rolled, tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_without_pyav_an_mp4_is_refused_with_what_to_do(rolled, tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OutputError, match=r"needs PyAV.*pip install av, or write 'a\.gif'"):
        animate(rolled, tmp_path / "a.mp4")


def test_more_balls_than_colours_are_refused(tmp_path):
    with pytest.raises(OutputError, match="at most 7 balls; given 8"):
        animate(surefoot.descend("bowl", ["sgd(lr=0.1)"] * 8, steps=1), tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []
