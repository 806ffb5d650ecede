"""Recipe -> the arguments of a Hugging Face Trainer to paste."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.export.pytorch import Script
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.scanner import number_text as num


def huggingface_code(recipe: Recipe, *, steps: int) -> str:
    """Return a recipe as a ``transformers.Trainer`` around the user's ``model`` and ``train_dataset``.

    The trainer clips gradients at a norm of 1 unless told otherwise; what the recipe does not clip is not clipped.

    Args:
        recipe: What to write out.
        steps: Optimizer steps of the whole training.

    Raises:
        RecipeError: If ``steps`` is below 1 or a schedule leaves its bounds.

    Example:
        >>> print(huggingface_code(Recipe.parse("adamw(lr=0.001, weight_decay=0.1)"), steps=1000))
        # adamw(lr=0.001, weight_decay=0.1) for 1000 steps.
        # Yours are model and train_dataset, as transformers.Trainer takes them.
        import torch
        from transformers import Trainer, TrainingArguments
        <BLANKLINE>
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=0.1)
        scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
        <BLANKLINE>
        trainer = Trainer(
            model=model,
            args=TrainingArguments(output_dir="out", max_steps=1000, max_grad_norm=0),
            train_dataset=train_dataset,
            optimizers=(optimizer, scheduler),
        )
        trainer.train()
        <BLANKLINE>
    """
    recipe.require_bounds(steps=steps)
    script = Script.of(recipe, steps)
    clip = "0" if recipe.clip is None else num(recipe.clip)
    blocks = [*script.functions(), *(["\n".join(_callback(script))] if script.in_loop else [])]
    names = "Trainer, TrainerCallback, TrainingArguments" if script.in_loop else "Trainer, TrainingArguments"
    groups = script.groups()
    return "\n".join(
        [
            *script.head(
                "# Yours are model and train_dataset, as transformers.Trainer takes them.",
                "import torch",
                f"from transformers import {names}",
            ),
            *(f"\n\n{block}" for block in blocks),
            *(["\n"] if blocks else [""]),
            *([groups] if groups else []),
            *script.optimizer(),
            # Without a scheduler the trainer makes one of its own, which falls to 0.
            *(
                ["scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)"]
                if not script.scheduler
                else []
            ),
            "",
            "trainer = Trainer(",
            "    model=model,",
            f'    args=TrainingArguments(output_dir="out", max_steps={steps}, max_grad_norm={clip}),',
            "    train_dataset=train_dataset,",
            "    optimizers=(optimizer, scheduler),",
            *(["    callbacks=[SetHyperparameters()],"] if script.in_loop else []),
            ")",
            "trainer.train()",
            "",
        ]
    )


def _callback(script: Script) -> Iterator[str]:
    yield "class SetHyperparameters(TrainerCallback):"
    yield '    """Sets what changes, before every optimizer step."""'
    yield ""
    yield "    def on_step_begin(self, args, state, control, *, optimizer, **others):"
    yield "        step = state.global_step"
    yield "        for group in optimizer.param_groups:"
    yield from (f"            {line}" for line in script.assignments())
