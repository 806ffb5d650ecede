"""The balls of a descent: their colours, and what people call them."""

from __future__ import annotations

from collections.abc import Sequence

from surefoot.errors import OutputError
from surefoot.plots.theme import ON_BLACK, ON_WHITE
from surefoot.surfaces.descent import Descent

# Of the theme's colours those that stand out from a grey ground, the most different first.
PLACES = (0, 1, 4, 5, 2, 6, 7)


def ball_colours(count: int, *, dark: bool = False) -> tuple[str, ...]:
    """Return so many colours that everyone can tell apart.

    Raises:
        OutputError: If there are not so many.

    Example:
        >>> ball_colours(2)
        ('#0072B2', '#D55E00')
    """
    if count > len(PLACES):
        raise OutputError(
            f"a picture shows at most {len(PLACES)} balls; given {count}.", hint="leave some recipes out."
        )
    palette = ON_BLACK if dark else ON_WHITE
    return tuple(palette[place] for place in PLACES[:count])


def ball_names(descent: Descent) -> list[str]:
    """Return the balls' recipes, numbered where two are the same."""
    return numbered([str(recipe) for recipe in descent.recipes])


def numbered(texts: Sequence[str]) -> list[str]:
    """Return texts with a number where two are the same.

    Example:
        >>> numbered(["a", "b", "a"])
        ['a, 1', 'b', 'a, 2']
    """
    return [
        text if texts.count(text) == 1 else f"{text}, {texts[:place].count(text) + 1}"
        for place, text in enumerate(texts)
    ]
