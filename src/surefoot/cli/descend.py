"""``surefoot descend``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from surefoot.surfaces.descent import Descent

MOST_STEPS, MOST_BALLS = 100_000, 7
FILMS = (".gif", ".mp4")


class SurfaceName(click.ParamType[str]):
    """A surface's name; what is none is refused with the names that there are."""

    name = "surface"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Return the surfaces that begin so."""
        from surefoot.surfaces import SURFACES

        return [CompletionItem(name, help=of().about) for name, of in SURFACES.items() if name.startswith(incomplete)]


@click.command(short_help="Let balls roll down a landscape; film them.")
@click.argument("surface", type=SurfaceName())
@click.option("--recipe", "recipes", multiple=True, required=True, help="Of a ball; repeatable, up to 7.")
@click.option("--steps", type=click.IntRange(1, MOST_STEPS), default=100, show_default=True, help="How many.")
@click.option("--condition", type=float, help="The ravine's condition number.")
@click.option("--start", metavar="X[,Y]", help="Where the balls begin; the surface's own start, if not given.")
@click.option("--noise", type=click.FloatRange(min=0.0), help="Of the gradients and their curvature.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the noise.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Film it: .gif, .mp4 (needs PyAV). Or draw it: .png, .svg or .html.",
)
@click.option("--fps", type=click.IntRange(1, 50), default=20, show_default=True, help="Pictures a second.")
@click.option("--dark", is_flag=True, help="Film it on black.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
def descend(surface: str, **settings: Any) -> None:
    """Let balls roll down SURFACE, one for each recipe, by the library's own update rules and schedules.

    \b
    surefoot descend ravine --recipe "sgd(lr=0.1, momentum=0)" --recipe "sgd(lr=0.1, momentum=0.9)"
    surefoot descend double-well --recipe "sgd(lr=0.1, momentum=0.9)" --plot ball.gif
    surefoot descend rosenbrock --recipe "adam(lr=0.1)" --steps 300 --plot ball.mp4 --dark

    SURFACE is bowl, ravine, noisy-bowl, double-well, plateau, saddle, cliff, rosenbrock, beale, himmelblau or
    rastrigin.
    """
    recipes, plot = settings["recipes"], settings["plot"]
    if len(recipes) > MOST_BALLS:
        raise click.UsageError(f"at most {MOST_BALLS} recipes; given {len(recipes)}.", click.get_current_context())
    if plot is not None:
        _check(plot)
    _refuse_what_means_nothing(surface, settings)
    found = _rolled(surface, settings)
    if plot is not None:
        _draw(found, plot, fps=settings["fps"], dark=settings["dark"])
    if settings["as_json"]:
        from surefoot.reports.explain_tables import descent_json

        click.echo(json.dumps(descent_json(found)))
        return
    from rich.console import Console

    from surefoot.reports.explain_tables import descent_table

    Console().print(descent_table(found))
    if plot is not None:
        click.echo(f"{'film' if _is_film(plot) else 'picture'}: {plot}")


def _refuse_what_means_nothing(surface: str, settings: dict[str, Any]) -> None:
    """Refuse options that the rest leaves without a meaning, rather than pass over them."""
    context, plot = click.get_current_context(), settings["plot"]
    if settings["condition"] is not None and surface != "ravine":
        raise click.UsageError("--condition belongs to the ravine.", context)
    for name in ("fps", "dark"):
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and (plot is None or not _is_film(plot)):
            raise click.UsageError(f"--{name} belongs to a film, --plot FILE.gif or FILE.mp4.", context)


def _rolled(name: str, settings: dict[str, Any]) -> Descent:
    import torch

    from surefoot.surfaces import surface_named
    from surefoot.surfaces.descent import descend as rolled
    from surefoot.surfaces.surface import Noise

    noise = settings["noise"]
    return rolled(
        surface_named(name, condition=settings["condition"]),
        settings["recipes"],
        steps=settings["steps"],
        start=_start(settings["start"]),
        noise=None if noise is None else Noise(noise, noise),
        generator=torch.Generator().manual_seed(settings["seed"]),
    )


def _start(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise click.UsageError(
            f"--start is a number, or two with a comma between them; given {text!r}.", click.get_current_context()
        ) from None


def _is_film(path: Path) -> bool:
    return path.suffix.lower() in FILMS


def _check(path: Path) -> None:
    """Refuse a file that could not be written, before any work."""
    from surefoot.core.errors import OutputError
    from surefoot.plots.figures import SUFFIXES, check_picture
    from surefoot.plots.film import check_animation

    if path.suffix.lower() not in (*FILMS, *SUFFIXES):
        allowed = f"a film ends in {', '.join(FILMS)}, a picture in {', '.join(SUFFIXES)}"
        raise OutputError(f"{allowed}; given {str(path)!r}.")
    (check_animation if _is_film(path) else check_picture)(path)


def _draw(found: Descent, path: Path, *, fps: int, dark: bool) -> None:
    from surefoot.plots.figures import save
    from surefoot.plots.film import animate

    if _is_film(path):
        animate(found, path, fps=fps, dark=dark)
    else:
        save(found, path)
