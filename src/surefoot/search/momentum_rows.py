"""What is known of each momentum, the recommended recipe's own among them, as tables and figures show it."""

from __future__ import annotations

import math

from surefoot.search.result import MomentumRow, SearchResult


def momentum_rows(result: SearchResult) -> list[MomentumRow]:
    """Return what is known of each momentum, ascending, the recommended recipe's own among them."""
    recipe, good = result.recipe, result.good_range
    if recipe is None or good is None:
        return [*result.by_momentum]
    same = next((row for row in result.by_momentum if is_recommended(row, result)), None)
    expected = result.expected_loss
    if expected is None:  # the goal is a metric
        expected = next((point.loss for point in result.frontier if point.steps == result.steps), math.inf)
    own = None if good.lr.low == good.lr.high else good.lr
    rows = [row for row in result.by_momentum if row is not same]
    rows.append(MomentumRow(recipe.momentum.highest, recipe.lr.highest, own, expected, result.limit))
    return sorted(rows, key=lambda row: row.momentum)


def is_recommended(row: MomentumRow, result: SearchResult) -> bool:
    """Tell whether a row is about the momentum of the recommended recipe."""
    return result.recipe is not None and math.isclose(row.momentum, result.recipe.momentum.highest)
