import pytest

from surefoot.plots.theme import DARK_THEME, LIGHT_THEME, RECIPE_ROLES


def luminance(colour):
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT_THEME, DARK_THEME])
def test_text_and_lines_stand_out_from_the_paper(theme):
    paper = theme["background"]
    words = [theme["text"]["color"], theme["title"]["color"], theme["style"]["note"]["fill"]]
    words += [theme[part][key] for part in ("axis", "legend") for key in ("labelColor", "titleColor")]
    assert all(contrast(word, paper) > 7 for word in words)  # WCAG 2.2, level AAA
    recommended, default, *_ = theme["range"]["category"]
    assert contrast(recommended, paper) > 3  # level AA for graphics
    assert contrast(default, paper) > 3


@pytest.mark.parametrize("theme", [LIGHT_THEME, DARK_THEME])
def test_every_role_has_its_own_colour(theme):
    assert len(set(theme["range"]["category"])) == len(theme["range"]["category"]) >= len(RECIPE_ROLES)


def test_both_looks_set_the_same_things():
    assert LIGHT_THEME.keys() == DARK_THEME.keys()
    assert LIGHT_THEME["axis"].keys() == DARK_THEME["axis"].keys()
