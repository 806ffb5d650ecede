"""The README's code runs, and the commands it names exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from surefoot.cli.main import cli, run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
CONSOLE = [
    line[2:].partition("  #")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python_blocks_run(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(PYTHON[number], f"README block {number}", "exec"), {"__name__": "readme"})


def test_the_task_of_the_readme_can_be_tuned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in PYTHON if block.startswith("# train.py"))
    Path("train.py").write_text(block)
    assert run(["tune", "train.py:task", "--budget", "12x", "--quiet", "--no-report"]) == 0


def test_the_readme_opens_with_the_two_commands():
    assert [command.split()[:2] for command in CONSOLE[:2]] == [["make", "demo"], ["make", "test"]]


@pytest.mark.parametrize("command", [shlex.split(line) for line in CONSOLE if line.startswith("surefoot")])
def test_commands_of_the_readme_are_understood(command):
    """Their options are parsed by the real command line; running them all would take minutes."""
    name, *arguments = command[1:]
    context = cli.commands[name].make_context(name, arguments)
    assert context.command.name == name


@pytest.mark.parametrize("name", ["demo.svg", "descent.gif", "heat_map.png", "play.png", "ravine.png", "slice.png"])
def test_the_pictures_are_there(name):
    assert f"docs/images/{name}" in README
    assert (ROOT / "docs/images" / name).stat().st_size > 5_000


def test_every_decision_is_listed_and_every_listed_one_is_there():
    folder = ROOT / "docs/adr"
    listed = set(re.findall(r"\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("0*.md")}
