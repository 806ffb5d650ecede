"""Recipe -> a Lightning module to paste."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.export.pytorch import Script
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.scanner import number_text as num


def lightning_code(recipe: Recipe, *, steps: int) -> str:
    """Return a recipe as a Lightning module around the user's ``model``, ``loss_function`` and ``batches``.

    It trains as :func:`surefoot.export.pytorch` does.

    Args:
        recipe: What to write out.
        steps: Optimizer steps of the whole training.

    Raises:
        RecipeError: If ``steps`` is below 1 or a schedule leaves its bounds.

    Example:
        >>> print(lightning_code(Recipe.parse("sgd(lr=cosine(0.3), momentum=0.9, clip=1)"), steps=220))
        # sgd(lr=cosine(0.3), momentum=0.9, clip=1) for 220 steps.
        # Yours are model, loss_function and batches, a DataLoader of (inputs, targets).
        import lightning
        import torch
        <BLANKLINE>
        <BLANKLINE>
        class Training(lightning.LightningModule):
            def __init__(self, model, loss_function):
                super().__init__()
                self.model, self.loss_function = model, loss_function
        <BLANKLINE>
            def configure_optimizers(self):
                model = self.model
                optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
                scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=220)
                return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
        <BLANKLINE>
            def training_step(self, batch, batch_idx):
                inputs, targets = batch
                return self.loss_function(self.model(inputs), targets)
        <BLANKLINE>
        <BLANKLINE>
        trainer = lightning.Trainer(max_steps=220, gradient_clip_val=1)
        trainer.fit(Training(model, loss_function), batches)
        <BLANKLINE>
    """
    recipe.require_bounds(steps=steps)
    script = Script.of(recipe, steps)
    blocks = [*script.functions(), "\n".join(_module(script))]
    clip = "" if recipe.clip is None else f", gradient_clip_val={num(recipe.clip)}"
    return "\n".join(
        [
            *script.head(
                "# Yours are model, loss_function and batches, a DataLoader of (inputs, targets).",
                "import lightning",
                "import torch",
            ),
            *(f"\n\n{block}" for block in blocks),
            "\n",
            f"trainer = lightning.Trainer(max_steps={steps}{clip})",
            "trainer.fit(Training(model, loss_function), batches)",
            "",
        ]
    )


def _module(script: Script) -> Iterator[str]:
    yield "class Training(lightning.LightningModule):"
    yield "    def __init__(self, model, loss_function):"
    yield "        super().__init__()"
    yield "        self.model, self.loss_function = model, loss_function"
    yield ""
    yield "    def configure_optimizers(self):"
    yield "        model = self.model"
    yield from _indented([*(script.groups() or "").splitlines(), *_lines(script.optimizer())])
    if script.scheduler is None:
        yield "        return optimizer"
    else:
        yield '        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}'
    yield ""
    if script.in_loop:
        yield "    def on_train_batch_start(self, batch, batch_idx):"
        yield "        step = self.global_step"
        yield "        for group in self.optimizers().param_groups:"
        yield from (f"            {line}" for line in script.assignments())
        yield ""
    yield "    def training_step(self, batch, batch_idx):"
    yield "        inputs, targets = batch"
    yield "        return self.loss_function(self.model(inputs), targets)"


def _lines(parts: Iterator[str]) -> list[str]:
    return [line for part in parts for line in part.splitlines()]


def _indented(lines: list[str]) -> Iterator[str]:
    """Yield lines as a method's, with no more than one blank line at a time."""
    blank = False
    for line in lines:
        if line or not blank:
            yield f"        {line}" if line else ""
        blank = not line
