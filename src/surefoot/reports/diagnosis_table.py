"""The diagnosis of a log as the terminal shows it; no import of torch."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from surefoot.core.formatting import format_number
from surefoot.log_diagnosis.diagnose import DiagnoseResult
from surefoot.wording.search import HYPERPARAMETER_NAMES
from surefoot.wording.verdicts import VERDICT_TITLES, symptoms_text, verdict_title


def diagnosis_text(result: DiagnoseResult) -> RenderableType:
    """Return the result of a diagnosis: the verdict, the advice, symptoms, other findings, and what was read.

    Args:
        result: What ``diagnose`` returned.
    """
    first, *others = result.findings
    parts = [Text(f"{verdict_title(first)}: {result.log.source}", style="bold"), Text(first.why)]
    if first.advice:
        parts.append(Text("Try " + ", ".join(_advice_text(*item) for item in first.advice.items()), style="bold"))
    if result.symptoms:
        parts.append(Text(f"The curve shows: {symptoms_text(result.symptoms)}"))
    parts += [Text(f"{VERDICT_TITLES[finding.verdict]}: {finding.why}") for finding in others]
    return Group(*parts, Text(" ".join(_source_notes(result)), style="dim"))


def _advice_text(name: str, value: float | str) -> str:
    return f"{HYPERPARAMETER_NAMES.get(name, name)} {value if isinstance(value, str) else format_number(value)}"


def _source_notes(result: DiagnoseResult) -> Iterator[str]:
    """Yield which column was read as which quantity, and what was unusual about the log."""
    names = ", ".join(f"{quantity} from {name!r}" for quantity, name in result.log.names.items())
    yield f"Read up to step {result.log.last_step:,}{f': {names}' if names else ''}."
    yield from (f"{note[0].upper()}{note[1:]}." for note in result.log.notes)
