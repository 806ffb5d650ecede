"""Writes docs/reference.md: every command with its options, and every entry of every registry, plugins included.

- ``python docs/reference.py`` writes it.
- ``python docs/reference.py --print`` prints it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import MISSING
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

from surefoot.cli.main import cli
from surefoot.export import FRAMEWORKS
from surefoot.logs import READERS
from surefoot.optimizers import RULES
from surefoot.plots.figure_registry import figure_kinds
from surefoot.schedules import SCHEDULES
from surefoot.schedules.schedule import fields_of
from surefoot.search.samplers import SAMPLERS
from surefoot.surfaces import SURFACES
from surefoot.tasks.builtin import BUILTINS
from surefoot.trainers.make_trainer import TRAINERS

PAGE = Path(__file__).with_name("reference.md")
WIDTH = 100


def main(arguments: Iterable[str]) -> None:
    """Write or print the page."""
    page = reference()
    if "--print" in arguments:
        sys.stdout.write(page)
    else:
        PAGE.write_text(page)


def reference() -> str:
    """Return the page as Markdown."""
    sections = {
        "Commands": _commands(),
        "Optimizers": _optimizers(),
        "Schedules": _schedules(),
        "Samplers": (f"- `{name}`: {_summary(sampler)}" for name, sampler in SAMPLERS.items()),
        "Trainers": (f"- `{name}`: {_summary(trainer)}" for name, trainer in TRAINERS.items()),
        "Log formats": (f"- `{name}`: {reader.about}" for name, reader in READERS.items()),
        "Figures": (f"- `{name}`: of a {figure.result_type.__name__}" for name, figure in figure_kinds().items()),
        "Export": (f"- `{name}`" for name in FRAMEWORKS),
        "Built-in tasks": (f"- `{name}`: {task.description}" for name, task in BUILTINS.items()),
        "Surfaces": (f"- `{name}`: {surface.about}" for name, surface in SURFACES.items()),
    }
    body = "".join(f"\n## {title}\n\n" + "\n".join(lines) + "\n" for title, lines in sections.items())
    return f"# Reference\n\nWritten by `docs/reference.py` from the code.\n{body}"


def _commands() -> Iterator[str]:
    for name, command in cli.commands.items():
        context = click.Context(command, info_name=f"surefoot {name}", max_content_width=WIDTH, terminal_width=WIDTH)
        yield f"### surefoot {name}\n\n```\n{command.get_help(context)}\n```\n"


def _optimizers() -> Iterator[str]:
    for name, rule in RULES.items():
        settings = [f"{spec.name}={spec.default:g}" for spec in rule.hyperparameters]
        switches = [f"{switch}=true" for switch in (*rule.switches, *rule.slot_switches())]
        yield f"- `{name}`: {_summary(rule)} Takes `{', '.join(settings)}`{_also(switches)}.{_unknown(rule)}"


def _unknown(rule: Any) -> str:
    """Return what a plugin does not say of its optimizer."""
    if rule.momentum is not None and rule.sums_gradients is None:
        return f" Whether {rule.momentum} sums or averages past gradients is not known."
    return ""


def _schedules() -> Iterator[str]:
    for name, kind in SCHEDULES.items():
        fields = [
            field.name if field.default is MISSING else f"{field.name}={field.default}" for field in fields_of(kind)
        ]
        yield f"- `{name}`: {_summary(kind)} Takes `{', '.join(fields)}`."


def _also(names: list[str]) -> str:
    return f", and {', '.join(f'`{name}`' for name in names)}" if names else ""


def _summary(entry: Any) -> str:
    """Return the first sentence of an entry's docstring."""
    kind = entry if isinstance(entry, type) or callable(entry) else type(entry)
    return cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    main(sys.argv[1:])
