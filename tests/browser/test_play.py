"""The descent view in a real browser: every control, the balls and the convergence map."""

import json
import re
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from tests.browser.player import DESKTOP, DRAWN, served, until

from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import SURFACES, surface_named
from surefoot.surfaces.descent import descend
from surefoot.surfaces.surface import Noise

PHONE = {"width": 360, "height": 740}


def slide(play, page, selector, value):
    script = "(each, value) => { each.value = value; each.dispatchEvent(new Event('input', {bubbles: true})); }"
    play.after(page, lambda: page.eval_on_selector(selector, script, value))


def descent_answer(page, act):
    """Act, and return the server's answer to the page's next request for descents."""
    with page.expect_response(re.compile("/api/descent")) as answered:
        act()
    return answered.value.json()


@pytest.mark.parametrize("name", SURFACES)
def test_balls_on_every_surface_equal_those_of_descend(play, name):
    recipes = ["sgd(lr=0.05, momentum=0.9)", "adam(lr=0.1)"]
    page = play.open(f"?surface=bowl&noise=0.2&seed=3&steps=80&recipe={recipes[0]}&recipe={recipes[1]}")
    assert page.input_value("#surface") == "bowl"
    if name != "bowl":
        answer = descent_answer(page, lambda: page.select_option("#surface", name))
        until(page, f"document.getElementById('surface').value === {name!r}")
        noise = surface_named(name).noise
    else:
        answer, noise = descent_answer(page, page.reload), Noise(0.2, 0.2)
    surface = surface_named(name, condition=20 if name == "ravine" else None)
    generator = torch.Generator().manual_seed(3)
    expected = descend(surface, list(map(Recipe.parse, recipes)), steps=80, noise=noise, seed=generator)
    for ball, positions in zip(answer["balls"], expected.positions, strict=True):
        sent = np.array(ball["positions"], dtype=float)
        np.testing.assert_array_equal(sent, np.where(np.isfinite(positions), positions, np.nan))


def test_a_ball_is_drawn_where_its_position_is(play):
    page = play.open("?surface=ravine&t=7&recipe=sgd(lr=0.4,momentum=0.5)", color_scheme="light")
    (positions,) = descend(
        surface_named("ravine", condition=20), [Recipe.parse("sgd(lr=0.4, momentum=0.5)")], steps=200
    ).positions
    blue = page.evaluate(
        """() => {
            const canvas = document.getElementById('surface-canvas');
            const {data, width, height} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let [n, x, y] = [0, 0, 0];
            for (let i = 0; i < width * height; i++) {
                if (data[4 * i] !== 0 || data[4 * i + 1] !== 114 || data[4 * i + 2] !== 178) continue;
                n++; x += i % width; y += Math.floor(i / width);
            }
            return {n, x: x / n, y: y / n, width: canvas.clientWidth, height: canvas.clientHeight};
        }"""
    )
    assert blue["n"] > 50
    pad = 14
    (x_low, x_high), (y_low, y_high) = surface_named("ravine").box
    x = pad + (positions[7, 0] - x_low) / (x_high - x_low) * (blue["width"] - 2 * pad)
    y = blue["height"] - pad - (positions[7, 1] - y_low) / (y_high - y_low) * (blue["height"] - 2 * pad)
    # the number on the ball and the dots of its trail shift the mean a little
    assert blue["x"] == pytest.approx(x, abs=6)
    assert blue["y"] == pytest.approx(y, abs=6)


def test_play_pause_step_and_slider(play):
    page = play.open("?speed=60")
    now = "Number(document.getElementById('now').textContent.match(/step (\\d+)/)[1])"
    page.click("#play")
    assert page.inner_text("#play") == "Pause"
    until(page, f"{now} > 10")
    page.click("#play")
    paused = page.evaluate(now)
    page.wait_for_timeout(100)
    assert page.evaluate(now) == paused
    page.click("#forward")
    assert page.evaluate(now) == paused + 1
    page.click("#back")
    page.click("#back")
    assert page.evaluate(now) == paused - 1
    page.eval_on_selector("#step-slider", "(each) => { each.value = 150; each.dispatchEvent(new Event('input')); }")
    assert page.evaluate(now) == 150
    page.click("#begin")
    assert page.evaluate(now) == 0
    page.select_option("#speed", "200")
    page.click("#play")
    until(page, f"{now} === 200 && document.getElementById('play').textContent === 'Play'")
    assert play.state(page)["speed"] == ["200"]


def test_keys_play_pause_and_step(play):
    page = play.open("?t=10")
    page.click("h1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#now") == "step 11 of 200"
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Pause"
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    assert page.inner_text("#now") == "step 0 of 200"


def test_the_canvas_is_drawn_fifty_times_a_second(play):
    page = play.open("?surface=himmelblau&steps=2000&speed=60")
    page.click("#play")
    count = """() => new Promise((done) => {
        let frames = 0; const start = performance.now();
        const draw = CanvasRenderingContext2D.prototype.drawImage;
        CanvasRenderingContext2D.prototype.drawImage = function (...more) {
            if (this.canvas.id === 'surface-canvas') frames++; return draw.apply(this, more); };
        setTimeout(() => { CanvasRenderingContext2D.prototype.drawImage = draw;
            done(frames * 1000 / (performance.now() - start)); }, 1000);
    })"""
    # A busy machine may miss the rate for a second.
    assert max(page.evaluate(count) for _ in range(6)) >= 50


def test_controls_change_the_recipe(play):
    page = play.open("?surface=bowl&recipe=sgd(lr=cosine(0.3,warmup=5%25),momentum=0.9)&recipe=adam(lr=0.1)")
    field = "#balls li:nth-child({}) input"
    slide(play, page, "#lr", "-2")
    assert page.input_value(field.format(1)) == "sgd(lr=cosine(0.01, warmup=5%), momentum=0.9)"
    slide(play, page, "#momentum", "2")
    assert page.input_value(field.format(1)) == "sgd(lr=cosine(0.01, warmup=5%), momentum=0.99)"
    play.after(page, lambda: page.select_option("#schedule", "linear"))
    assert page.input_value(field.format(1)) == "sgd(lr=linear(0.01), momentum=0.99)"
    play.after(page, lambda: page.click("[aria-label='Select ball 2']"))
    play.after(page, lambda: page.select_option("#optimizer", "nesterov"))
    assert page.input_value(field.format(2)) == "sgd(lr=0.1, momentum=0.9, nesterov=true)"
    play.after(page, lambda: page.select_option("#optimizer", "adagrad"))
    assert page.is_disabled("#momentum")
    assert play.state(page)["recipe"] == ["sgd(lr=linear(0.01), momentum=0.99)", "adagrad(lr=0.5)"]


def test_balls_are_added_removed_and_edited(play):
    page = play.open("?surface=bowl&recipe=sgd(lr=0.1)")
    play.after(page, lambda: page.click("#add"))
    assert page.locator("#balls li").count() == 2
    page.fill("[aria-label='Recipe of ball 2']", "adamw(lr=wsd(0.2))")
    play.after(page, lambda: page.keyboard.press("Enter"))
    assert page.input_value("#schedule") == "wsd"
    play.after(page, lambda: page.click("[aria-label='Remove ball 1']"))
    assert page.input_value("#balls input") == "adamw(lr=wsd(0.2))"
    assert page.is_disabled("[aria-label='Remove ball 1']")


def test_noise_seed_steps_condition_and_start(play):
    page = play.open("?recipe=sgd(lr=0.1)")
    slide(play, page, "#condition", "2")
    slide(play, page, "#noise", "0.5")
    for name, value in (("#seed", "7"), ("#steps", "55")):
        page.fill(name, value)
        play.after(page, lambda: page.keyboard.press("Enter"))
    play.after(page, lambda: page.click("#surface-canvas", position={"x": 100, "y": 100}))
    state = play.state(page)
    assert [state[name] for name in ("condition", "noise", "seed", "steps")] == [["100"], ["0.5"], ["7"], ["55"]]
    assert len(state["start"][0].split(",")) == 2
    assert page.inner_text("#now") == "step 0 of 55"


def test_the_point_on_the_map_is_moved_by_mouse_and_keys(play):
    page = play.open("?surface=bowl&recipe=sgd(lr=0.1,momentum=0.5)")
    handle, board = page.locator("#map .handle"), page.locator("#map svg").bounding_box()
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    play.after(
        page, lambda: page.mouse.move(board["x"] + 0.6 * board["width"], board["y"] + 0.5 * board["height"], steps=4)
    )
    page.mouse.up()
    page.wait_for_timeout(200)
    dragged = Recipe.parse(page.input_value("#balls input"))
    assert dragged.lr.highest > 0.15
    assert 0.8 < dragged.momentum.highest < 0.95
    assert f"learning rate {dragged.lr.highest:.3g}" in handle.get_attribute("aria-valuetext")
    handle.focus()
    play.after(page, lambda: page.keyboard.press("ArrowRight"))
    play.after(page, lambda: page.keyboard.press("ArrowUp"))
    moved = Recipe.parse(page.input_value("#balls input"))
    assert moved.lr.highest == pytest.approx(1.1 * dragged.lr.highest, rel=0.01)
    assert 1 - moved.momentum.highest == pytest.approx((1 - dragged.momentum.highest) / 1.1, rel=0.02)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "?surface=bowl&recipe=sgd(lr=0.1,momentum=0)",
            "the error shrinks monotonically, by a factor of 0.9 per step (22 steps to a tenth)",
        ),
        (
            "?surface=bowl&recipe=sgd(lr=0.1,momentum=0.81)",
            "the error oscillates and shrinks, by a factor of 0.9 per step",
        ),
        ("?surface=bowl&recipe=sgd(lr=2.1,momentum=0)", "the error grows. Stable below a learning rate of 2."),
        ("?surface=noisy-bowl&recipe=sgd(lr=0.1,momentum=0)", "stays bounded"),
        ("?surface=bowl&recipe=adam(lr=0.1)", "is not on the map: adam adapts its step size"),
    ],
)
def test_the_map_is_described(play, query, text):
    assert text in play.open(query).inner_text("#map-description")


@pytest.mark.parametrize(
    ("query", "event"),
    [
        ("?surface=bowl&recipe=sgd(lr=0.1,momentum=0.9)&t=100", "overshoots"),
        ("?surface=bowl&recipe=sgd(lr=1.9,momentum=0)&t=100", "oscillates"),
        ("?surface=bowl&recipe=sgd(lr=2.5,momentum=0)&t=100", "diverges"),
        ("?surface=double-well&recipe=sgd(lr=0.05,momentum=0.9)&t=100", "escapes"),
    ],
)
def test_events_are_listed_once_they_happened(play, query, event):
    page = play.open(query)
    assert event in page.inner_text("#log")
    page.click("#begin")
    assert page.inner_text("#log") == ""


def test_a_link_shows_the_same_picture(play):
    page = play.open("?surface=saddle&t=12&recipe=sgd(lr=0.2,momentum=0.8)")
    slide(play, page, "#lr", "-1")
    play.after(page, lambda: page.click("#add"))
    page.click("#forward")
    page.click("h1")
    query = urlsplit(page.url).query if play.state(page) else ""
    other = play.open(f"?{query}")
    assert other.inner_text("#now") == page.inner_text("#now") == "step 13 of 200"
    picture = "document.getElementById('surface-canvas').toDataURL()"
    assert other.evaluate(picture) == page.evaluate(picture)


def test_an_invalid_link_shows_an_error_until_it_is_corrected(play):
    page = play.open("?recipe=sdg(lr=1)")
    assert "did you mean sgd?" in page.inner_text("#error")
    # the browser logs a refused request as an error
    play.errors.clear()
    other = play.open("?steps=1e9")
    assert "steps must be an integer from 1 to 100000" in other.inner_text("#error")
    other.fill("#steps", "100")
    play.after(other, lambda: other.keyboard.press("Enter"))
    assert other.is_hidden("#error")
    play.errors.clear()


def test_a_new_request_aborts_a_long_descent(play):
    page = play.open("?surface=bowl&" + "&".join(["recipe=adam(lr=0.01)"] * 16))
    page.fill("#steps", "100000")
    with page.expect_event("requestfailed", lambda request: "/api/descent" in request.url):
        page.keyboard.press("Enter")
        page.wait_for_timeout(400)
        page.fill("#steps", "50")
        page.keyboard.press("Enter")
    until(page, "document.getElementById('now').textContent === 'step 0 of 50'", seconds=5)
    assert page.is_hidden("#error")


@pytest.mark.parametrize(
    "query", ["?t=-5", "?ball=-1&t=x&speed=x", "?view=constructor", "?view=__proto__", "?__proto__=1"]
)
def test_odd_parameters_fall_back_to_defaults(play, query):
    page = play.open(query)
    assert page.is_hidden("#error")
    assert page.inner_text("#now") == "step 0 of 200"


def test_an_enormous_learning_rate_is_drawn_as_divergence(play):
    page = play.open("?surface=bowl&t=5&recipe=sgd(lr=1e308)")
    assert "the error grows. Stable below a learning rate of 2." in page.inner_text("#map-description")
    assert "diverges" in page.inner_text("#log")


def test_an_invalid_recipe_in_a_link_is_corrected_in_its_field(play):
    page = play.open("?surface=bowl&recipe=sdg(lr=1)&recipe=adam(lr=0.1)")
    play.errors.clear()
    assert page.input_value("[aria-label='Recipe of ball 1']") == "sdg(lr=1)"
    page.fill("[aria-label='Recipe of ball 1']", "sgd(lr=1)")
    play.after(page, lambda: page.keyboard.press("Enter"))
    assert page.is_hidden("#error")


def test_back_and_forward_change_the_view(play):
    page = play.open("?surface=bowl&t=7")
    play.after(page, lambda: page.click("[data-view=schedule]"))
    field = "#editor-length"
    page.fill(field, "77")
    play.after(page, lambda: page.keyboard.press("Enter"))
    play.state(page)
    play.after(page, page.go_back)
    assert page.is_visible("#surface-canvas")
    assert play.state(page) == {"surface": ["bowl"], "t": ["7"]}
    play.after(page, page.go_forward)
    assert page.input_value(field) == "77"


def test_touch_sets_the_start_and_drags_the_point(play):
    page = play.open("?surface=bowl&recipe=sgd(lr=0.1,momentum=0.5)", PHONE, has_touch=True, is_mobile=True)
    page.locator("#surface-canvas").scroll_into_view_if_needed()
    surface = page.locator("#surface-canvas").bounding_box()
    x = surface["x"] + 14 + 0.25 * (surface["width"] - 28)
    play.after(page, lambda: page.touchscreen.tap(x, surface["y"] + 60))
    (low, high), *_ = surface_named("bowl").box
    assert float(play.state(page)["start"][0]) == pytest.approx(low + 0.25 * (high - low), abs=0.1)
    page.locator("#map").scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    board = page.locator("#map svg").bounding_box()
    finger = page.context.new_cdp_session(page)

    def touch(kind, across=None, up=None):
        at = (
            []
            if across is None
            else [{"x": board["x"] + across * board["width"], "y": board["y"] + up * board["height"]}]
        )
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", 0.5, 0.5)
    for share in (0.55, 0.6, 0.65):
        touch("touchMove", share, 0.4)
    play.after(page, lambda: touch("touchMove", 0.7, 0.3))
    touch("touchEnd")
    page.wait_for_timeout(200)
    dragged = Recipe.parse(page.input_value("#balls input"))
    assert dragged.lr.highest > 0.2
    assert dragged.momentum.highest > 0.9
    # The page does not scroll with the finger; a line of text above may wrap differently.
    after = page.locator("#map svg").bounding_box()
    assert after["y"] == pytest.approx(board["y"], abs=0.1 * board["height"])
    for control in ("#play", "#forward"):
        page.tap(control)
    play.after(page, lambda: page.tap("#add"))
    assert page.locator("#balls li").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_accessible(play, viewport, scheme):
    assert play.axe(play.open("?t=40", viewport, color_scheme=scheme)) == []


def test_a_phone_needs_no_sideways_scrolling(play):
    page = play.open("?t=40", PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_it_follows_the_dark_theme(play):
    page = play.open("?t=20", color_scheme="light")
    picture = "document.getElementById('surface-canvas').toDataURL()"
    light = page.evaluate(picture)
    page.emulate_media(color_scheme="dark")
    until(page, f"{picture} !== {json.dumps(light)}")


def test_a_stopped_server_is_reported(browser):
    with served() as (address, stop):
        page = browser.new_page()
        page.goto(address)
        until(page, f"{DRAWN} > 0")
        stop()
        page.select_option("#surface", "bowl")
        page.wait_for_selector("#error:not([hidden])")
        assert "restart surefoot play" in page.inner_text("#error")
        page.close()
