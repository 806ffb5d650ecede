"""What goes wrong in a fleet: members that diverge, kills, broken files."""

import copy
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from surefoot.core.errors import OutputError, RecipeError, StudyError
from surefoot.fleet.calibration import calibrate
from surefoot.fleet.create_and_save_fleet import create_fleet, load_fleet, save_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.plan import Plan, member_bytes
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

SERIAL, STACKED, NARROW = Plan("serial", 1), Plan("stacked", 64), Plan("stacked", 2)
PLANS = pytest.mark.parametrize("plan", [SERIAL, STACKED, NARROW], ids=["serial", "stacked", "width 2"])
RECIPES = [
    "sgd(lr=0.1, momentum=0.9, nesterov=true, clip=1)",
    "adam(lr=0.01, amsgrad=true)",
    "rmsprop(lr=0.001, momentum=0.5, centered=true)",
    "sgd(lr=cosine(0.1), momentum=0.9)",
    "adagrad(lr=0.05)",
    "adadelta(lr=1)",
    "adamw(lr=0.01, weight_decay=0.1, no_decay=bias+norm)",
    "nadam(lr=0.01)",
    "lion(lr=0.001, clip=0.5)",
    "muon(lr=0.01)",
    "adafactor(lr=0.02)",
]


def convolution() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 3, 4)),
        nn.Conv2d(1, 4, 2),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(24, 3),
    )


def make_task(model=convolution, **settings) -> Task:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 12, generator=generator)
    y = x[:, :3].argmax(1)
    loss = nn.functional.cross_entropy
    return Task("small", model, loss, (x, y), (x[:20], y[:20]), **{"batch_size": 8, "steps": 40} | settings)


def recipes(texts=RECIPES) -> list[Recipe]:
    return [Recipe.parse(text) for text in texts]


def bits(fleet: Fleet) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in fleet.state()}


def assert_same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], rows=slice(None)) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        mine, theirs = tensor[rows], other[name][rows]
        both_nan = (
            mine.isnan() & theirs.isnan() if mine.is_floating_point() else torch.zeros_like(mine, dtype=torch.bool)
        )
        assert (both_nan | (mine == theirs)).all(), name


@PLANS
@pytest.mark.parametrize("clip", ["", ", clip=1"])
@pytest.mark.parametrize("rate", ["1e6", "1e30"])
def test_a_member_that_diverges_changes_no_bit_of_the_others(plan, rate, clip):
    calm = [*RECIPES[:3], "sgd(lr=0.05)", *RECIPES[3:]]
    broken = [*RECIPES[:3], f"sgd(lr={rate}, momentum=0.9{clip})", *RECIPES[3:]]
    fleets = [create_fleet(make_task(), recipes(texts), seed=0, plan=plan) for texts in (calm, broken)]
    for fleet in fleets:
        train_members(fleet, 15)
    others = [member for member in range(len(calm)) if member != 3]
    assert_same_bits(*map(bits, fleets), rows=others)
    scores = [evaluate_members(fleet, "valid").loss for fleet in fleets]
    assert torch.equal(scores[0][others], scores[1][others])
    assert not torch.equal(fleets[0].params[3], fleets[1].params[3])
    params = fleets[1].params[3]
    assert not params.isfinite().all() or params.abs().max() > 1e3
    if rate == "1e30":
        assert fleets[1].diverged_at[3] > 0
        assert not scores[1][3].isfinite()


def one_weight_task(**settings) -> Task:
    """Least squares on one weight: at learning rate 1e30 the loss is finite, then infinite or NaN."""
    x = torch.ones(8, 1)
    return Task(
        "line", lambda: nn.Linear(1, 1, bias=False), nn.functional.mse_loss, (x, 2 * x), (x, 2 * x),
        batch_size=4, steps=20, **settings,
    )  # fmt: skip


@PLANS
def test_the_step_of_divergence_is_that_of_the_first_loss_that_is_not_finite(plan):
    rates = [0.1, 1e30, 1e6, 1e12, 0.2]
    fleet = create_fleet(one_weight_task(), [Recipe.of("sgd", lr=rate) for rate in rates], seed=0, plan=plan)
    losses = torch.cat([train_members(fleet, 1), train_members(fleet, 4), train_members(fleet, 15)])
    expected = [next((step for step in range(20) if not losses[step, k].isfinite()), -1) for k in range(5)]
    assert fleet.diverged_at.tolist() == expected
    assert expected[0] == expected[4] == -1
    assert expected[1] == 1, "after one step at 1e30 the squared error exceeds float32"
    assert 1 < expected[3] < expected[2] < 20


@PLANS
def test_a_training_resumes_from_its_file_bit_for_bit(plan, tmp_path):
    task, path = make_task(), tmp_path / "fleet.safetensors"

    def train_first_part() -> Fleet:
        fleet = create_fleet(task, recipes(), seed=5, plan=plan, total=30)
        train_members(fleet, 7)
        train_members(fleet, 4, members=[1, 4])
        fleet.lr_scale[5] = 0.5
        return fleet

    uninterrupted, before = train_first_part(), train_first_part()
    save_fleet(before, path)
    resumed = load_fleet(path, task, plan=plan)
    assert resumed.recipes == uninterrupted.recipes
    assert_same_bits(bits(resumed), bits(uninterrupted))
    for fleet in (uninterrupted, resumed):
        train_members(fleet, 13)
    assert_same_bits(bits(resumed), bits(uninterrupted))
    assert [resumed.curve(member) for member in range(9)] == [uninterrupted.curve(member) for member in range(9)]
    assert torch.equal(evaluate_members(resumed, "valid").loss, evaluate_members(uninterrupted, "valid").loss)
    assert not list(tmp_path.glob(".*")), "no temporary file is left"


def test_a_training_may_resume_under_another_plan(tmp_path):
    task, path = make_task(precision="fp64"), tmp_path / "fleet.safetensors"
    # SGD alone: the convolution's bias has no effect under the normalisation, and the others magnify its rounding.
    fleet = create_fleet(task, recipes([RECIPES[0], RECIPES[3], "sgd(lr=0.02)"]), seed=0, plan=STACKED)
    train_members(fleet, 5)
    save_fleet(fleet, path)
    others = [load_fleet(path, task, plan=plan) for plan in (SERIAL, NARROW)]
    for resumed in (fleet, *others):
        train_members(resumed, 10)
    assert all((other.params - fleet.params).abs().max() < 1e-10 for other in others)


SAVER = """
import sys, torch
from pathlib import Path
from tests.faults.test_fleet_faults import make_task, recipes, STACKED
from surefoot.fleet.create_and_save_fleet import create_fleet, save_fleet
from surefoot.fleet.training import train_members
torch.set_num_threads(1)
fleet = create_fleet(make_task(), recipes(), seed=0, plan=STACKED)
while True:
    train_members(fleet, 1)
    save_fleet(fleet, Path(sys.argv[1]))
    print(int(fleet.step[0]), flush=True)
"""

DYING = """
import os, sys
from pathlib import Path
from surefoot.core.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half of a n")
    os._exit(9)
"""


def python(code: str, *arguments: object, **settings) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(["src", "."]), "OMP_NUM_THREADS": "1"}
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment, cwd=root, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings,
    )  # fmt: skip


def test_a_process_killed_at_any_moment_leaves_a_complete_state_on_disk(tmp_path):
    path = tmp_path / "fleet.safetensors"
    with python(SAVER, path) as process:
        assert process.stdout is not None
        for number in range(1, 31):
            assert int(process.stdout.readline()) == number
        process.send_signal(signal.SIGKILL)
        printed = [int(text) for text in process.stdout]
    last = max([30, *printed])
    fleet = load_fleet(path, make_task(), plan=STACKED)
    assert set(fleet.step.tolist()) in ({last}, {last + 1}), "the last state that was reported, or one more"
    train_members(fleet, 3)


def test_a_crash_before_the_temporary_file_is_renamed_leaves_the_old_file(tmp_path):
    path = tmp_path / "fleet.safetensors"
    fleet = create_fleet(make_task(), recipes(), seed=0, plan=STACKED)
    train_members(fleet, 3)
    save_fleet(fleet, path)
    before = path.read_bytes()
    with python(DYING, path) as process:
        assert process.wait() == 9
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2, "the incomplete file is there, under another name"
    assert_same_bits(bits(load_fleet(path, make_task(), plan=STACKED)), bits(fleet))


class Augmented(torch.utils.data.Dataset):
    """Draws from the global generators of torch, NumPy and Python, as data augmentation does."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        generator = torch.Generator().manual_seed(index)
        x = torch.randn(12, generator=generator) + 0.1 * torch.randn(12)
        return x * float(np.random.uniform(0.9, 1.1)) + random.gauss(0.0, 0.01), index % 3


class Stopping(Augmented):
    """Raises once, in the middle of a training."""

    armed = False

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if self.armed and index == 17:
            self.armed = False
            raise KeyboardInterrupt
        return super().__getitem__(index)


def test_a_fleet_stopped_in_the_middle_of_a_step_is_not_saved(tmp_path):
    data, path = Stopping(), tmp_path / "fleet.safetensors"
    loss = nn.functional.cross_entropy
    task = Task("stopped", lambda: nn.Linear(12, 3), loss, data, data, batch_size=4, steps=20)
    fleet = create_fleet(task, recipes(RECIPES[:2]), seed=0, plan=STACKED)
    train_members(fleet, 2)
    save_fleet(fleet, path)
    data.armed = True
    with pytest.raises(KeyboardInterrupt):
        train_members(fleet, 18)
    assert not fleet.consistent
    with pytest.raises(StudyError, match="in the middle of a step"):
        save_fleet(fleet, path)
    resumed, straight = (
        load_fleet(path, task, plan=STACKED),
        create_fleet(task, recipes(RECIPES[:2]), seed=0, plan=STACKED),
    )
    train_members(resumed, 18)
    train_members(straight, 20)
    assert_same_bits(bits(resumed), bits(straight))


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "fleet.safetensors"
    fleet = create_fleet(make_task(), recipes(RECIPES[:2]), seed=0, plan=STACKED)
    train_members(fleet, 2)
    save_fleet(fleet, path)
    return path


@pytest.mark.parametrize("length", [0, 4, 100, -100, -1])
def test_a_truncated_file_is_rejected_in_one_line(saved, length):
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(StudyError, match=r"cannot read the checkpoint .*fleet\.safetensors") as caught:
        load_fleet(saved, make_task(), plan=STACKED)
    assert "\n" not in str(caught.value)


def wider() -> nn.Module:
    return nn.Sequential(nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3))


def without_norm() -> nn.Module:
    model = convolution()
    model[2] = nn.BatchNorm2d(4, track_running_stats=False)
    return model


@pytest.mark.parametrize(
    ("task", "cause"),
    [
        (lambda: make_task(wider), "its parameters are not those of task 'small'"),
        (lambda: make_task(without_norm), "belongs to another model"),
        (lambda: make_task(precision="fp64"), "belongs to another model"),
    ],
)
def test_a_state_of_another_model_is_rejected(saved, task, cause):
    with pytest.raises(StudyError, match=cause):
        load_fleet(saved, task(), plan=STACKED)


@pytest.mark.parametrize(
    ("metadata", "cause"),
    [
        (None, "does not hold the state of a fleet"),
        ({"surefoot": "{"}, "Expecting"),
        ({"surefoot": "[]"}, "does not hold the state of a fleet"),
        ({"surefoot": json.dumps({"schema": 2})}, "version is 2"),
        ({"surefoot": json.dumps({"schema": 1})}, "recipes"),
        ({"surefoot": json.dumps({"schema": 1, "recipes": [{}], "seed": 0})}, "does not fit"),
    ],
)
def test_a_file_of_another_program_is_rejected(tmp_path, metadata, cause):
    path = tmp_path / "other.safetensors"
    save_file({"params": torch.zeros(2)}, path, metadata=metadata)
    with pytest.raises(StudyError, match=cause) as caught:
        load_fleet(path, make_task(), plan=STACKED)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_rejected(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(StudyError, match="cannot read the checkpoint"):
            load_fleet(path, make_task(), plan=STACKED)


def test_a_path_that_cannot_be_written_is_an_output_error(tmp_path):
    fleet = create_fleet(make_task(), recipes(RECIPES[:1]), seed=0, plan=STACKED)
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "none" / "a.safetensors", tmp_path / "file" / "a.safetensors", tmp_path):
        with pytest.raises(OutputError, match="cannot write"):
            save_fleet(fleet, path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


FULL = """
import resource, sys
from pathlib import Path
from surefoot.core.errors import OutputError
from surefoot.fleet.create_and_save_fleet import load_fleet, save_fleet
from surefoot.fleet.training import train_members
from tests.faults.test_fleet_faults import STACKED, make_task
fleet = load_fleet(Path(sys.argv[1]), make_task(), plan=STACKED)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
train_members(fleet, 1)
try:
    save_fleet(fleet, Path(sys.argv[1]))
except OutputError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_file(saved):
    before = saved.read_bytes()
    with python(FULL, saved) as process:
        out, err = process.communicate()
    assert out.startswith("cannot write"), err
    assert "File too large" in out
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 1


def generators() -> tuple[object, ...]:
    return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())


def drawing_model() -> nn.Module:
    """Return a model that draws its weights from NumPy's global generator."""
    model = nn.Sequential(nn.Linear(12, 5), nn.Dropout(0.5), nn.Linear(5, 3))
    model[0].weight.data = torch.from_numpy(np.random.standard_normal((5, 12))).float()
    return model


@PLANS
def test_global_generators_neither_change_nor_matter(plan, tmp_path):
    loss = nn.functional.cross_entropy
    task = Task("drawing", drawing_model, loss, Augmented(), Augmented(), batch_size=8, steps=20)
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        before = generators()
        fleet = create_fleet(task, recipes(RECIPES[:3]), seed=0, plan=plan)
        train_members(fleet, 6)
        results.append((fleet.params, evaluate_members(fleet, "valid").loss))
        save_fleet(fleet, tmp_path / "fleet.safetensors")
        train_members(load_fleet(tmp_path / "fleet.safetensors", task, plan=plan), 1)
        member_bytes(task)
        assert generators() == before
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_calibration_changes_no_global_generator():
    task = Task("drawing", drawing_model, nn.functional.cross_entropy, Augmented(), Augmented(), batch_size=8, steps=20)
    before = generators()
    calibrate(task, members=4)
    assert generators() == before


def test_evaluation_changes_no_state():
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(12, 3)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return self.layer(x)

    for plan in (SERIAL, STACKED, NARROW):
        fleet = create_fleet(make_task(Counting), recipes(RECIPES[:3]), seed=0, plan=plan)
        train_members(fleet, 3)
        before = bits(fleet)
        evaluate_members(fleet, "valid")
        evaluate_members(fleet, "valid", members=[2, 0])
        assert_same_bits(bits(fleet), before)
        assert fleet.buffers["calls"].tolist() == [3.0, 3.0, 3.0]


@PLANS
def test_the_users_model_is_not_changed(plan):
    prototype = convolution()
    before = copy.deepcopy(prototype.state_dict())
    fleet = create_fleet(make_task(lambda: copy.deepcopy(prototype)), recipes(RECIPES[:3]), seed=0, plan=plan)
    train_members(fleet, 5)
    evaluate_members(fleet, "valid")
    assert prototype.training
    assert all(torch.equal(value, before[name]) for name, value in prototype.state_dict().items())
    assert all(param.grad is None for param in prototype.parameters())


def test_an_impossible_fleet_is_rejected():
    with pytest.raises(RecipeError, match="at least one"):
        create_fleet(make_task(), [], seed=0, plan=STACKED)
    with pytest.raises(RecipeError, match="at least 0; given -1"):
        create_fleet(make_task(), recipes(), seed=-1, plan=STACKED)
    fleet = create_fleet(make_task(), recipes(RECIPES[:2]), seed=0, plan=STACKED)
    wrong = Recipe.parse("sgd(lr=0.1, lr_factor=backbone:0.1)")
    with pytest.raises(RecipeError, match="no parameter matches 'backbone'"):
        create_fleet(make_task(), [wrong], seed=0, plan=STACKED)
    with pytest.raises(IndexError):
        train_members(fleet, 1, members=[2])
