from __future__ import annotations

import pytest

from surefoot.core.errors import SurefootError
from surefoot.search.space.axes import Range
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.space.space_text import load_space


def test_a_toml_file_and_a_python_file_say_the_same(tmp_path):
    (tmp_path / "space.toml").write_text('optimizers = ["sgd", "adamw"]\nlr = [1e-3, 1.0]\nwarmup = [0.0, 0.1]\n')
    (tmp_path / "space.py").write_text(
        "from surefoot import Range, SearchSpace\n"
        "mine = SearchSpace(('sgd', 'adamw'), lr=Range(1e-3, 1.0), warmup=Range(0.0, 0.1))\n"
        "plain = {'optimizers': ['sgd', 'adamw'], 'lr': [1e-3, 1.0], 'warmup': [0.0, 0.1]}\n"
    )
    expected = SearchSpace(("sgd", "adamw"), lr=Range(1e-3, 1.0), warmup=Range(0.0, 0.1))
    for text in ("space.toml", "space.py:mine", "space.py:plain"):
        assert load_space(str(tmp_path / text)) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.toml", None, "No such file"),
        ("broken.toml", "lr = [", "is no TOML"),
        ("number.py:x", "x = 3", "no SearchSpace but a int"),
        ("empty.py:x", "y = 3", "has no 'x'"),
        ("raises.py:x", "1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_is_no_space_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name.partition(":")[0]).write_text(content)
    with pytest.raises(SurefootError, match=message):
        load_space(str(tmp_path / name))
