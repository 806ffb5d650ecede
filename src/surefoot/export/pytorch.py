"""Recipe -> PyTorch code to paste, which needs nothing of surefoot."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.export.pytorch_script import Script
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.scanner import number_text as num

YOURS = "# Yours are model, loss_function and batches, which yields (inputs, targets)."


def pytorch_code(recipe: Recipe, *, steps: int) -> str:
    """Return a recipe as a PyTorch script around the user's ``model``, ``loss_function`` and ``batches``.

    It trains as ``recipe.build`` does. Where torch has the schedule it is torch's scheduler; one that torch has not is
    a function of the step, and what torch's schedulers cannot change (momentum, weight decay) is set in the loop.

    Args:
        recipe: What to write out.
        steps: Optimizer steps of the whole training.

    Raises:
        RecipeError: If ``steps`` is below 1 or a schedule leaves its bounds.

    Example:
        >>> print(pytorch_code(Recipe.parse("sgd(lr=cosine(0.3), momentum=0.9)"), steps=220))
        # sgd(lr=cosine(0.3), momentum=0.9) for 220 steps.
        # Yours are model, loss_function and batches, which yields (inputs, targets).
        import torch
        <BLANKLINE>
        optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=220)
        <BLANKLINE>
        for step, (inputs, targets) in zip(range(220), batches):
            optimizer.zero_grad()
            loss = loss_function(model(inputs), targets)
            loss.backward()
            optimizer.step()
            scheduler.step()  # after every optimizer step
        <BLANKLINE>
    """
    recipe.require_bounds(steps=steps)
    script = Script.of(recipe, steps)
    imports = [*script.imports()]
    head = [f"# {recipe} for {steps} steps.", YOURS, *imports, *([""] if imports else []), "import torch", ""]
    return "\n".join([*head, *_definitions(script), *script.optimizer(), "", *_loop(script), ""])


def _definitions(script: Script) -> Iterator[str]:
    groups = script.groups()
    blocks = [*script.functions(), *([groups] if groups else [])]
    for block in blocks:
        yield from ("", block, "")
    if blocks and not groups:
        yield ""


def _loop(script: Script) -> Iterator[str]:
    yield f"for step, (inputs, targets) in zip(range({script.steps}), batches):"
    if script.in_loop:
        yield "    for group in optimizer.param_groups:  # before every optimizer step"
        yield from (f"        {line}" for line in script.assignments())
    yield "    optimizer.zero_grad()"
    yield "    loss = loss_function(model(inputs), targets)"
    yield "    loss.backward()"
    if script.recipe.clip is not None:
        yield f"    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={num(script.recipe.clip)})"
    yield "    optimizer.step()"
    if script.scheduler is not None:
        yield "    scheduler.step()  # after every optimizer step"
