"""Are the rates of a good range good, and are the good rates in the range?

    python -m benchmarks.good_range [--quick]    # goes on where it stopped; delete data/good_range.json to begin anew

Ranges are those of `surefoot.find` and `surefoot.tune`, in turn, on the tasks of benchmarks/regret with short
trainings. Of each range five rates are drawn, log-uniform, and trained at the recommended momentum and length on five
seeds. Beside them stands the truth of that momentum: a lattice of rates, a factor of the square root of 2 apart, on
five other seeds. It is extended until rates that lose more than the tolerance bound it on both sides. Its losses are
averaged with their neighbours', or the lowest would be a lucky one and the true range too narrow.

A rate's excess is the logarithm of the ratio of its mean loss to that of the lattice's best rate, on the same five
seeds, none of which chose that best. Less one standard error of it (over the seeds, in pairs), it is what a rate is
sure to lose.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import surefoot
from benchmarks import records
from benchmarks.markdown import DASH, table, target
from benchmarks.regret.grid import FRESH_SEEDS, plan_of
from benchmarks.regret.tasks import ENTRIES, QUICK
from benchmarks.regret.training import train
from benchmarks.scale import FULL, scale_of
from surefoot.core.value_types import Interval
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.cosine import Cosine
from surefoot.search.result import SearchResult
from surefoot.tasks.task import Task

FILE = "good_range.json"
TASKS = (
    "digits", "autoencoder", "friedman", "layernorm", "attention",
    "digits-conv", "breast-cancer", "mnist1d-conv", "adding-gru", "mnist1d-batchnorm",
)  # fmt: skip
SEARCHES: tuple[tuple[str, Callable[..., SearchResult]], ...] = (("find", surefoot.find), ("tune", surefoot.tune))
BUDGET = "3x"
RATES = 5
# Rates are judged on seeds that chose nothing; the lattice's best is chosen on others.
SEEDS, LATTICE_SEEDS = FRESH_SEEDS[:5], FRESH_SEEDS[5:]
TOLERANCE = 0.05
# Powers of 2 between rates of the lattice, how far it reaches beyond the range at first, and by how much and how often
# it is extended.
STEP, REACH, MORE, EXTENSIONS = 0.5, 1.5, 2.0, 8

Losses = Callable[[Sequence[float], Sequence[int]], list[list[float]]]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a lattice says of the rates at one momentum.

    Attributes:
        lr: The rate of the lowest mean loss.
        good: Rates around it whose loss is within the tolerance of the lowest, interpolated between those tried.
        bounded: Whether rates that lose more lie on both sides.
    """

    lr: float
    good: Interval
    bounded: bool


def true_range(rates: Sequence[float], means: Sequence[float], tolerance: float = TOLERANCE) -> Truth:
    """Return the good rates of a lattice; beyond a rate that diverges nothing is interpolated.

    Example:
        >>> found = true_range([0.1, 0.2, 0.4, 0.8], [1.10, 1.0, 1.04, float("inf")])
        >>> f"{found.good.low:.3f} to {found.good.high:.3f} around {found.lr}, {found.bounded}"
        '0.141 to 0.400 around 0.2, True'
    """
    best = int(np.argmin(means))
    limit = (1 + tolerance) * means[best]
    low = _crossing(rates[best::-1], means[best::-1], limit)
    high = _crossing(rates[best:], means[best:], limit)
    return Truth(rates[best], Interval(low[0], high[0]), low[1] and high[1])


def smoothed(means: Sequence[float]) -> list[float]:
    """Return losses averaged with their neighbours', a quarter of each, in their logarithms.

    That shifts a parabola as a whole: the rates within a tolerance stay as they are. Three fifths of the noise remain.
    A loss stays as it is where a neighbour is missing or diverged.

    Example:
        >>> smoothed([1.0, 1.0, 1.0, float("inf")])
        [1.0, 1.0, 1.0, inf]
    """
    logs = [math.log(mean) if mean > 0 else -math.inf for mean in means]
    found = [*logs]
    for number in range(1, len(logs) - 1):
        below, own, above = logs[number - 1 : number + 2]
        if all(map(math.isfinite, (below, own, above))):
            found[number] = (below + 2 * own + above) / 4
    return [math.exp(log) for log in found]


def _crossing(rates: Sequence[float], means: Sequence[float], limit: float) -> tuple[float, bool]:
    """Return the last good rate on the way from the best one, and whether a bad one follows."""
    for number, mean in enumerate(means):
        if mean > limit:
            inner, outer = rates[number - 1], rates[number]
            if not math.isfinite(mean):
                return inner, True
            part = (limit - means[number - 1]) / (mean - means[number - 1])
            return inner * (outer / inner) ** part, True
    return rates[-1], False


def covered(found: Interval, true: Interval) -> float:
    """Return the share of the true range that a range covers, by the logarithm of the rate.

    Example:
        >>> round(covered(Interval(0.1, 1.0), Interval(0.01, 1.0)), 3)
        0.5
    """
    if true.low == true.high:
        return float(true.low in found)
    low, high = max(found.low, true.low), min(found.high, true.high)
    return max(0.0, math.log(high / low) / math.log(true.high / true.low)) if high > low else 0.0


def excess(losses: Sequence[float], best: Sequence[float]) -> tuple[float, float]:
    """Return log(mean(losses) / mean(best)) and its standard error, both on the same seeds; infinite if one diverged.

    The error is that of the paired differences, by the delta method.

    Example:
        >>> excess([2.0, 4.0], [1.0, 2.0])[0] == math.log(2), excess([2.0, 4.0], [1.0, 2.0])[1]
        (True, 0.0)
    """
    if not all(map(math.isfinite, [*losses, *best])):
        return math.inf, 0.0
    own, other = np.array(losses), np.array(best)
    spread = own / own.mean() - other / other.mean()
    return math.log(own.mean() / other.mean()), float(spread.std(ddof=1) / math.sqrt(len(own)))


def lattice(found: Interval, losses: Losses) -> Truth:
    """Train the lattice around a range until bad rates bound it."""
    low, high = (math.log2(lr) for lr in (found.low, found.high))
    low, high = STEP * math.floor((low - REACH) / STEP), STEP * math.ceil((high + REACH) / STEP)
    known: dict[float, float] = {}
    for extension in range(EXTENSIONS + 1):
        powers = [float(power) for power in np.arange(low, high + STEP / 2, STEP) if float(power) not in known]
        trained = losses([2.0**power for power in powers], LATTICE_SEEDS)
        known |= {power: float(np.mean(own)) for power, own in zip(powers, trained, strict=True)}
        tried = sorted(known)
        truth = true_range([2.0**power for power in tried], smoothed([known[power] for power in tried]))
        if truth.bounded or extension == EXTENSIONS:
            break
        low -= MORE * (truth.good.low <= 2.0 ** tried[0])
        high += MORE * (truth.good.high >= 2.0 ** tried[-1])
    return truth


def measure(name: str, task: Task, search: str, draw: int) -> dict[str, Any]:
    """Search once, and train what is in the range and around it."""
    plan = plan_of(task)
    result = dict(SEARCHES)[search](task, budget=BUDGET, seed=draw, plan=plan)
    row: dict[str, Any] = {"task": name, "search": search, "draw": draw, "steps": result.steps}
    if result.recipe is None or result.good_range is None:
        return row | {"range": None}
    found, momentum = result.good_range.lr, result.recipe.momentum.highest

    def losses(rates: Sequence[float], seeds: Sequence[int]) -> list[list[float]]:
        recipes = [Recipe.of("sgd", lr=Cosine(float(f"{lr:.6g}")), momentum=momentum) for lr in rates]
        return train(task, plan, [(recipe, result.steps) for recipe in recipes], seeds)

    truth = lattice(found, losses)
    drawn = random.Random(f"{name}/{search}/{draw}")
    rates = [found.low * (found.high / found.low) ** drawn.random() for _ in range(RATES)]
    best, *own = losses([truth.lr, *rates], SEEDS)
    return row | {
        "momentum": momentum,
        "range": records.numbers([found.low, found.high]),
        "true": records.numbers([truth.good.low, truth.good.high]),
        "bounded": truth.bounded,
        "best": {"lr": float(f"{truth.lr:.6g}"), "losses": records.numbers(best)},
        "rates": [
            {"lr": float(f"{lr:.6g}"), "losses": records.numbers(each)} for lr, each in zip(rates, own, strict=True)
        ],
    }


@dataclass(frozen=True, slots=True)
class Quality:
    """What some ranges are worth.

    Attributes:
        searches: How many searches; some may have said no range.
        ranges: How many ranges.
        good: Share of the rates that lose at most the tolerance.
        surely: The same, the noise of the estimate taken off.
        covered: Share of the true range that is covered, in the median.
        diverged: Trainings that diverged, of how many.
    """

    searches: int
    ranges: int
    good: float
    surely: float
    covered: float
    diverged: tuple[int, int]


def quality(rows: Sequence[dict[str, Any]]) -> Quality:
    """Return what some rows of the data say."""
    ranges = [row for row in rows if row["range"] is not None]
    rates = [(records.losses(rate["losses"]), row["best"]["losses"]) for row in ranges for rate in row["rates"]]
    found = [excess(own, records.losses(best)) for own, best in rates]
    losses = [loss for own, _ in rates for loss in own]
    limit = math.log1p(TOLERANCE)
    shares = [covered(Interval(*row["range"]), Interval(*row["true"])) for row in ranges]
    return Quality(
        len(rows),
        len(ranges),
        float(np.mean([value <= limit for value, _ in found])) if found else math.nan,
        float(np.mean([value - error <= limit for value, error in found])) if found else math.nan,
        float(np.median(shares)) if shares else math.nan,
        (sum(not math.isfinite(loss) for loss in losses), len(losses)),
    )


def targets(data: dict[str, Any] | None) -> list[list[str]]:
    """Return the rows of the table of targets."""
    found = None if data is None else quality(data["ranges"])
    return [
        target(
            f"good range: at least 90 % of its rates lose at most {TOLERANCE:.0%}, noise taken off",
            DASH if found is None else f"{found.surely:.0%} ({found.ranges} ranges)",
            met=None if found is None else found.surely >= 0.9,
        ),
        target(
            "good range: covers at least 50 % of the true one, in the median",
            DASH if found is None else f"{found.covered:.0%}",
            met=None if found is None else found.covered >= 0.5,
        ),
        target(
            "good range: trainings with its rates that diverge: none",
            DASH if found is None else f"{found.diverged[0]} of {found.diverged[1]}",
            met=None if found is None else not found.diverged[0],
        ),
    ]


def section(data: dict[str, Any] | None) -> str:
    """Return the worth of ranges by search and by task."""
    if data is None:
        return ""
    rows = data["ranges"]
    parts = [(f"all by `{name}`", [row for row in rows if row["search"] == name]) for name, _ in SEARCHES]
    parts += [(name, [row for row in rows if row["task"] == name]) for name in TASKS]
    lines = [[name, *_cells(quality(own))] for name, own in parts if own]
    head = [
        "", "searches", "ranges", "rates within 5 %", "noise taken off", "true range covered", "diverged"
    ]  # fmt: skip
    return f"\n## Good ranges\n\n{SECTION}{table(head, lines)}"


SECTION = f"""Five rates drawn from each range that a search of {BUDGET} gave, trained on five fresh seeds beside the
best rate of a lattice at the same momentum and length; how much of the rates that are good there the range covers, in
the median.

"""


def _cells(found: Quality) -> list[str]:
    shares = [DASH if math.isnan(share) else f"{share:.0%}" for share in (found.good, found.surely, found.covered)]
    return [str(found.searches), str(found.ranges), *shares, f"{found.diverged[0]} of {found.diverged[1]}"]


def main() -> None:
    scale = scale_of(__doc__)
    path = scale.folder / FILE
    rows = records.read(path, {"ranges": []})["ranges"]
    done = {(row["task"], row["search"], row["draw"]) for row in rows}
    tasks: dict[str, Task] = {}
    names = TASKS if scale is FULL else QUICK
    for number in range(scale.ranges):
        turn, place = divmod(number, len(names))
        draw, search = turn // len(SEARCHES), SEARCHES[turn % len(SEARCHES)][0]
        name = names[place]
        if (name, search, draw) in done:
            continue
        task = tasks.setdefault(name, ENTRIES[name].make())
        rows.append(measure(name, task, search, draw))
        found = quality(rows[-1:])
        print(f"{name:18} {search} {draw}: {found.surely:.0%} good, {found.covered:.0%} covered", flush=True)
        records.write(path, {"machine": records.surroundings(), "ranges": rows})


if __name__ == "__main__":
    main()
