"""How often the verdicts of `surefoot explain` turn with the seeds, and whether its intervals are as wide as they say.

    python -m benchmarks.claims [--quick]

Every task is explained several times, each time on five seeds that no other time has. Of any two explanations of one
task it is counted whether a claim's verdicts are the same, one of them too close to call, or turned over: *holds* here
and *does not hold* there. Two means of the same factor should differ by less than Welch's 90 % bound nine times in ten.

What counts as a notable effect, and how stable and good ranges are read, was settled on `digits` and `wine`; the other
tasks had no part in it. Claims about a landscape are the same for every network and not counted.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import records
from benchmarks.entries import ENTRIES, Entry
from benchmarks.markdown import DASH, table, target
from benchmarks.scale import DATA
from surefoot import explain
from surefoot.core.statistics import student_t_quantile

SETTLED_ON = ("digits", "wine")
TASKS = {
    "digits": ENTRIES["digits"],
    "wine": Entry("wine", 200),
    "diabetes": ENTRIES["diabetes"],
    "breast-cancer": Entry("breast-cancer", 200),
    "mnist1d-mlp": ENTRIES["mnist1d-mlp"],
    "batchnorm-dropout": Entry(ENTRIES["batchnorm-dropout"].text, 100),
    "mnist1d-cnn": Entry(ENTRIES["mnist1d-cnn"].text, 100),
}
# How what is best is chosen was settled on seeds below the first.
FIRST, SEEDS, TIMES = 20, 5, 3
LANDSCAPE = ("momentum-damps", "momentum-escapes")
SAME, CLOSE, TURNED, AGREE = "same", "one too close to call", "turned over", "means that agree"
FRESH = "fresh tasks"
# Of the issue's, and of ADR 0015.
SECONDS, MOST_TURNED = 120, 0.1
INTRODUCTION = """Each task was explained three times, on five seeds that no other time had; of every claim two
explanations make a pair. What counts as notable was settled on digits and wine; the others are fresh.
"""


def measure(name: str, seed: int, seeds: int) -> dict[str, Any]:
    """Explain a task once; return its verdicts and what they rest on."""
    found = explain(TASKS[name].load(), seed=seed, seeds=seeds)
    return {
        "task": name,
        "seed": seed,
        "seconds": round(found.seconds, 1),
        "claims": {
            claim.name: {
                "verdict": claim.verdict,
                "effects": [
                    records.numbers([effect.estimate.mean, effect.estimate.low, effect.estimate.high])
                    for effect in claim.effects
                ],
            }
            for claim in found.claims
        },
    }


def pairs(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Yield the task, a claim and what two explanations say of it."""
    for one, other in itertools.combinations(rows, 2):
        if one["task"] != other["task"]:
            continue
        for claim in one["claims"].keys() & other["claims"].keys():
            if claim not in LANDSCAPE:
                yield one["task"], claim, one["claims"][claim], other["claims"][claim]


def outcome(one: dict[str, Any], other: dict[str, Any]) -> str:
    if one["verdict"] == other["verdict"]:
        return SAME
    return CLOSE if "too close to call" in (one["verdict"], other["verdict"]) else TURNED


def agree(one: Sequence[float], other: Sequence[float], seeds: int = SEEDS) -> bool:
    """Return whether two means [mean, low, high] differ by less than Welch's 90 % bound, in logarithms.

    Example:
        >>> agree([2.0, 1.8, 2.2], [2.1, 1.9, 2.3]), agree([2.0, 1.99, 2.01], [3.0, 2.99, 3.01])
        (True, False)
    """
    errors = [math.log(high / low) / 2 / student_t_quantile(seeds - 1) for _, low, high in (one, other)]
    variance = sum(error**2 for error in errors)
    fourth = sum(error**4 for error in errors) / (seeds - 1)
    # Of equal means without an error nothing is left to bound.
    bound = student_t_quantile(max(1, round(variance**2 / fourth))) * math.sqrt(variance) if fourth else 0.0
    return abs(math.log(one[0] / other[0])) <= bound + 1e-9


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return by task, and over the tasks that nothing was settled on, the shares of outcomes and of agreeing means."""
    found: dict[str, dict[str, float]] = {}
    known = [*dict.fromkeys(row["task"] for row in rows)]
    for label, tasks in [
        *((task, [task]) for task in known),
        ("fresh tasks", [t for t in known if t not in SETTLED_ON]),
    ]:
        chosen = [(one, other) for task, _, one, other in pairs(rows) if task in tasks]
        if not chosen:
            continue
        counts = Counter(outcome(one, other) for one, other in chosen)
        means = [
            agree(a, b)
            for one, other in chosen
            for a, b in zip(one["effects"], other["effects"], strict=True)
            if None not in (*a, *b)
        ]
        found[label] = {kind: counts[kind] / len(chosen) for kind in (SAME, CLOSE, TURNED)}
        found[label] |= {AGREE: sum(means) / len(means), "pairs": len(chosen)}
    return found


def targets(data: dict[str, Any] | None) -> Iterator[list[str]]:
    """Yield the rows of the table of targets."""
    rows = [] if data is None else data["rows"]
    seconds = [row["seconds"] for row in rows if row["task"] == "digits"]
    yield target(
        "explain digits: under two minutes",
        f"{statistics.median(seconds):.0f} s" if seconds else DASH,
        met=statistics.median(seconds) < SECONDS if seconds else None,
    )
    fresh = summary(rows).get(FRESH)
    yield target(
        "its verdicts on other seeds: at most one in ten turns over",
        f"{fresh[TURNED]:.1%} of {fresh['pairs']}" if fresh else DASH,
        met=fresh[TURNED] <= MOST_TURNED if fresh else None,
    )


def section(data: dict[str, Any] | None) -> str:
    """Return how steady verdicts and means are, by task."""
    if data is None:
        return ""
    found = summary(data["rows"])
    head = ["task", "pairs of verdicts", SAME, CLOSE, TURNED, "means within Welch's 90 % bound"]
    lines = [
        [label, str(row["pairs"]), *(f"{row[kind]:.0%}" for kind in (SAME, CLOSE, TURNED, AGREE))]
        for label, row in found.items()
    ]
    often = ", ".join(f"{claim} {count}" for claim, count in turned(data["rows"]).most_common()) or "none"
    return f"\n## Claims on other seeds\n\n{INTRODUCTION}\n{table(head, lines)}\nTurned over: {often}.\n"


def turned(rows: Sequence[dict[str, Any]]) -> Counter[str]:
    """Return how often each claim turned over."""
    return Counter(claim for _, claim, one, other in pairs(rows) if outcome(one, other) == TURNED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="wine alone, on two seeds; kept in data/quick")
    quick = parser.parse_args().quick
    path: Path = (DATA / "quick" if quick else DATA) / "claims.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    seeds, tasks = (2, ["wine"]) if quick else (SEEDS, [*TASKS])
    rows = records.read(path, {"rows": []})["rows"]
    done = {(row["task"], row["seed"]) for row in rows}
    for time, name in itertools.product(range(TIMES), tasks):
        if (name, seed := FIRST + time * seeds) not in done:
            rows.append(measure(name, seed, seeds))
            records.write(path, {"machine": records.surroundings(), "rows": rows})
            print(name, seed, rows[-1]["seconds"], "s", flush=True)
    for label, shares in summary(rows).items():
        print(f"{label}: {', '.join(f'{name} {share:.3g}' for name, share in shares.items())}")
    print("turned over:", ", ".join(f"{claim} {count}" for claim, count in turned(rows).most_common()) or "none")


if __name__ == "__main__":
    main()
