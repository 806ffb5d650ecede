"""Time to quality: every contestant as a process of its own, in turn, on the same tasks and seeds.

    python -m benchmarks.race [--quick]          # goes on where it stopped; delete data/race.json to begin anew

The clock is the parent's: from the start of the process to the arrival of the line. Afterwards every incumbent, as far
as the figures need it, is retrained on the ten fresh seeds beside the grid's best. An easy task, where five random
settings often hold a good one, is raced on one seed, for the list.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks import grid, records
from benchmarks.contestants import CONTESTANTS, TPE, Contestant
from benchmarks.entries import ENTRIES
from benchmarks.judging import Judge
from benchmarks.scale import ROOT, Scale, scale_of
from surefoot.fleet import calibrate

# A rival that searches until it is stopped answers after so many trials; the others, of the rival that the targets
# name, show what hangs on it.
ANSWER = 50
ANSWERS = (25, ANSWER, 100)
# What a contestant may take to end by itself after its limit.
GRACE_SECONDS = 10.0
SLOWEST_ANSWER_SECONDS = 600.0


@dataclass(slots=True)
class Event:
    """A line of a contestant: when it came, how many trials had ended, and the incumbent."""

    seconds: float
    recipe: str | None
    trials: int | None = None


@dataclass(slots=True)
class Run:
    """One process of a contestant.

    Attributes:
        task, contestant, seed: Whose.
        seconds: How long the process took.
        events: Where its incumbent changed, or an answer was due.
        answer: What it said at the end, and when; `None` for those that search until they are stopped.
        cost: What surefoot says its search and everything cost, in config-steps, and the steps of a training.
        failed: The last line of its errors, where it failed.
    """

    task: str
    contestant: str
    seed: int
    seconds: float = 0.0
    events: list[Event] = field(default_factory=list)
    answer: Event | None = None
    cost: dict[str, int] = field(default_factory=dict)
    failed: str | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Run:
        answer = data["answer"]
        return cls(**data | {"events": [Event(*row) for row in data["events"]], "answer": answer and Event(*answer)})

    def to_json(self) -> dict[str, Any]:
        rows = [[event.seconds, event.recipe, event.trials] for event in self.events]
        answer = self.answer and [self.answer.seconds, self.answer.recipe, self.answer.trials]
        return asdict(self) | {"events": rows, "answer": answer}

    def note(self, line: dict[str, Any], seconds: float) -> None:
        """Take in a line; events between which nothing changed are dropped."""
        if "answer" in line:
            self.answer = Event(seconds, line.pop("answer"))
            self.cost = line
            return
        event = Event(seconds, line["recipe"], line.get("trials"))
        before = self.events[-1] if self.events else None
        if before and before.recipe == event.recipe and event.trials not in ANSWERS:
            return
        self.events.append(event)

    def delivered(self, trials: int) -> Event:
        """Return its answer: what it said, or the incumbent after so many trials or when the time was over."""
        if self.answer is not None:
            return self.answer
        before = [event for event in self.events if event.trials is not None and event.trials <= trials]
        recipe = before[-1].recipe if before else None
        reached = next((event.seconds for event in before if event.trials == trials), self.seconds)
        return Event(reached, recipe, trials)


def start(contestant: Contestant, task: str, *, seed: int, limit_seconds: float) -> Run:
    """Run a contestant to its end; return what it printed and when."""
    run = Run(task, contestant.module, seed)
    program = [sys.executable, "-m", f"benchmarks.contestants.{contestant.module}"]
    most = (limit_seconds if contestant.searches else SLOWEST_ANSWER_SECONDS) + GRACE_SECONDS
    begin = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*program, task, str(seed), str(limit_seconds)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
        )  # fmt: skip
        timer = threading.Timer(most, _end, [process.pid])
        timer.start()
        for line in process.stdout or ():
            if line.startswith("{"):
                run.note(json.loads(line), round(time.perf_counter() - begin, 3))
        code = process.wait()
        timer.cancel()
        run.seconds = round(time.perf_counter() - begin, 3)
        over_time = contestant.searches and code == -signal.SIGKILL  # in the middle of its last trial: no fault
        if code and not over_time:
            errors.seek(0)
            run.failed = (errors.read().strip().splitlines() or [f"exit code {code}"])[-1][:200]
    if contestant.searches:
        run.seconds = min(run.seconds, limit_seconds)
        run.events = [event for event in run.events if event.seconds <= limit_seconds]
    return run


def planned(scale: Scale) -> Iterator[tuple[str, int, Contestant]]:
    """Yield the runs of a race in turn: all contestants on every task with a seed, then the next seed."""
    for seed in range(scale.seeds):
        for name in scale.tasks:
            if seed == 0 or grid.load(name).counts:
                for contestant in CONTESTANTS:
                    yield name, seed, contestant


def run_all(scale: Scale, data: dict[str, Any]) -> None:
    """Run what is not recorded yet; a contestant that is not installed is recorded as missing."""
    path = scale.folder / "race.json"
    done = {(run["task"], run["seed"], run["contestant"]) for run in data["runs"]}
    data["missing"] = [contestant.module for contestant in CONTESTANTS if not contestant.installed]
    for name, seed, contestant in planned(scale):
        if (name, seed, contestant.module) in done or not contestant.installed:
            continue
        limit = scale.named_limit_seconds if contestant == TPE else scale.limit_seconds
        run = start(contestant, name, seed=seed, limit_seconds=limit)
        data["runs"].append(run.to_json())
        records.write(path, data)
        last = run.failed or run.delivered(max(ANSWERS)).recipe
        print(f"{name:18} seed {seed} {contestant.title:34} {run.seconds:7.1f} s  {last}", flush=True)


def undecided(runs: Iterable[Run], judge: Judge) -> Iterator[str]:
    """Yield the recipes whose judgement the figures need next: answers, and of every run its first unjudged incumbent
    unless an earlier one was good."""
    for run in runs:
        due = ANSWERS if run.contestant == TPE.module else (ANSWER,)
        needed = [run.delivered(trials).recipe for trials in due]
        for event in run.events:
            if event.recipe is not None and event.recipe not in judge.known:
                needed.append(event.recipe)
                break
            if event.recipe is not None and judge.good(event.recipe):
                break
        yield from (recipe for recipe in needed if recipe is not None and recipe not in judge.known)


def judge_all(scale: Scale, data: dict[str, Any]) -> None:
    """Judge what the figures need, and record it task by task."""
    for name in scale.tasks:
        runs = [run for run in map(Run.from_json, data["runs"]) if run.task == name]
        task, judge = None, judge_of(name, data)
        while waiting := [*undecided(runs, judge)]:
            if task is None:
                task = judge.task = ENTRIES[name].load()
                judge.plan = calibrate(task, members=32)
            judge.judge(waiting)
            data["judged"] = [row for row in data["judged"] if row["task"] != name] + [
                {"task": name, "recipe": recipe, "losses": records.numbers(found)}
                for recipe, found in judge.known.items()
            ]
            records.write(scale.folder / "race.json", data)


def judge_of(name: str, data: dict[str, Any]) -> Judge:
    """Return a task's judge with all that was judged before."""
    known = {row["recipe"]: records.losses(row["losses"]) for row in data["judged"] if row["task"] == name}
    return Judge(None, None, grid.load(name).best.fresh, known)  # type: ignore[arg-type]  # set before it trains


def main() -> None:
    scale = scale_of(__doc__)
    data = records.read(scale.folder / "race.json", {"runs": [], "judged": []})
    data |= {"machine": records.surroundings()}
    run_all(scale, data)
    judge_all(scale, data)
    records.write(scale.folder / "race.json", data)


def _end(process: int) -> None:
    """End a contestant and the workers it started: they are a group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


if __name__ == "__main__":
    main()
