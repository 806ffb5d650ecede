"""``surefoot export``."""

from __future__ import annotations

import click

from surefoot.errors import RecipeError, StudyError

# Spelt out here, so that --help needs no torch.
TARGETS = ("pytorch", "lightning", "huggingface", "keras", "optax")


@click.command(short_help="RECIPE as code to paste: PyTorch, Lightning, Hugging Face, Keras, optax.")
@click.argument("recipe")
@click.option(
    "--to", "target", type=click.Choice(TARGETS), default=TARGETS[0], show_default=True, help="For what to write it."
)
@click.option("--steps", type=click.IntRange(min=1), help="Length of the training; a study knows its own.")
def export(recipe: str, *, target: str, steps: int | None) -> None:
    """Print RECIPE, a text or the recommendation of a STUDY, as code to paste.

    \b
    surefoot export "sgd(lr=cosine(0.3), momentum=0.9)" --steps 1000
    surefoot export surefoot.db --to lightning
    """
    from surefoot.recipe.frameworks import framework_code
    from surefoot.recipe.recipe import Recipe

    if "(" in recipe:
        if steps is None:
            raise RecipeError("a recipe's code needs the length of the training.", hint="add --steps 1000.")
        click.echo(framework_code(Recipe.parse(recipe), target, steps=steps))
        return
    from surefoot.search.read_result import SEARCHES, read_result
    from surefoot.studies.study import Study

    result = read_result(Study.open(recipe, commands=SEARCHES))
    if result.recipe is None:
        raise StudyError(f"study {recipe} recommends nothing: {result.reason}")
    click.echo(framework_code(result.recipe, target, steps=steps or result.steps))
