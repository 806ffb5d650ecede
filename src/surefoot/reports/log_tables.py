"""The diagnosis of a log as the terminal shows it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from surefoot.core.formatting import numeral
from surefoot.log_diagnosis.diagnose import DiagnoseResult
from surefoot.wording.verdicts import SYMPTOMS, TITLES, verdict_title


def diagnosis_text(result: DiagnoseResult) -> RenderableType:
    """Return what a diagnosis found."""
    first, *others = result.findings
    parts = [Text(f"{verdict_title(first)}: {result.curve.source}", style="bold"), Text(first.why)]
    if first.advice:
        parts.append(Text("Try " + ", ".join(_advised(*item) for item in first.advice.items()), style="bold"))
    if result.symptoms:
        parts.append(Text("The curve shows: " + ", ".join(SYMPTOMS[symptom] for symptom in result.symptoms) + "."))
    parts += [Text(f"{TITLES[finding.verdict]}: {finding.why}") for finding in others]
    return Group(*parts, Text(" ".join(_read(result)), style="dim"))


def _advised(name: str, value: float | str) -> str:
    title = {"lr": "learning rate"}.get(name, name)
    return f"{title} {value if isinstance(value, str) else numeral(value)}"


def _read(result: DiagnoseResult) -> Iterator[str]:
    """Yield what was read as what, and what a reader should know of it."""
    names = ", ".join(f"{quantity} from {name!r}" for quantity, name in result.curve.names.items())
    yield f"Read up to step {result.curve.last_step:,}{f': {names}' if names else ''}."
    yield from (f"{note[0].upper()}{note[1:]}." for note in result.curve.notes)
