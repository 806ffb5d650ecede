"""The schedule editor in a real browser."""

import numpy as np
import pytest

from surefoot.export import FRAMEWORKS, framework_code
from surefoot.export.pytorch import pytorch_code
from surefoot.recipe.recipe import Recipe

SCHEDULE = "#editor-schedule"


def fill(play, page, selector, value):
    page.fill(selector, value)
    play.after(page, lambda: page.keyboard.press("Enter"))


def test_a_schedule_is_built_from_parts(play):
    page = play.open("?view=schedule&schedule=0.1")
    play.after(page, lambda: page.select_option("[aria-label='Shape of part 1']", "linear"))
    fill(play, page, "#parts [data-field=peak]", "0.2")
    fill(play, page, "#parts [data-field=warmup]", "5%")
    assert page.input_value(SCHEDULE) == "linear(0.2, warmup=5%)"
    play.after(page, lambda: page.click("#add-part"))
    assert page.input_value(SCHEDULE) == "linear(0.2, warmup=5%) for 50% then linear(0.1)"
    fill(play, page, "#parts fieldset:nth-child(1) [data-field=length]", "30%")
    play.after(page, lambda: page.select_option("[aria-label='Shape of part 2']", "wsd"))
    play.after(page, lambda: page.select_option("#parts fieldset:nth-child(2) [data-field=shape]", "sqrt"))
    assert page.input_value(SCHEDULE) == "linear(0.2, warmup=5%) for 30% then wsd(0.1, shape=sqrt)"
    play.after(page, lambda: page.click("[aria-label='Remove part 1']"))
    assert page.input_value(SCHEDULE) == "wsd(0.1, shape=sqrt)"
    assert play.state(page)["schedule"] == ["wsd(0.1, shape=sqrt)"]


def test_copy_buttons_copy_recipe_and_code(play):
    page = play.open("?view=schedule", permissions=["clipboard-read", "clipboard-write"])
    fill(play, page, SCHEDULE, "onecycle(0.3)")
    fill(play, page, "#editor-length", "500")
    play.after(page, lambda: page.select_option("#editor-optimizer", "adamw"))
    fill(play, page, "#editor-momentum", "0.8")
    recipe = "adamw(lr=onecycle(0.3), beta1=0.8)"
    for name, words in (("recipe", recipe), ("code", pytorch_code(Recipe.parse(recipe), steps=500))):
        page.click(f"[data-copies=editor-{name}]")
        page.wait_for_selector(f"[data-copies=editor-{name}]:text-is('Copied')")
        assert page.evaluate("navigator.clipboard.readText()") == words


def test_every_framework_gets_code_or_a_reason(play):
    page = play.open("?view=schedule&schedule=cosine(0.3)&length=500")
    for framework in FRAMEWORKS:
        if framework != "pytorch":
            play.after(page, lambda chosen=framework: page.select_option("#editor-framework", chosen))
        recipe = Recipe.parse(page.inner_text("#editor-recipe"))
        assert page.text_content("#editor-code") == framework_code(recipe, framework, steps=500)
    assert play.state(page)["framework"] == ["optax"]
    play.after(page, lambda: page.select_option("#editor-optimizer", "nadam"))
    assert page.text_content("#editor-code").startswith("# optax has no nadam by the same rule as PyTorch's.")


def test_a_momentum_schedule_gets_a_curve(play):
    page = play.open("?view=schedule")
    assert page.is_hidden("#momentum-curve")
    fill(play, page, "#editor-momentum", "linear(0.8, final=0.95)")
    assert page.inner_text("#editor-recipe") == "sgd(lr=cosine(0.3, warmup=5%), momentum=linear(0.8, final=0.95))"
    assert page.is_visible("#momentum-curve")
    assert play.state(page)["momentum"] == ["linear(0.8, final=0.95)"]
    play.after(page, lambda: page.select_option("#editor-optimizer", "adagrad"))
    assert page.is_hidden("#momentum-curve")


def test_an_invalid_link_shows_the_error_and_the_values_to_correct(play):
    page = play.open("?view=schedule&framework=abc&length=77&schedule=linear(0.2)")
    assert "framework must be one of pytorch" in page.inner_text("#error")
    play.errors.clear()
    assert (page.input_value("#editor-length"), page.input_value(SCHEDULE)) == ("77", "linear(0.2)")
    play.after(page, lambda: page.select_option("#editor-framework", "keras"))
    assert page.is_hidden("#error")


def test_the_curve_is_drawn_and_described(play):
    page = play.open("?view=schedule&schedule=linear(0.4)&length=100", color_scheme="light")
    assert page.inner_text("#curve-text").startswith(
        "First step: 0.4. Highest: 0.4, at step 0. Last of 100 steps: 0.004"
    )
    rows = page.evaluate(
        """() => {
            const canvas = document.getElementById('curve');
            const {data, width, height} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            const points = [];
            for (let x = 0; x < width; x++) {
                const ys = [];
                for (let y = 0; y < height; y++) {
                    const index = 4 * (y * width + x);
                    const off = Math.abs(data[index + 1] - 114) + Math.abs(data[index + 2] - 178);
                    if (data[index] < 40 && off < 40) ys.push(y);
                }
                if (ys.length) points.push([x, ys.reduce((a, b) => a + b) / ys.length]);
            }
            return points;
        }"""
    )
    x, y = np.array(rows).T
    assert len(x) > 200
    straight = np.polyval(np.polyfit(x, y, 1), x)
    assert np.abs(y - straight).max() < 2.0


def test_an_invalid_schedule_shows_an_error_until_it_is_corrected(play):
    page = play.open("?view=schedule&schedule=cosin(0.1)")
    assert "did you mean cosine" in page.inner_text("#error")
    play.errors.clear()
    page = play.open("?view=schedule")
    page.fill(SCHEDULE, "cosine(")
    page.keyboard.press("Enter")
    page.wait_for_selector("#error:not([hidden])")
    fill(play, page, SCHEDULE, "cosine(0.5)")
    assert page.is_hidden("#error")
    play.errors.clear()


def test_views_change_without_reloading_the_page(play):
    page = play.open("?t=5")
    page.evaluate("window.notReloaded = true")
    play.after(page, lambda: page.click("[data-view=schedule]"))
    assert page.is_hidden("#view-descent")
    assert play.state(page)["view"] == ["schedule"]
    play.after(page, lambda: page.click("[data-view=descent]"))
    assert page.is_visible("#surface-canvas")
    assert page.evaluate("window.notReloaded")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_accessible_and_without_sideways_scrolling(play, width, scheme):
    page = play.open("?view=schedule", {"width": width, "height": 800}, color_scheme=scheme)
    assert play.axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
