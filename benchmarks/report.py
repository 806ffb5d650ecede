"""RESULTS.md and its plots, from the data files alone.

python -m benchmarks.report [--quick]
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import claims, fleet_report, grid, play, plots, records, watch_alarms
from benchmarks.contestants import CONTESTANTS, SUREFOOT, TPE
from benchmarks.diagnosis import report as judges
from benchmarks.entries import ENTRIES
from benchmarks.figures import Clock, Promises, Race, promises_of, race_of, speedup
from benchmarks.judging import GOOD
from benchmarks.markdown import DASH, table, target
from benchmarks.race import ANSWER, ANSWERS
from benchmarks.regret import report as regret
from benchmarks.scale import FULL, Scale, scale_of
from surefoot.plots import save

TRAININGS_TRIED = 200


def targets(
    fleets: Sequence[dict[str, Any]],
    races: Sequence[Race],
    kept: Sequence[Promises],
    memory: dict[str, Any] | None,
    others: Sequence[list[str]],
) -> str:
    """Return every target beside what was measured."""
    rows = [*fleet_report.targets(fleets), *_speed_rows(races), *_promise_rows(kept), *_memory_rows(memory)]
    return table(["target", "measured", ""], [*rows, *others])


def _speed_rows(races: Sequence[Race]) -> Iterator[list[str]]:
    counted = [race for race in races if race.counts]
    clocks = {
        f"incumbent, over {TPE.title}": ({race.task: race.incumbent for race in counted}, 10.0),
        f"answer after {ANSWER} trials, over {TPE.title}": ({race.task: race.answer[ANSWER] for race in counted}, 5.0),
    }
    for name, (clock, least) in clocks.items():
        found = speedup(clock)
        known = bool(found.by_task)
        yield target(
            f"time to quality, {name}: median of the tasks that count at least {least:g}x",
            _ratio(found.median, found.bounded) + "x" if known else DASH,
            met=found.median >= least if known else None,
        )
        yield target(
            "the same: no counted task under 3x", f"lowest {found.lowest:.1f}x" if known else DASH,
            met=found.lowest >= 3.0 if known else None,
        )  # fmt: skip


def _promise_rows(kept: Sequence[Promises]) -> Iterator[list[str]]:
    tunes = sum(each.tunes for each in kept)
    if not tunes:
        yield target("the promises of tunes", DASH, met=None)
        return

    def share(name: str) -> float:
        return sum(getattr(each, name) * each.tunes for each in kept) / tunes

    search, confirmation = max(each.search for each in kept), max(each.confirmation for each in kept)
    lowest = min(kept, key=lambda each: each.good)
    diverged, trained = (sum(each.diverged[place] for each in kept) for place in (0, 1))
    width = statistics.median(width for each in kept for width in each.widths or (math.inf,))
    yield target("search: at most 6 trainings' worth of config-steps", f"at most {search:.1f}", met=search <= 6)
    yield target("confirmation: at most 12 more", f"at most {confirmation:.1f}", met=confirmation <= 12)
    yield target(
        "final quality: *good* on every task in 9 of 10 tunes", f"lowest: {lowest.good:.0%}, {lowest.task}",
        met=lowest.good >= 0.9,
    )  # fmt: skip
    yield target(
        f"a recommended setting on fresh seeds: none of {TRAININGS_TRIED} diverges", f"{diverged} of {trained}",
        met=diverged == 0 if trained >= TRAININGS_TRIED or diverged else None,
    )  # fmt: skip
    yield target(
        f"the 90 % interval holds the grid's best learning rate in at least 85 % of {tunes} tunes",
        f"{share('covered'):.0%}", met=share("covered") >= 0.85,
    )  # fmt: skip
    yield [
        "the same of the best cell's rate, which belongs to another momentum",
        f"{share('covers_best_cell'):.0%}",
        "no target",
    ]
    yield target("its width: a median factor of at most 4", f"{width:.1f}", met=width <= 4)
    yield ["the recommended setting beats the default", f"{share('beats_default'):.0%}", "no target"]


def _memory_rows(memory: dict[str, Any] | None) -> Iterator[list[str]]:
    peak = None if memory is None else memory["peak_megabytes"] / 1000
    trials = 1000 if memory is None else memory["trials"]
    found = DASH if peak is None else f"{peak:.2f} GB ({trials} trials)"
    yield target(
        "memory: a study of 1000 trials on digits under 1.5 GB", found,
        met=None if peak is None or trials < FULL.trials else peak < 1.5,
    )  # fmt: skip


def race_table(race: Race) -> str:
    """Return a task's race: both clocks of every contestant."""
    ours = race.incumbent.get(SUREFOOT.module)
    rows = []
    for each in CONTESTANTS:
        if each.module not in race.incumbent:
            rows.append([each.title, *[DASH] * 4])
            continue
        clock, answer = race.incumbent[each.module], race.answer[ANSWER][each.module]
        rows.append([each.title, _seconds(clock), clock.hits, _seconds(answer), answer.hits, _times(clock, ours)])
    head = ["contestant", "incumbent good, s", "seeds", "good answer, s", "seeds", "incumbent, x surefoot's"]
    return table(head, [row + [DASH] * (len(head) - len(row)) for row in rows])


def sensitivity(races: Sequence[Race]) -> str:
    """Return how the answers' ratio hangs on the number of trials after which a search answers."""
    rows = []
    for race in races:
        by = [speedup({race.task: race.answer[trials]}) for trials in ANSWERS]
        rows.append([race.task, *(_ratio(*found.by_task[race.task]) if found.by_task else DASH for found in by)])
    return table(["task", *(f"{trials} trials" for trials in ANSWERS)], rows)


def promise_table(kept: Sequence[Promises]) -> str:
    """Return what tunes promised and what held, by task."""
    head = [
        "task", "tunes", "interval holds", "best cell's", "width", "beats default", "over the grid's best", "good",
        "diverged", "search", "all",
    ]  # fmt: skip
    rows = [
        [
            each.task, str(each.tunes), f"{each.covered:.0%}", f"{each.covers_best_cell:.0%}", f"{each.width:.1f}",
            f"{each.beats_default:.0%}", f"{each.over_best - 1:+.0%}",
            f"{each.good:.0%}", f"{each.diverged[0]} of {each.diverged[1]}", f"{each.search:.1f}x",
            f"{each.search + each.confirmation:.1f}x",
        ]
        for each in kept
    ]  # fmt: skip
    return table(head, rows)


def grid_table(tasks: Sequence[str]) -> str:
    """Return the grids' best settings, and which tasks count."""
    rows = []
    for name in tasks:
        found = grid.load(name)
        best = f"lr {found.best.lr:.3g}, momentum {found.best.momentum:g}"
        edge = "" if found.bracketed else ", on the edge"
        rows.append(
            [
                name,
                str(ENTRIES[name].steps),
                best + edge,
                f"{found.random_share:.0%}",
                "yes" if found.counts else "easy",
            ]
        )
    return table(["task", "steps", "the grid's best", "five random settings hold a good one", "counts"], rows)


def surroundings(machine: dict[str, Any]) -> str:
    """Return machine, date and versions in a line."""
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"
    return f"{machine['date']}; {where}; Python {machine['python']}; {packages}."


def render(scale: Scale, folder: Path) -> str:
    """Return the report; its plots are written to a folder."""
    fleet = records.read(scale.folder / "fleet.json", {"results": []})
    raced = records.read(scale.folder / "race.json")
    honest = records.read(scale.folder / "honesty.json")
    memory = records.read(scale.folder / "memory.json")
    judged = judges.read(scale.folder)
    explained, alarmed, played = (
        records.read(scale.folder / f"{name}.json") for name in ("claims", "watch_alarms", "play")
    )
    tasks = [name for name in scale.tasks if grid.path_of(name).exists()]
    races = [race_of(name, raced) for name in tasks] if raced else []
    races = [race for race in races if race.incumbent]
    kept = [promises_of(name, rows) for name in tasks if (rows := _tunes(honest, name))]
    limits = {"limit": scale.limit_seconds, "named": TPE.title, "named_limit": scale.named_limit_seconds}
    measured = (
        ("fleet", fleet),
        ("race", raced),
        ("honesty", honest),
        ("memory", memory),
        ("claims", explained),
        ("watch alarms", alarmed),
        ("play", played),
    )
    others = [*judges.targets(judged), *claims.targets(explained), *play.targets(played)]
    parts = [INTRODUCTION.format(seeds=scale.seeds, answer=ANSWER, good=GOOD, **limits)]
    for what, data in (*measured, *judges.sources(scale.folder)):
        if data and "machine" in data:
            parts.append(f"- *{what}*: {surroundings(data['machine'])}\n")
    parts += ["\n## Targets\n\n", targets(fleet["results"], races, kept, memory, others)]
    if fleet["results"]:
        parts += ["\n## Throughput of a fleet\n\n", fleet_report.INTRODUCTION, fleet_report.speeds(fleet["results"])]
    if raced and raced["missing"]:
        parts.append(f"\n**Missing, for their packages are not installed**: {', '.join(raced['missing'])}.\n")
    parts += ["\n## Tasks\n\n", grid_table(tasks)]
    for race in sorted(races, key=lambda race: not race.counts):
        name = f"time_to_quality-{race.task}.svg"
        save(plots.time_to_quality(race), folder / name)
        parts += [f"\n## Time to quality: {race.task}{'' if race.counts else ' (easy, not counted)'}\n\n"]
        parts += [race_table(race), f"\n![Time to quality on {race.task}]({name})\n"]
    parts += _failures(raced)
    if races:
        parts += ["\n## What hangs on when a search answers\n\n", SENSITIVITY, sensitivity(races)]
    if kept:
        save(plots.intervals(honest["tunes"], [each.task for each in kept]), folder / "intervals.svg")
        parts += ["\n## Promises\n\n", promise_table(kept), "\n![Intervals of the learning rate](intervals.svg)\n"]
    newer = watch_alarms.section(alarmed), claims.section(explained), play.section(played)
    if scale is FULL:
        parts.append(regret.results(folder) or "")
    return "".join([*parts, *judges.sections(judged), *newer])


INTRODUCTION = """# Results

Made by `make bench` (`python -m benchmarks.report` from the data files in `benchmarks/data/`); how each figure comes
about stands at the top of the program that measures it. A setting is *good* when, retrained on 10 fresh paired seeds,
the upper 90 % bound (Fieller) of its mean loss over that of the dense grid's best is at most {good}. Times are of whole
processes, medians over {seeds} seeds on the tasks that count and one on the easy ones; a rival that searches is stopped
after {limit:g} s or 100 trials ({named}: {named_limit:g} s or 200 trials), and answers after {answer} trials.

"""
SENSITIVITY = f"""Time until {TPE.title} delivers a good answer over surefoot's, where it answers after so many
trials; ≥ where it had none within its time.

"""


def _seconds(clock: Clock) -> str:
    return f"{clock.median:.1f}" if math.isfinite(clock.median) else f"> {clock.at_least:.0f}"


def _times(clock: Clock, ours: Clock | None) -> str:
    return DASH if ours is None or not math.isfinite(ours.median) else _ratio(*clock.over(ours))


def _ratio(value: float, bound: bool) -> str:
    return f"{'≥ ' if bound else ''}{value:.1f}"


def _tunes(honest: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    return [row for row in honest["tunes"] if row["task"] == name] if honest else []


def _failures(raced: dict[str, Any] | None) -> list[str]:
    failed = [run for run in raced["runs"] if run["failed"]] if raced else []
    lines = [f"- {run['contestant']}, {run['task']}, seed {run['seed']}: {run['failed']}\n" for run in failed]
    return ["\n## Runs that failed\n\n", *lines] if lines else []


def main() -> None:
    scale = scale_of(__doc__)
    folder = scale.folder if scale is not FULL else Path(__file__).parent
    (folder / "RESULTS.md").write_text(render(scale, folder))
    print(folder / "RESULTS.md")


if __name__ == "__main__":
    main()
