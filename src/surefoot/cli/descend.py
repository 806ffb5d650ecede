"""``surefoot descend``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from surefoot.cli.options import json_option

if TYPE_CHECKING:
    from surefoot.surfaces.descent import Descent

MAX_STEPS = 100_000
# The palette has seven colours.
MAX_RECIPES = 7
FILM_SUFFIXES = (".gif", ".mp4")


class SurfaceName(click.ParamType[str]):
    """The name of a surface; the shell completes it."""

    name = "surface"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  (click's signature)
        """Return the surfaces that start with the text."""
        from surefoot.surfaces import SURFACES

        return [
            CompletionItem(name, help=surface().about)
            for name, surface in SURFACES.items()
            if name.startswith(incomplete)
        ]


@click.command(short_help="Run optimizers on a test surface, as a table, picture or film.")
@click.argument("surface", type=SurfaceName())
@click.option("--recipe", "recipes", multiple=True, required=True, help="Recipe of a descent; repeatable, up to 7.")
@click.option("--steps", type=click.IntRange(1, MAX_STEPS), default=100, show_default=True, help="Number of steps.")
@click.option("--condition", type=float, help="Condition number of the ravine.")
@click.option("--start", metavar="X[,Y]", help="Point at which all descents start; by default that of the surface.")
@click.option(
    "--noise", type=click.FloatRange(min=0.0), help="Noise of the gradients, and of the curvature as a share of it."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of the noise.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a film (.gif, or .mp4 with PyAV) or a picture (.png, .svg, .html).",
)
@click.option("--fps", type=click.IntRange(1, 50), default=20, show_default=True, help="Frames per second of a film.")
@click.option("--dark", is_flag=True, help="Dark background for a film.")
@json_option
def descend(surface: str, **settings: Any) -> None:
    """Minimise SURFACE once for each recipe, with the update rules and schedules that training uses.

    \b
    surefoot descend ravine --recipe "sgd(lr=0.1)" --recipe "adam(lr=0.1)"
    surefoot descend double-well --recipe "sgd(lr=0.1)" --plot ball.gif
    surefoot descend rosenbrock --recipe "adam(lr=0.1)" --plot ball.mp4 --dark

    SURFACE is one of bowl, ravine, noisy-bowl, double-well, plateau, saddle, cliff, rosenbrock, beale, himmelblau or
    rastrigin.
    """
    recipes, plot = settings["recipes"], settings["plot"]
    if len(recipes) > MAX_RECIPES:
        raise click.UsageError(
            f"at most {MAX_RECIPES} recipes can be given; given {len(recipes)}.", click.get_current_context()
        )
    if plot is not None:
        _check_plot_path(plot)
    _refuse_options_without_effect(surface, settings)
    descent = _descend(surface, settings)
    if plot is not None:
        _draw(descent, plot, fps=settings["fps"], dark=settings["dark"])
    if settings["as_json"]:
        click.echo(json.dumps(descent.to_json()))
        return
    from rich.console import Console

    from surefoot.reports.terminal_tables import descent_table

    Console().print(descent_table(descent))
    if plot is not None:
        click.echo(f"{'film' if _is_film(plot) else 'picture'}: {plot}")


def _refuse_options_without_effect(surface: str, settings: dict[str, Any]) -> None:
    """Raise an error for an option that has no effect with the others."""
    context, plot = click.get_current_context(), settings["plot"]
    if settings["condition"] is not None and surface != "ravine":
        raise click.UsageError("--condition is for the ravine only.", context)
    for name in ("fps", "dark"):
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and (plot is None or not _is_film(plot)):
            raise click.UsageError(f"--{name} is for films only: --plot FILE.gif or FILE.mp4.", context)


def _descend(name: str, settings: dict[str, Any]) -> Descent:
    from surefoot.surfaces import surface_named
    from surefoot.surfaces.descent import descend as run_descent
    from surefoot.surfaces.surface import Noise

    noise = settings["noise"]
    return run_descent(
        surface_named(name, condition=settings["condition"]),
        settings["recipes"],
        steps=settings["steps"],
        start=_start(settings["start"]),
        noise=None if noise is None else Noise(noise, noise),
        seed=settings["seed"],
    )


def _start(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise click.UsageError(
            f"--start must be one number, or two with a comma between them; given {text!r}.",
            click.get_current_context(),
        ) from None


def _is_film(path: Path) -> bool:
    return path.suffix.lower() in FILM_SUFFIXES


def _check_plot_path(path: Path) -> None:
    """Check before any work that a film or picture can be written there."""
    from surefoot.core.errors import OutputError
    from surefoot.plots.chart import PICTURE_SUFFIXES, check_picture
    from surefoot.plots.film import check_animation

    if path.suffix.lower() not in (*FILM_SUFFIXES, *PICTURE_SUFFIXES):
        films, pictures = ", ".join(FILM_SUFFIXES), ", ".join(PICTURE_SUFFIXES)
        raise OutputError(f"a film must end in {films}, a picture in {pictures}; given {str(path)!r}.")
    (check_animation if _is_film(path) else check_picture)(path)


def _draw(descent: Descent, path: Path, *, fps: int, dark: bool) -> None:
    from surefoot.plots.figure_registry import save
    from surefoot.plots.film import animate

    if _is_film(path):
        animate(descent, path, fps=fps, dark=dark)
    else:
        save(descent, path)
