"""``surefoot export``."""

from __future__ import annotations

import click

from surefoot.core.errors import RecipeError, StudyError

# These names stand here a second time because --help must not wait for the import of torch.
FRAMEWORKS = ("pytorch", "lightning", "huggingface", "keras", "optax")


@click.command(short_help="Print a recipe as code for PyTorch, Lightning, Hugging Face, Keras or optax.")
@click.argument("recipe")
@click.option(
    "--to",
    "framework",
    type=click.Choice(FRAMEWORKS),
    default=FRAMEWORKS[0],
    show_default=True,
    help="Framework to write the code for.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Length of the training; by default that of the study.")
def export(recipe: str, *, framework: str, steps: int | None) -> None:
    """Print RECIPE, a text or the recommendation of a study (PATH or PATH#id), as code to paste.

    \b
    surefoot export "sgd(lr=cosine(0.3), momentum=0.9)" --steps 1000
    surefoot export surefoot.db --to lightning
    """
    from surefoot.export import framework_code
    from surefoot.recipe.recipe import Recipe

    if "(" in recipe:
        if steps is None:
            raise RecipeError("the code of a recipe needs the length of the training.", hint="add --steps 1000.")
        click.echo(framework_code(Recipe.parse(recipe), framework, steps=steps))
        return
    from surefoot.search.stored_result import SEARCHES, read_result
    from surefoot.studies.study import Study

    result = read_result(Study.open(recipe, commands=SEARCHES))
    if result.recipe is None:
        raise StudyError(f"study {recipe} recommends no recipe: {result.reason}")
    click.echo(framework_code(result.recipe, framework, steps=steps or result.steps))
