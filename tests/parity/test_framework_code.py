"""The pasted code of other frameworks, run by them, trains as ``recipe.build`` does."""

import os

import numpy as np
import pytest
import torch
from tests.parity.network import Network, batches, flat, gradient, loss_function, train_in_loop

from surefoot.core.errors import RecipeError
from surefoot.export import FRAMEWORKS, framework_code
from surefoot.recipe.recipe import Recipe

STEPS = 30
ON_TORCH = [
    "sgd(lr=cosine(0.1, warmup=10%), momentum=0.9, clip=0.5)",
    "sgd(lr=0.1, momentum=0.5, nesterov=true, clip=0.1)",
    "adamw(lr=wsd(0.01, shape=sqrt), weight_decay=0.1, no_decay=bias+norm, lr_factor=head:0.1)",
    "sgd(lr=linear(0.1), momentum=linear(0.5, final=0.9))",
    "rmsprop(lr=0.01, momentum=linear(0, final=0.9), weight_decay=cosine(0.1), decay_factor=head:2)",
    "adam(lr=onecycle(0.01), beta1=onecycle(0.85, start=0.95, final=0.95))",
    "lion(lr=inverse_sqrt(0.003))",
    "muon(lr=cosine(0.01), momentum=linear(0.8, final=0.95))",
]
ON_OPTAX = [
    "sgd(lr=0.1)",
    "sgd(lr=cosine(0.1, warmup=10%), momentum=0.9, clip=0.5)",
    "sgd(lr=0.1 for 50% then linear(0.1), momentum=linear(0.5, final=0.9), nesterov=true, weight_decay=0.1)",
    "rmsprop(lr=triangular(0.01))",
    "rmsprop(lr=0.01, centered=true, alpha=0.9, weight_decay=0.01)",
    "adam(lr=wsd(0.01), beta1=0.8, weight_decay=0.1)",
    "adamw(lr=cosine_restarts(0.01, period=7), weight_decay=0.2)",
    "adamw(lr=0.01, beta2=0.99, beta1=linear(0.9, final=0.8))",
    "lion(lr=step(0.003), weight_decay=0.1)",
]
ON_KERAS = [
    "sgd(lr=cosine(0.1, warmup=10%))",
    "sgd(lr=0.1, momentum=0.9, clip=0.5)",
    "sgd(lr=0.1, momentum=0.9, nesterov=true)",
    "adam(lr=wsd(0.01), beta1=0.8)",
    "adamw(lr=cosine_restarts(0.01, period=7), weight_decay=0.2)",
    "lion(lr=step(0.003), weight_decay=0.1)",
]


def built(recipe, *, steps=STEPS):
    """The parameters after every step of a plain loop, ``[steps, P]``."""

    def make(model):
        optimizer, scheduler = recipe.build(model, steps=steps)
        return optimizer, lambda _: None, scheduler.step

    return train_in_loop(make, steps=steps)


def run(recipe, framework, given, *, steps=STEPS):
    code = framework_code(recipe, framework, steps=steps)
    assert "surefoot" not in code
    exec(compile(code, "pasted", "exec"), given)
    return given


@pytest.mark.parametrize("text", ON_TORCH)
@pytest.mark.filterwarnings("ignore")
def test_lightning(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes logs
    model = Network()
    rows = torch.utils.data.DataLoader([*batches(STEPS)], batch_size=None)
    run(Recipe.parse(text), "lightning", {"model": model, "loss_function": loss_function, "batches": rows})
    assert (flat(model) - built(Recipe.parse(text))[-1]).abs().max() < 1e-12


class WithLoss(Network):
    """A model as the Hugging Face trainer wants it: it returns its loss."""

    def forward(self, inputs, labels):
        return {"loss": loss_function(super().forward(inputs), labels)}


@pytest.mark.parametrize("text", ON_TORCH)
@pytest.mark.filterwarnings("ignore")
def test_hugging_face(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # All samples are one, so that it does not matter how the trainer shuffles them.
    inputs, targets = next(batches(1))
    rows = [{"inputs": inputs[0], "labels": targets[0]}] * 8
    recipe, model, alone = Recipe.parse(text), WithLoss(), WithLoss()
    given = run(recipe, "huggingface", {"model": model, "train_dataset": rows})
    optimizer, scheduler = recipe.build(alone, steps=STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        alone(inputs[:1].expand(8, -1), targets[:1].expand(8))["loss"].backward()
        optimizer.step()
        scheduler.step()
    assert given["trainer"].state.global_step == STEPS
    assert (flat(model) - flat(WithLoss())).norm() > 1e-3
    assert (flat(model) - flat(alone)).abs().max() < 1e-12


@pytest.mark.parametrize("text", ON_OPTAX)
def test_optax(text):
    import jax
    import jax.numpy as jnp

    recipe, model = Recipe.parse(text), Network()
    with jax.enable_x64(True):
        optimizer = run(recipe, "optax", {})["optimizer"]
        update = jax.jit(optimizer.update)  # traced: what changes has to be in the program, not in Python
        params = jnp.asarray(flat(model).numpy())
        state = optimizer.init(params)
        for batch in batches(STEPS):
            grads = gradient(model, torch.from_numpy(np.array(params)), batch).numpy()
            updates, state = update(jnp.asarray(grads), state, params)
            params = params + updates
    assert np.abs(np.asarray(params) - built(recipe)[-1].numpy()).max() < 3e-6  # PyTorch clips to a millionth less


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))  # it writes a file into its home
        import keras

        yield keras


@pytest.mark.parametrize("text", ON_KERAS)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras(text, keras):
    recipe, model = Recipe.parse(text), Network()
    layer = keras.Sequential([keras.layers.Dense(1)])
    optimizer = run(recipe, "keras", {"model": layer, "loss_function": "mse"})["optimizer"]
    assert layer.optimizer is optimizer
    variable = keras.Variable(flat(model).numpy(), dtype="float64")
    for batch in batches(STEPS):
        row = torch.from_numpy(np.array(keras.ops.convert_to_numpy(variable)))
        optimizer.apply([keras.ops.convert_to_tensor(gradient(model, row, batch).numpy())], [variable])
    # Keras keeps the learning rate in float32, and adds eps before it corrects Adam's mean square.
    assert np.abs(keras.ops.convert_to_numpy(variable) - built(recipe)[-1].numpy()).max() < 3e-5


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_fits_with_it_and_saves_it(keras, tmp_path):
    layer = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(3)])
    given = {"model": layer, "loss_function": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
    run(Recipe.parse("sgd(lr=cosine(0.5), momentum=0.9)"), "keras", given)
    inputs, targets = (part.numpy() for part in next(batches(1)))
    losses = layer.fit(inputs, targets, epochs=STEPS, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    layer.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"Table": given["Table"]})
    assert float(again.optimizer.learning_rate) == pytest.approx(float(layer.optimizer.learning_rate))


@pytest.mark.parametrize(
    ("framework", "text", "said"),
    [
        ("optax", "nadam(lr=0.1)", r"optax has no nadam by the same rule as PyTorch's\. Hint: it has sgd"),
        ("optax", "sgd(lr=0.1, momentum=0.9, dampening=0.1)", "it has no dampening like PyTorch's"),
        ("optax", "rmsprop(lr=0.1, momentum=0.9)", "it has no momentum like PyTorch's"),
        ("optax", "adam(lr=0.1, amsgrad=true)", "it has no amsgrad like PyTorch's"),
        ("optax", "sgd(lr=0.1, weight_decay=cosine(0.1))", "its weight_decay cannot change during training"),
        ("optax", "adamw(lr=0.1, no_decay=bias)", "parameter groups are exported to PyTorch alone"),
        ("keras", "sgd(lr=0.1, momentum=linear(0.9))", "its momentum cannot change during training"),
        ("keras", "sgd(lr=0.1, weight_decay=0.1)", "no L2 weight decay"),
        ("mxnet", "sgd(lr=0.1)", "no code is written for 'mxnet'"),
    ],
)
def test_what_a_framework_cannot_follow_is_said(framework, text, said):
    with pytest.raises(RecipeError, match=said):
        framework_code(Recipe.parse(text), framework, steps=10)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_bounds_are_kept_in_every_framework(framework):
    with pytest.raises(RecipeError, match="momentum"):
        framework_code(Recipe.parse("sgd(lr=0.1, momentum=1.5)"), framework, steps=10)
