"""The README's code runs, and the commands it names exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from surefoot.cli.main import cli, run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = {path.name: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
PYTHON = [
    pytest.param(block, id=f"{name}-{number}")
    for name, page in PAGES.items()
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL))
    if name != "plugins.md"  # tests/functional/test_plugins.py installs and runs it
]
CONSOLE = [
    line[2:].partition("  #")[0].strip()
    for page in PAGES.values()
    for block in re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("block", PYTHON)
def test_python_blocks_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "a block of the documentation", "exec"), {"__name__": "documentation"})


def test_the_readme_fits_its_readers_time():
    assert len(README.splitlines()) <= 200


def test_the_task_of_the_readme_can_be_tuned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = (each.values[0] for each in PYTHON if each.values[0].startswith("# train.py"))
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
    assert any(f"images/{name}" in page for page in PAGES.values())
    assert (ROOT / "docs/images" / name).stat().st_size > 5_000


def test_every_decision_is_listed_and_every_listed_one_is_there():
    folder = ROOT / "docs/adr"
    listed = set(re.findall(r"\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("0*.md")}


def test_the_reference_is_that_of_the_code():
    """Written anew with ``python docs/reference.py``."""
    program = [sys.executable, str(ROOT / "docs/reference.py"), "--print"]
    assert subprocess.check_output(program, text=True, cwd=ROOT) == (ROOT / "docs/reference.md").read_text()


def test_every_room_is_described_and_every_described_one_is_there():
    rows = [line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| `")]
    described = {name for row in rows for name in re.findall(r"`(\w+)/`", row.split("|")[1])}
    rooms = {path.parent.name for path in (ROOT / "src/surefoot").glob("*/__init__.py")}
    assert described == rooms
