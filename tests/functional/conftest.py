"""What the commands' tests share: a folder of their own with a plan in it, and the JSON that a command prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from surefoot.cli.main import run


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Make an empty folder the current one; its plan spares a command the measuring."""
    monkeypatch.chdir(tmp_path)
    Path("plan.json").write_text(json.dumps({"backend": "stacked", "width": 16, "threads": 1}))


@pytest.fixture
def json_of(capsys):
    """Return a function arguments -> the JSON object that the command prints."""

    def printed(arguments: list[str]) -> dict:
        assert run(arguments) == 0
        return json.loads(capsys.readouterr().out)

    return printed
