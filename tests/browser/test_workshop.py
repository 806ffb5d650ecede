"""The schedule workshop in a real browser."""

import numpy as np
import pytest

from surefoot.export import FRAMEWORKS, framework_code
from surefoot.export.pytorch import pytorch_code
from surefoot.recipe.recipe import Recipe

SCHEDULE = "#shop-schedule"


def fill(play, page, selector, value):
    page.fill(selector, value)
    play.after(page, lambda: page.keyboard.press("Enter"))


def test_a_schedule_is_composed_part_by_part(play):
    page = play.open("?view=shop&schedule=0.1")
    play.after(page, lambda: page.select_option("[aria-label='Shape of part 1']", "linear"))
    fill(play, page, "#parts [data-field=peak]", "0.2")
    fill(play, page, "#parts [data-field=warmup]", "5%")
    assert page.input_value(SCHEDULE) == "linear(0.2, warmup=5%)"
    play.after(page, lambda: page.click("#then"))
    assert page.input_value(SCHEDULE) == "linear(0.2, warmup=5%) for 50% then linear(0.1)"
    fill(play, page, "#parts fieldset:nth-child(1) [data-field=length]", "30%")
    play.after(page, lambda: page.select_option("[aria-label='Shape of part 2']", "wsd"))
    play.after(page, lambda: page.select_option("#parts fieldset:nth-child(2) [data-field=shape]", "sqrt"))
    assert page.input_value(SCHEDULE) == "linear(0.2, warmup=5%) for 30% then wsd(0.1, shape=sqrt)"
    play.after(page, lambda: page.click("[aria-label='Remove part 1']"))
    assert page.input_value(SCHEDULE) == "wsd(0.1, shape=sqrt)"
    assert play.state(page)["schedule"] == ["wsd(0.1, shape=sqrt)"]


def test_recipe_and_code_are_copied(play):
    page = play.open("?view=shop", permissions=["clipboard-read", "clipboard-write"])
    fill(play, page, SCHEDULE, "onecycle(0.3)")
    fill(play, page, "#shop-length", "500")
    play.after(page, lambda: page.select_option("#shop-optimizer", "adamw"))
    fill(play, page, "#shop-momentum", "0.8")
    recipe = "adamw(lr=onecycle(0.3), beta1=0.8)"
    for name, words in (("recipe", recipe), ("code", pytorch_code(Recipe.parse(recipe), steps=500))):
        page.click(f"[data-copies=shop-{name}]")
        page.wait_for_selector(f"[data-copies=shop-{name}]:text-is('Copied')")
        assert page.evaluate("navigator.clipboard.readText()") == words


def test_code_is_written_for_any_framework_or_the_reason_why_not(play):
    page = play.open("?view=shop&schedule=cosine(0.3)&length=500")
    for framework in FRAMEWORKS:
        if framework != "pytorch":
            play.after(page, lambda chosen=framework: page.select_option("#shop-framework", chosen))
        recipe = Recipe.parse(page.inner_text("#shop-recipe"))
        assert page.text_content("#shop-code") == framework_code(recipe, framework, steps=500)
    assert play.state(page)["framework"] == ["optax"]
    play.after(page, lambda: page.select_option("#shop-optimizer", "nadam"))
    assert page.text_content("#shop-code").startswith("# optax has no nadam by the same rule as PyTorch's.")


def test_the_momentum_may_have_a_schedule_and_a_curve_of_its_own(play):
    page = play.open("?view=shop")
    assert page.is_hidden("#momenta")
    fill(play, page, "#shop-momentum", "linear(0.8, final=0.95)")
    assert page.inner_text("#shop-recipe") == "sgd(lr=cosine(0.3, warmup=5%), momentum=linear(0.8, final=0.95))"
    assert page.is_visible("#momenta")
    assert play.state(page)["momentum"] == ["linear(0.8, final=0.95)"]
    play.after(page, lambda: page.select_option("#shop-optimizer", "adagrad"))
    assert page.is_hidden("#momenta")


def test_a_broken_link_shows_what_is_to_be_mended(play):
    page = play.open("?view=shop&framework=abc&length=77&schedule=linear(0.2)")
    assert "framework is one of pytorch" in page.inner_text("#fault")
    play.complaints.clear()
    assert (page.input_value("#shop-length"), page.input_value(SCHEDULE)) == ("77", "linear(0.2)")
    play.after(page, lambda: page.select_option("#shop-framework", "keras"))
    assert page.is_hidden("#fault")


def test_the_curve_is_drawn_and_read_out(play):
    page = play.open("?view=shop&schedule=linear(0.4)&length=100", color_scheme="light")
    assert page.inner_text("#curve-words").startswith("From 0.4 at the first step, at most 0.4 (step 0), 0.004 at the")
    rows = page.evaluate(
        """() => {
            const canvas = document.getElementById('curve');
            const {data, width, height} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            const found = [];
            for (let x = 0; x < width; x++) {
                const ys = [];
                for (let y = 0; y < height; y++) {
                    const at = 4 * (y * width + x);
                    const off = Math.abs(data[at + 1] - 114) + Math.abs(data[at + 2] - 178);
                    if (data[at] < 40 && off < 40) ys.push(y);
                }
                if (ys.length) found.push([x, ys.reduce((a, b) => a + b) / ys.length]);
            }
            return found;
        }"""
    )
    x, y = np.array(rows).T
    assert len(x) > 200
    straight = np.polyval(np.polyfit(x, y, 1), x)
    assert np.abs(y - straight).max() < 2.0


def test_a_fault_is_told_and_mended(play):
    page = play.open("?view=shop&schedule=cosin(0.1)")
    assert "did you mean cosine" in page.inner_text("#fault")
    play.complaints.clear()
    page = play.open("?view=shop")
    page.fill(SCHEDULE, "cosine(")
    page.keyboard.press("Enter")
    page.wait_for_selector("#fault:not([hidden])")
    fill(play, page, SCHEDULE, "cosine(0.5)")
    assert page.is_hidden("#fault")
    play.complaints.clear()


def test_the_views_are_changed_without_loading_the_page_again(play):
    page = play.open("?t=5")
    page.evaluate("window.kept = true")
    play.after(page, lambda: page.click("[data-view=shop]"))
    assert page.is_hidden("#view-hill")
    assert play.state(page)["view"] == ["shop"]
    play.after(page, lambda: page.click("[data-view=hill]"))
    assert page.is_visible("#hill")
    assert page.evaluate("window.kept")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_to_complain_about(play, width, scheme):
    page = play.open("?view=shop", {"width": width, "height": 800}, color_scheme=scheme)
    assert play.axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
