"""Recipe -> a Keras optimizer to paste."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.core.errors import RecipeError
from surefoot.export.equivalents import adds_decay, equivalent_of, python_code
from surefoot.optimizers.rule import Equivalent
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import rule_named
from surefoot.schedules.constant import Constant
from surefoot.schedules.scanner import number_text as num

_SCHEDULE = '''\
class Table(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of every step; on any backend, whatever the schedule."""

    def __init__(self, rates):
        self.rates = rates

    def __call__(self, step):
        rates = keras.ops.convert_to_tensor(self.rates, "float32")
        return keras.ops.take(rates, keras.ops.minimum(keras.ops.cast(step, "int32"), len(self.rates) - 1))

    def get_config(self):
        return {"rates": self.rates}'''

_VELOCITY = """\
# Keras multiplies the gradient by the rate before it goes into the velocity, PyTorch the velocity: while the rate
# changes the two are not quite the same.\
"""


def keras_code(recipe: Recipe, *, steps: int) -> str:
    """Return a recipe as the optimizer for ``model.compile``, on any backend of Keras 3.

    Args:
        recipe: What to write out.
        steps: Optimizer steps of the whole training.

    Raises:
        RecipeError: If Keras has no such rule, ``steps`` is below 1, or a schedule leaves its bounds.

    Example:
        >>> print(keras_code(Recipe.parse("adamw(lr=0.001, weight_decay=0.1, clip=1)"), steps=220))
        # adamw(lr=0.001, weight_decay=0.1, clip=1) for 220 steps.
        # Yours are model and loss_function.
        import keras
        <BLANKLINE>
        optimizer = keras.optimizers.AdamW(
            learning_rate=0.001,
            beta_1=0.9,
            beta_2=0.999,
            epsilon=1e-08,
            weight_decay=0.1,
            global_clipnorm=1,
        )
        model.compile(optimizer=optimizer, loss=loss_function)
        <BLANKLINE>
    """
    recipe.require_bounds(steps=steps)
    equivalent = equivalent_of(recipe, "keras", title="Keras", may_change=False)
    if adds_decay(recipe, equivalent):
        raise RecipeError(
            f"Keras' {recipe.optimizer} has no L2 weight decay.", hint="give it to the layers as kernel_regularizer."
        )
    changes = not isinstance(recipe.lr, Constant)
    functions = [python_code(recipe.lr, total=steps, name="lr_at").rstrip(), _SCHEDULE] if changes else []
    velocity = changes and rule_named(recipe.optimizer).sums_gradients and recipe.momentum != Constant(0.0)
    return "\n".join(
        [
            f"# {recipe} for {steps} steps.",
            "# Yours are model and loss_function.",
            *([_VELOCITY] if velocity else []),
            *(["import math\n"] if functions and "math." in functions[0] else []),
            "import keras",
            *(f"\n\n{function}" for function in functions),
            *(["\n"] if functions else [""]),
            f"optimizer = keras.optimizers.{equivalent.name}(",
            *(f"    {each}," for each in _arguments(recipe, equivalent, steps=steps)),
            ")",
            "model.compile(optimizer=optimizer, loss=loss_function)",
            "",
        ]
    )


def _arguments(recipe: Recipe, equivalent: Equivalent, *, steps: int) -> Iterator[str]:
    for name, other in equivalent.names.items():
        schedule = recipe.schedule(name)
        if isinstance(schedule, Constant):
            # Keras takes a momentum only if it is a float.
            yield f"{other}={schedule.peak if name == 'momentum' else num(schedule.peak)}"
        else:
            yield f"{other}=Table([lr_at(step) for step in range({steps})])"
    yield from (f"{switch}=True" for switch in recipe.switches)
    if recipe.clip is not None:
        yield f"global_clipnorm={num(recipe.clip)}"
