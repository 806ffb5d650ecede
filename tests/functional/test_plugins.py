"""One plugin of each kind, as docs/plugins.md has them, installed through entry points."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/plugins.md").read_text()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the module of the page and its entry points, as pip would install them."""
    site = tmp_path_factory.mktemp("site")
    (module,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (site / "my_plugins.py").write_text(module)
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    entries = re.sub(r'\[project\.entry-points\."(.*)"\]', r"[\1]", toml).replace('"', "")
    info = site / "my_plugins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entries)
    return site


@pytest.fixture(scope="module")
def run(installed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")

    def run(*arguments):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed), str(ROOT / "src")])}
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder = folder
    return run


def test_the_help_and_the_reference_list_them(run):
    shown = run("-m", "surefoot", "tune", "--help")
    assert "corners" in shown
    reference = run(str(ROOT / "docs/reference.py"), "--print")
    for name in ("signsgd", "halving", "corners", "keyvalue", "quadratic", "seconds"):
        assert f"- `{name}`: " in reference, name


def test_a_recipe_is_parsed_built_exported_and_offered_on_the_play_page(run):
    program = """
import torch
from surefoot import Recipe
from surefoot.export import framework_code
from surefoot.web.recipe_controls import OPTIMIZER_CHOICES, SCHEDULE_CHOICES

recipe = Recipe.parse("signsgd(lr=halving(0.5))")
weight = torch.ones(1, requires_grad=True)
optimizer, scheduler = recipe.build([weight], steps=4)
for _ in range(2):
    weight.grad = torch.full((1,), 3.0)
    optimizer.step()
    scheduler.step()
print(weight.item(), OPTIMIZER_CHOICES["signsgd"], "halving" in SCHEDULE_CHOICES)
code = framework_code(Recipe.parse("sgd(lr=halving(0.5))"), "pytorch", steps=4)
exec(code[code.index("def lr_at"):code.index("optimizer =")])
print([lr_at(step) for step in range(3)], recipe.lr.values(torch.arange(3).numpy(), 4).tolist())
try:
    framework_code(recipe, "pytorch", steps=4)
except Exception as error:
    print(error)
"""
    built, exported, refused = run("-c", program).splitlines()
    assert built == "0.25 signsgd(lr=0.05) True"
    assert exported == "[0.5, 0.25, 0.125] [0.5, 0.25, 0.125]"
    assert "signsgd is no optimizer of torch" in refused


def test_a_search_tries_them_with_a_trainer_and_a_sampler_of_its_own(run):
    options = ("--optimizers", "signsgd,sgd", "--schedules", "halving", "--sampler", "corners", "--budget", "4x")
    shown = run("-m", "surefoot", "tune", "quadratic:0.3", "--seed", "1", *options, "--json", "--quiet", "--no-report")
    found = json.loads(shown)
    assert "halving(" in found["recipe"]
    assert found["task"] == "quadratic"


def test_reports_have_the_figure_and_say_where_code_is_missing(run, tmp_path):
    small = ("wine", "--steps", "40", "--quiet", "--out", str(tmp_path))
    run("-m", "surefoot", "tune", *small, "--budget", "8x")
    assert "seconds" in (tmp_path / "report.html").read_text(encoding="utf-8")
    run("-m", "surefoot", "check", *small, "--recipe", "signsgd(lr=0.0000001)")
    assert "signsgd is no optimizer of torch" in (tmp_path / "check.html").read_text(encoding="utf-8")


def test_a_fleet_trains_it_as_the_built_optimizer_does(run):
    program = """
import torch
from surefoot import Recipe
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import train_members
from surefoot.tasks.loader import load_task

task = load_task("wine")
recipe = Recipe.parse("signsgd(lr=halving(0.01))")
fleet = create_fleet(task, [recipe, recipe], seed=3, plan=Plan("stacked", 2), total=20)
start = {name: value.clone() for name, value in fleet.state_dict(0).items()}
train_members(fleet, 20)
model = task.new_model()
model.load_state_dict(start)
optimizer, scheduler = recipe.build(model, steps=20)
for step in range(20):
    loss = task.batch_loss(model, task.batch("train", fleet.order.indices(step)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
print(max((a - b).abs().max().item() for a, b in zip(model.state_dict().values(), fleet.state_dict(1).values())))
"""
    assert float(run("-c", program)) < 1e-5


def test_a_log_is_read_and_a_figure_drawn(run):
    log = run.folder / "training.keyvalue"
    log.write_text("".join(f"loss={2 / (1 + step / 10)}\n" for step in range(200)))
    assert "Read up to step 199: train from 'loss'" in run("-m", "surefoot", "diagnose", str(log))
    program = """
from my_plugins import QuadraticTrainer
from surefoot import tune
from surefoot.plots import figures_of

result = tune(QuadraticTrainer(0.3, 1000), budget="4x")
print([figure.caption for figure in figures_of(result)][-1])
"""
    assert run("-c", program).strip() == "Seconds of every trial over its length."


def test_a_broken_plugin_breaks_nothing_else(installed, tmp_path):
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[surefoot.optimizers]\nbroken = no_such_module:Rule\nsgd = my_plugins:SignSGD\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (tmp_path, installed, ROOT / "src")))}
    program = "from surefoot.optimizers import RULES; print(list(RULES), RULES['sgd'])"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "broken" not in done.stdout
    assert "surefoot.optimizers.sgd.SGD" in done.stdout
    assert "the plugin 'broken' (no_such_module:Rule) of surefoot.optimizers was left out" in done.stderr
    assert "the plugin 'sgd' of surefoot.optimizers was left out: the name is built in" in done.stderr
