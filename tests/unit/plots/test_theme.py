import pytest

from surefoot.plots.theme import DARK, LIGHT, ROLES


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("look", [LIGHT, DARK])
def test_text_and_lines_stand_out_from_the_paper(look):
    paper = look["background"]
    words = [look["text"]["color"], look["title"]["color"], look["style"]["note"]["fill"]]
    words += [look[part][key] for part in ("axis", "legend") for key in ("labelColor", "titleColor")]
    assert all(contrast(word, paper) > 7 for word in words)  # WCAG 2.2, level AAA
    recommended, default, *_ = look["range"]["category"]
    assert contrast(recommended, paper) > 3  # level AA for graphics
    assert contrast(default, paper) > 3


@pytest.mark.parametrize("look", [LIGHT, DARK])
def test_every_role_has_its_own_colour(look):
    assert len(set(look["range"]["category"])) == len(look["range"]["category"]) >= len(ROLES)


def test_both_looks_set_the_same_things():
    assert LIGHT.keys() == DARK.keys()
    assert LIGHT["axis"].keys() == DARK["axis"].keys()
