import pytest

from surefoot.plots.schedule import recipe_schedule, schedule_figure
from surefoot.recipe.recipe import Recipe
from surefoot.schedules import SCHEDULES
from surefoot.schedules.text import parse_schedule


@pytest.mark.parametrize(
    "text", ["cosine(0.3, warmup=5%)", "step(0.3, every=30%)", "linear(0, final=0.1) for 9 then cosine(0.1)"]
)
def test_the_line_is_the_schedule_at_every_step(text, drawn):
    one = parse_schedule(text)
    ((mark, _, rows),) = drawn(schedule_figure(one, steps=60))
    assert mark == "line"
    assert [row["step"] for row in rows] == list(range(60))
    assert [row["value"] for row in rows] == pytest.approx([one.value(step, 60) for step in range(60)], rel=1e-5)


def test_a_long_training_is_sampled_from_the_first_step_to_the_last(drawn):
    ((_, _, rows),) = drawn(schedule_figure(parse_schedule("cosine(0.3)"), steps=1_000_000))
    assert len(rows) <= 1500
    assert (rows[0]["step"], rows[-1]["step"]) == (0, 999_999)


def test_several_schedules_have_their_names_in_the_legend(words):
    named = {
        name: parse_schedule("multistep(0.1, at=50%)" if name == "multistep" else f"{name}(0.1)") for name in SCHEDULES
    }
    assert set(named) <= set(words(schedule_figure(named, steps=100)))


def test_a_constant_momentum_is_in_the_subtitle_and_a_changing_one_is_drawn(drawn, words):
    constant = recipe_schedule(Recipe.parse("sgd(lr=cosine(0.3), momentum=0.8)"), steps=50)
    assert len(drawn(constant)) == 1
    assert any("momentum 0.8 throughout" in text for text in words(constant))
    moving = recipe_schedule(Recipe.parse("sgd(lr=cosine(0.3), momentum=linear(0.85, final=0.95))"), steps=50)
    _, (_, encoding, rows) = drawn(moving)
    assert encoding["y"]["axis"]["orient"] == "right"
    assert (rows[0]["value"], rows[-1]["value"]) == pytest.approx((0.85, 0.948))
