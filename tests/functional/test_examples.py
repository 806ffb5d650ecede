"""The tasks in examples/ load, run under vmap and can be learned."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.loader import load_task, load_task_or_function
from surefoot.tasks.sanity_check import sanity_check
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.script_trainer import ScriptTrainer
from surefoot.trainers.trial import Trial

EXAMPLES = Path(__file__).parents[2] / "examples"


LOOPS = {"watch", "plain_loop", "script"}  # no tasks


@pytest.fixture(params=sorted({path.stem for path in EXAMPLES.glob("*.py")} - LOOPS))
def task(request, monkeypatch, tmp_path):
    """Fashion-MNIST's place is taken by bright and dark pictures: the package may be absent."""
    labels = np.arange(10_000, dtype=np.uint8) % 10
    images = np.random.default_rng(0).integers(0, 20, (10_000, 28, 28), np.uint8) + 20 * labels[:, None, None]
    for name, array in (("train-images-idx3-ubyte", images.astype(np.uint8)), ("train-labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (tmp_path / name).write_bytes(header + array.tobytes())
    monkeypatch.setenv("SUREFOOT_DATA", str(tmp_path))
    return load_task(f"{EXAMPLES / request.param}.py:task")


def test_an_example_is_described_with_its_command(task):
    path = EXAMPLES / f"{task.name.replace('-', '_')}.py"
    assert f"surefoot tune examples/{path.name}:task" in path.read_text()
    assert 100 <= task.total_steps <= 400


def test_an_example_learns(task):
    torch.manual_seed(0)
    model = task.new_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    order = BatchOrder(len(task.train), task.batch_size, seed=0)
    for number in range(60):
        optimizer.zero_grad()
        loss = task.batch_loss(model, task.batch("train", order.indices(number)))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.8 * sanity_check(task).initial_loss


def test_members_of_an_example_train_together_as_they_do_alone(task):
    torch.manual_seed(0)
    members = [task.new_model().eval() for _ in range(3)]  # in evaluation: Dropout draws nothing
    batch = task.batch("train", torch.arange(8))

    def loss(parameters, buffers):
        return task.batch_loss(lambda *a, **k: functional_call(members[0], (parameters, buffers), a, k), batch)

    together = vmap(grad(loss))(*stack_module_state(members))
    for place, member in enumerate(members):
        task.batch_loss(member, batch).backward()
        for name, parameter in member.named_parameters():
            torch.testing.assert_close(together[name][place], parameter.grad, rtol=1e-4, atol=1e-5)


def test_a_loop_and_a_script_train_what_the_built_in_task_trains():
    """Alike but for the order of the batches, which are a DataLoader's there."""
    trial = Trial(Recipe.parse("sgd(lr=cosine(0.3), momentum=0.9)"), 66, 0)
    script = ScriptTrainer([sys.executable, str(EXAMPLES / "script.py"), "--epochs", "3"])
    assert script.steps == 3 * 22
    loop = FunctionTrainer(load_task_or_function(f"{EXAMPLES}/plain_loop.py:train"), steps=220)
    fleet = FleetTrainer(load_task("digits"), Plan("stacked", 1))
    of_loop, of_script, of_task = (next(trainer.train([trial]))[1].loss for trainer in (loop, script, fleet))
    assert of_script == pytest.approx(of_loop, rel=1e-5)
    assert of_loop == pytest.approx(of_task, rel=0.15)
