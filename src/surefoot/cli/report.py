"""``surefoot report``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="A study again, and its report anew.")
@click.argument("study", default="surefoot.db")
@click.option("--out", type=click.Path(path_type=Path), default="surefoot-out", show_default=True, help="Where to.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
def report(study: str, *, out: Path, as_json: bool) -> int:
    """Show STUDY (PATH or PATH#id) again and write its report anew.

    \b
    surefoot report surefoot.db
    surefoot report surefoot.db#3 --out talk
    """
    from surefoot.cli.search import show_result
    from surefoot.files import writable_folder
    from surefoot.search.read_result import SEARCHES, read_result
    from surefoot.studies.study import Study

    result = read_result(Study.open(study, commands=SEARCHES))
    writable_folder(out)
    return show_result(result, out=out, as_json=as_json)
