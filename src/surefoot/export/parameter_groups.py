"""Groups of parameters as PyTorch source text."""

from __future__ import annotations

import re

from surefoot.optimizers.parameter_groups import NORM_CLASS, Groups
from surefoot.optimizers.rule import EMBEDDING_CLASS
from surefoot.schedules.scanner import number_text as num

_HIDDEN = f'''\
outer = {{
    id(param)
    for module in model.modules()
    if any(re.search(r"{EMBEDDING_CLASS.pattern}", kind.__name__) for kind in type(module).__mro__)
    for param in module.parameters(recurse=False)
}}
matrices = [param for _, param in model.named_parameters(remove_duplicate=False) if param.dim() == 2]
outer.update(map(id, matrices[-1:]))  # the output layer's


def is_hidden(param):
    """Tell whether it is a matrix between the embeddings and the output layer."""
    return param.dim() == 2 and id(param) not in outer


'''.splitlines()

_BY_HIDDEN = """\
params = [
    {"params": [param for param in model.parameters() if is_hidden(param) == hidden], "hidden": hidden}
    for hidden in (True, False)
]""".splitlines()


def groups_code(groups: Groups, *, group: str, hidden: bool) -> str:
    """Return the code that sorts a model's parameters into ``params``, a list of torch parameter groups.

    Args:
        groups: What to write out.
        group: Text of one group's settings, in terms of ``members``, ``lr`` and ``decay``, the group's factors.
        hidden: Whether to sort by ``hidden``, too: whether it is a hidden matrix.
    """
    if not groups:
        return "\n".join([*_HIDDEN, *_BY_HIDDEN])
    norms = "norm" in groups.patterns
    lines = [*(_HIDDEN if hidden else []), *_factors_lines(groups)]
    if norms:
        lines += [
            "norms = {",
            "    id(param)",
            "    for module in model.modules()",
            f'    if any(re.search(r"{NORM_CLASS.pattern}", kind.__name__) for kind in type(module).__mro__)',
            "    for param in module.parameters(recurse=False)",
            "}",
        ]
    key = f"factors(name{', id(param) in norms' if norms else ''})"
    lines += [
        "groups = {}",
        "for name, param in model.named_parameters():",
        f"    groups.setdefault({f'(*{key}, is_hidden(param))' if hidden else key}, []).append(param)",
        f"params = [{group} for (lr, decay{', hidden' if hidden else ''}), members in groups.items()]",
    ]
    return "\n".join(lines)


def groups_imports(groups: Groups, *, hidden: bool) -> list[str]:
    """Return the imports that the code of :func:`groups_code` needs."""
    fnmatch = ["from fnmatch import fnmatchcase"] if any(map(_is_glob, groups.patterns)) else []
    return (["import re"] if hidden or "norm" in groups.patterns else []) + fnmatch


def _factors_lines(groups: Groups) -> list[str]:
    lines = [
        f"def factors(name{', is_norm' if 'norm' in groups.patterns else ''}):",
        '    """Return what a parameter\'s learning rate and weight decay are multiplied by."""',
        "    lr = decay = 1.0",
    ]
    for pattern, factor in groups.lr_factor:
        lines += [f"    if {_condition(pattern)}:", f"        lr *= {num(factor)}"]
    for pattern, factor in groups.decay_factor:
        lines += [f"    if {_condition(pattern)}:", f"        decay *= {num(factor)}"]
    if groups.no_decay:
        lines += [f"    if {' or '.join(map(_condition, groups.no_decay))}:", "        decay = 0.0"]
    return [*lines, "    return lr, decay", "", ""]


def _condition(pattern: str) -> str:
    if pattern == "bias":
        return 'name.split(".")[-1] == "bias"'
    if pattern == "norm":
        return "is_norm"
    if _is_glob(pattern):
        return f"fnmatchcase(name, {_quoted(pattern)}) or fnmatchcase(name, {_quoted(pattern + '.*')})"
    return f'f"{{name}}.".startswith({_quoted(pattern + ".")})'


def _is_glob(pattern: str) -> bool:
    return re.search(r"[*?\[]", pattern) is not None


def _quoted(text: str) -> str:
    return repr(text) if '"' in text or "\\" in text else f'"{text}"'
