"""The section of RESULTS.md on regret against cost, and its figure, from the data files alone.

python -m benchmarks.regret.report [--development]
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt

from benchmarks import records
from benchmarks.markdown import DASH, table
from benchmarks.regret import grid
from benchmarks.regret.contestants import CONTESTANTS, SUREFOOT, TPE
from benchmarks.regret.curves import BAD, TYPICAL, Curve, cost_to_reach, curves
from benchmarks.regret.judge import Judge
from benchmarks.regret.runs import runs_path
from benchmarks.regret.searches import COSTS
from benchmarks.regret.targets import targets
from benchmarks.regret.tasks import DEVELOPMENT, TEST
from benchmarks.regret.wall import wall_path
from surefoot.plots.chart import Figure, Row, column, inline_data, layered, titled
from surefoot.plots.figure_registry import save
from surefoot.plots.theme import COLOURS_ON_WHITE

IMAGE = "regret.svg"
# Regrets are drawn from 1 %, for what is less cannot be told from none, to a loss e**10 times the best one's.
LEAST, MOST = 0.01, 10.0
COST_TICKS, REGRET_TICKS = (0.25, 0.5, 1.0, 2.0, 4.0, 9.0, 18.0), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
QUOTED, GOOD = (1.0, 3.0), 0.05
PANEL_HEIGHT = 230
TITLES = {each.name: each.title for each in CONTESTANTS}


def figure(found: Mapping[str, Curve]) -> Figure:
    """Return the median and the 90 % quantile of the regret over the cost, a line for every contestant."""
    shown = [each for each in CONTESTANTS if each.name in found]
    colours = [colour for colour in COLOURS_ON_WHITE if colour != "#767676"] + ["#767676", "#B0A000", "#7A4FBF"]
    colour = alt.Color(
        "who:N",
        scale=alt.Scale(domain=[each.title for each in shown], range=colours[: len(shown)]),
        legend=alt.Legend(orient="top", title=None, columns=2, labelLimit=0, symbolType="stroke", columnPadding=28),
    )
    x = alt.X(
        "cost:Q",
        scale=alt.Scale(type="log", domain=[COSTS[0] / 1.1, COSTS[-1] * 1.1], nice=False),
        axis=alt.Axis(values=list(COST_TICKS), format="~g"),
        title="cost, in full trainings",
    )
    good = (
        alt.Chart(inline_data([{"regret": math.log1p(GOOD)}]))
        .mark_rule(strokeDash=[4, 4], opacity=0.6)
        .encode(y="regret:Q")
    )
    panels = []
    for share, title in ((TYPICAL, "median regret"), (BAD, "90 % quantile of the regret")):
        y = alt.Y(
            "regret:Q",
            scale=alt.Scale(type="log", domain=[LEAST, MOST], nice=False),
            axis=alt.Axis(values=list(REGRET_TICKS), format="~g"),
            title=title,
        )
        data = inline_data(_rows(found, share))
        lines = alt.Chart(data).mark_line().encode(x=x, y=y, color=colour, detail="who:N")
        dots = alt.Chart(data).mark_point(filled=True, size=36, opacity=1.0).encode(x=x, y=y, color=colour)
        panels.append(layered(good, lines, dots, height=PANEL_HEIGHT))
    return titled(
        column(*panels, spacing=24),
        "Regret against cost",
        subtitle=[
            f"Over all tasks and draws; drawn between {LEAST:g} and {MOST:g}. There is no line where a contestant",
            "has nothing to recommend yet, or a training that it recommends diverges.",
            f"Dashed: a loss {GOOD:.0%} above the grid's best.",
        ],
    )


def _rows(found: Mapping[str, Curve], share: float) -> list[Row]:
    return [
        {"who": TITLES[name], "cost": cost, "regret": min(max(regret, LEAST), MOST)}
        for name, curve in found.items()
        for cost, regret in zip(curve.costs, curve.quantiles(share), strict=True)
        if math.isfinite(regret)
    ]


def section(
    found: Mapping[str, Curve],
    runs: Sequence[dict[str, Any]],
    judges: Mapping[str, Judge],
    wall: Mapping[str, Any],
    *,
    image: str,
) -> str:
    """Return the section."""
    return "\n".join(
        [
            "\n## Regret against cost\n",
            "How much worse than the dense grid's best (of all lengths) a recommendation is after so many trainings'",
            "worth of config-steps: the logarithm of the ratio of mean losses over ten fresh seeds, infinite where",
            f"there is no recommendation yet or one of the seeds diverges. Over {len(judges)} tasks.\n",
            _quality(found),
            _same_regret(found),
            f"\n![Regret against cost]({image})\n",
            "### Tasks\n",
            _tasks(judges),
            "### Where the network overfits\n",
            "The grid's best length, and the lengths recommended after three trainings.\n",
            _lengths(runs, judges),
            _wall(wall),
        ]
    )


def _quality(found: Mapping[str, Curve]) -> str:
    head = ["contestant"]
    for cost in QUOTED:
        head += [f"{cost:g}x: within 5 %", "within 10 %", "median", "90 %"]
    rows = []
    for each in CONTESTANTS:
        if each.name not in found:
            continue
        curve, row = found[each.name], [each.title]
        for cost in QUOTED:
            quantiles = [
                dict(zip(curve.costs, curve.quantiles(share), strict=True)).get(cost) for share in (TYPICAL, BAD)
            ]
            row += [_share(curve.within(cost, 0.05)), _share(curve.within(cost, 0.10)), *map(_number, quantiles)]
        rows.append([*row, str(max(map(len, curve.regrets.values())))])
    return table([*head, "answers"], rows)


def _same_regret(found: Mapping[str, Curve]) -> str:
    if not {SUREFOOT.name, TPE.name} <= found.keys():
        return ""
    ours, rival = found[SUREFOOT.name], found[TPE.name]
    medians = dict(zip(ours.costs, ours.quantiles(TYPICAL), strict=True))
    rows = []
    for cost in (cost for cost in ours.costs if math.isfinite(medians[cost])):
        needs = cost_to_reach(rival.costs, rival.quantiles(TYPICAL), medians[cost])
        reached = math.isfinite(needs)
        bound = "" if reached else "> "
        needs = needs if reached else rival.costs[-1]
        rows.append([f"{cost:g}", _number(medians[cost]), f"{bound}{needs:.2g}", f"{bound}{needs / cost:.2g}x"])
    return f"\nWhat {TPE.title} pays for the same median regret:\n\n" + table(
        ["surefoot's cost", "median regret", "its cost", "ratio"], rows
    )


def _tasks(judges: Mapping[str, Judge]) -> str:
    rows = []
    for name in judges:
        truth = grid.truth_of(grid.load(name))
        full = sum(truth.full.fresh) / len(truth.full.fresh)
        rows.append(
            [
                name,
                str(truth.full.steps),
                str(truth.cell.steps),
                f"`{truth.cell.recipe}`",
                f"{truth.loss:.4g} ± {truth.log_error:.1%}",
                f"{full:.4g}",
            ]
        )
    return table(["task", "steps", "best length", "the grid's best", "its loss", "best at full length"], rows)


def _lengths(runs: Sequence[dict[str, Any]], judges: Mapping[str, Judge], cost: float = 3.0) -> str:
    truths = {name: grid.truth_of(grid.load(name)) for name in judges}
    overfitting = [name for name, truth in truths.items() if truth.cell.steps < truth.full.steps]
    rows = []
    for name in overfitting:
        for each in CONTESTANTS:
            points = [*_points(runs, name, each.name, cost)]
            if points:
                regrets = [judges[name].regret(recipe, steps) for recipe, steps in points]
                known = [regret for regret in regrets if regret is not None]
                lengths = sorted({steps for recipe, steps in points if recipe is not None})
                rows.append(
                    [
                        f"{name}: {truths[name].cell.steps} of {truths[name].full.steps}",
                        each.title,
                        ", ".join(map(str, lengths)) or DASH,
                        _number(statistics.median(known)) if known else DASH,
                    ]
                )
    return table(["task", "contestant", "recommended steps", "median regret"], rows)


def _points(runs: Sequence[dict[str, Any]], task: str, contestant: str, cost: float) -> Iterator[tuple[Any, int]]:
    for run in runs:
        if (run["task"], run["contestant"]) == (task, contestant):
            yield from ((recipe, steps) for at, recipe, steps in run["recommendations"] if at == cost)


def _wall(wall: Mapping[str, Any]) -> str:
    rows = [
        [row["task"], TITLES[row["contestant"]], f"{row['cost']:g}", f"{row['seconds']:.1f}"]
        for row in wall.get("rows", [])
    ]
    if not rows:
        return ""
    return "\n### Wall time of whole processes\n\n" + table(["task", "contestant", "cost", "seconds"], rows)


def _share(value: float) -> str:
    return DASH if math.isnan(value) else f"{value:.0%}"


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return DASH
    return f"{value:.3f}" if math.isfinite(value) else "∞"


def target_rows(tasks: Iterable[str] = TEST) -> list[list[str]]:
    """Return the search's rows in the table of targets."""
    runs, judges = _measured(tasks)
    truths = {name: grid.truth_of(grid.load(name)) for name in judges}
    lengths = {name: truth.full.steps for name, truth in truths.items()}
    return [
        *targets(runs, judges, lengths, [name for name, truth in truths.items() if truth.cell.steps < lengths[name]])
    ]


def results(folder: Path, tasks: Iterable[str] = TEST) -> str | None:
    """Write the figure to a folder and return the section; ``None`` where nothing has been run."""
    runs, judges = _measured(tasks)
    if not judges:
        return None
    found = curves(runs, judges)
    save(figure(found), folder / IMAGE)
    return section(found, runs, judges, records.read(wall_path(), {}), image=IMAGE)


def _measured(tasks: Iterable[str]) -> tuple[list[dict[str, Any]], dict[str, Judge]]:
    """Return all runs, and the judge of every task that has any."""
    runs = records.read(runs_path(), {"runs": []})["runs"]
    known = {run["task"] for run in runs}
    return runs, {name: Judge.load(name, grid.truth_of(grid.load(name)).cell.fresh) for name in tasks if name in known}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--development", action="store_true", help="the development tasks in place of the test tasks")
    parser.add_argument("--folder", type=Path, default=Path(), help="where regret.md and regret.svg go")
    asked = parser.parse_args()
    text = results(asked.folder, DEVELOPMENT if asked.development else TEST)
    if text is None:
        raise SystemExit("nothing has been run: python -m benchmarks.regret first.")
    (asked.folder / "regret.md").write_text(text)
    print(asked.folder / "regret.md")


if __name__ == "__main__":
    main()
