"""RESULTS.md and its figures, from the data files alone.

python -m benchmarks.report [--quick]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import claims, cold_start, deadline, driver, fleet_report, good_range, play, records, watch_alarms
from benchmarks.diagnosis import report as judges
from benchmarks.markdown import DASH, table, target
from benchmarks.regret import report as regret
from benchmarks.scale import FULL, Scale, scale_of


def targets(fleets: Sequence[dict[str, Any]], memory: dict[str, Any] | None, others: Sequence[list[str]]) -> str:
    """Return every target beside what was measured."""
    rows = [*fleet_report.targets(fleets), *_memory_rows(memory)]
    return table(["target", "measured", ""], [*rows, *others])


def _memory_rows(memory: dict[str, Any] | None) -> Iterator[list[str]]:
    peak = None if memory is None else memory["peak_megabytes"] / 1000
    trials = 1000 if memory is None else memory["trials"]
    found = DASH if peak is None else f"{peak:.2f} GB ({trials} trials)"
    yield target(
        "memory: a study of 1000 trials on digits under 1.5 GB", found,
        met=None if peak is None or trials < FULL.trials else peak < 1.5,
    )  # fmt: skip


def surroundings(machine: dict[str, Any]) -> str:
    """Return machine, date and versions in a line."""
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"
    return f"{machine['date']}; {where}; Python {machine['python']}; {packages}."


def render(scale: Scale, folder: Path) -> str:
    """Return the report; its figures are written to a folder."""
    parts = {part: records.read(scale.folder / part.FILE) for part in (good_range, deadline, cold_start, driver)}
    fleet = records.read(scale.folder / "fleet.json", {"results": []})
    memory, explained, alarmed, played = (
        records.read(scale.folder / f"{name}.json") for name in ("memory", "claims", "watch_alarms", "play")
    )
    judged = judges.read(scale.folder)
    measured = [("fleet", fleet), ("memory", memory)]
    measured += [(part.__name__.rpartition(".")[2].replace("_", " "), data) for part, data in parts.items()]
    measured += [("claims", explained), ("watch alarms", alarmed), ("play", played), *judges.sources(scale.folder)]
    others = regret.target_rows() if scale is FULL else []
    others += [row for part, data in parts.items() for row in part.targets(data)]
    others += [*judges.targets(judged), *claims.targets(explained), *play.targets(played)]
    text = [INTRODUCTION]
    text += [f"- *{what}*: {surroundings(data['machine'])}\n" for what, data in measured if data and "machine" in data]
    text += ["\n## Targets\n\n", targets(fleet["results"], memory, others)]
    if scale is FULL:
        text.append(regret.results(folder) or "")
    text += [part.section(data) for part, data in parts.items()]
    if fleet["results"]:
        text += ["\n## Throughput of a fleet\n\n", fleet_report.INTRODUCTION, fleet_report.speeds(fleet["results"])]
    text += [*judges.sections(judged), watch_alarms.section(alarmed), claims.section(explained), play.section(played)]
    return "".join(text)


INTRODUCTION = """# Results

Made by `make bench` (`python -m benchmarks.report` from the data files in `benchmarks/data/`); how each figure comes
about stands at the top of the program that measures it. What has no data yet has no section.

"""


def main() -> None:
    scale = scale_of(__doc__)
    folder = scale.folder if scale is not FULL else Path(__file__).parent
    (folder / "RESULTS.md").write_text(render(scale, folder))
    print(folder / "RESULTS.md")


if __name__ == "__main__":
    main()
