"""The options of ``surefoot find`` and ``surefoot tune``, and the search space and recipes that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.options import (
    TASK_OPTIONS,
    ClickCommand,
    add_options,
    no_report_option,
    out_option,
    run_options,
    study_option,
    task_options,
    trial_options,
)
from surefoot.core.plugins import PluginGroup, plugin_names

if TYPE_CHECKING:
    from surefoot.recipe.recipe import Recipe
    from surefoot.search.space.search_space import SearchSpace

SPACE_OPTIONS = ("optimizers", "schedules", "also_search", "set_settings", "space_file")
# What a study records of its command line: everything that changes the result.
RECORDED_SETTINGS = (
    *TASK_OPTIONS,
    *SPACE_OPTIONS,
    "budget",
    "seed",
    "sampler",
    "goal",
    "judge",
    "tolerance",
    "device",
    "out",
    "compare",
    "transfer",
    "workers",
    "timeout",
)
# These names stand here a second time because --help must not wait for the import of torch.
SEARCHABLE_SETTINGS = (
    *("nesterov", "warmup", "final", "weight_decay", "clip"),
    *("momentum_schedules", "beta2", "eps", "dampening", "no_decay"),
)
SAMPLERS = ("surefoot", "tpe", "gp", "random", "grid")
OPTIMIZERS = (
    *("sgd", "rmsprop", "adagrad", "adadelta", "adam"),
    *("adamw", "nadam", "lion", "muon", "adafactor"),
)
SEARCHED_SCHEDULES = ("cosine", "linear", "wsd", "constant", "exponential", "step", "inverse_sqrt", "onecycle")


def _with_plugins(names: Sequence[str], group: PluginGroup) -> list[str]:
    """Return built-in names and those that plugins register, without loading the plugins."""
    return [*names, *(name for name in plugin_names(group) if name not in names)]


def search_options(command: ClickCommand) -> ClickCommand:
    """Add the options that ``find`` and ``tune`` share."""
    return add_options(
        command,
        task_options,
        click.option(
            "--budget",
            default="auto",
            show_default=True,
            help="Limit on the cost: in full trainings (0.25x, 3x, 18x) or in time (90s, 10m, 2h); auto: what the"
            " result needs.",
        ),
        _space_options,
        _criterion_options,
        trial_options,
        study_option,
        click.option(
            "--resume", metavar="STUDY", help="Resume a study, PATH or PATH#id; a larger --budget may be given."
        ),
        out_option,
        no_report_option,
        run_options,
    )


def _listed(names: Sequence[str], group: PluginGroup) -> str:
    return ", ".join(_with_plugins(names, group))


def _space_options(command: ClickCommand) -> ClickCommand:
    """Add the options that say which recipes are tried."""
    return add_options(
        command,
        click.option(
            "--optimizers",
            metavar="NAMES",
            help=f"Optimizers to try, joined by commas (default: sgd): {_listed(OPTIMIZERS, 'surefoot.optimizers')}.",
        ),
        click.option(
            "--schedules",
            metavar="NAMES",
            help="Schedules to try, joined by commas (default: cosine): "
            f"{_listed(SEARCHED_SCHEDULES, 'surefoot.schedules')}.",
        ),
        click.option(
            "--search",
            "also_search",
            metavar="NAMES",
            help=f"Further settings to search: {', '.join(SEARCHABLE_SETTINGS)}; joined by commas.",
        ),
        click.option(
            "--set",
            "set_settings",
            metavar="NAME=VALUE",
            multiple=True,
            help="Fix or bound a setting: beta2=0.95, lr=0.01..1, no_decay=bias+norm; repeatable.",
        ),
        click.option(
            "--space", "space_file", metavar="FILE", help="Search space in a file: space.toml or file.py:name."
        ),
        click.option(
            "--sampler",
            type=click.Choice(_with_plugins(SAMPLERS, "surefoot.samplers")),
            default="surefoot",
            show_default=True,
            help="Sampler of the first trials.",
        ),
    )


def _criterion_options(command: ClickCommand) -> ClickCommand:
    """Add the options that say which trainings are better and which are good enough."""
    return add_options(
        command,
        click.option(
            "--goal",
            type=click.Choice(["loss", "metric"]),
            default="loss",
            show_default=True,
            help="Minimise the validation loss, or maximise the metric.",
        ),
        click.option(
            "--score-at",
            "judge",  # the key in stored settings
            type=click.Choice(["end", "best"]),
            default="end",
            show_default=True,
            help="Loss that counts: at the end of a training, or the best one on the way (if you keep checkpoints).",
        ),
        click.option(
            "--tolerance",
            type=float,
            default=0.05,
            show_default=True,
            help="How far above the best loss a good learning rate may end, as a share of it.",
        ),
    )


def search_space(settings: Mapping[str, Any]) -> SearchSpace:
    """Return the search space that the options describe.

    Raises:
        click.UsageError: If a file is given along with options that it replaces.
        TaskError: If an option or the file cannot be read.
    """
    from surefoot.search.space.search_space import SearchSpace, load_space, read_settings, usual_settings

    if "space" in settings:  # recorded by a resumed study, whose file may have changed since
        return SearchSpace.of(settings["space"])
    if settings["space_file"] is not None:
        if any(settings[name] for name in SPACE_OPTIONS if name != "space_file"):
            raise click.UsageError(
                "--space describes the whole search space; leave out --optimizers, --schedules, --search and --set."
            )
        return load_space(settings["space_file"])
    lists = {name: _split(settings[name]) for name in ("optimizers", "schedules") if settings[name] is not None}
    searched = usual_settings(_split(settings["also_search"] or ""))
    return SearchSpace.of({**lists, **searched, **read_settings(settings["set_settings"])})


def recipes_to_compare(settings: Mapping[str, Any]) -> tuple[Recipe, ...]:
    """Return the recipes of ``--compare``.

    Raises:
        RecipeError: If one of them cannot be read.
    """
    if not settings["compare"]:
        return ()
    from surefoot.search.request import parse_recipes

    return parse_recipes(settings["compare"])


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
