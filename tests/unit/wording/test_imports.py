"""Wording is had without what trains and what draws: the command starts quickly."""

import subprocess
import sys

HEAVY = ("torch", "numpy", "altair", "rich", "jinja2")
MODULES = ("explain_and_slice", "captions", "search", "verdicts")


def test_wording_imports_neither_torch_nor_what_draws():
    imports = ", ".join(f"surefoot.wording.{module}" for module in MODULES)
    code = f"import sys, {imports}; print([name for name in {HEAVY} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
