"""A recipe as a PyTorch script to paste, which needs nothing of surefoot, its groups of parameters too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from surefoot.core.errors import RecipeError
from surefoot.export.equivalents import python_code, torch_scheduler
from surefoot.optimizers.parameter_groups import NORM_CLASS, Groups
from surefoot.optimizers.rule import EMBEDDING_CLASS, UpdateRule
from surefoot.recipe.build import PAIRS
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import hyperparameters_of, rule_named, switches_of
from surefoot.schedules.constant import Constant
from surefoot.schedules.one_cycle import OneCycle
from surefoot.schedules.scanner import number_text as num
from surefoot.schedules.schedule import Schedule, TorchScheduler

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


BY_FUNCTION = TorchScheduler("LambdaLR", ("lr_at",))
_WIDTH = 100
_PAIRED = {name for names in PAIRS.values() for name in names}


@dataclass(frozen=True, slots=True)
class Script:
    """The script of one recipe.

    Attributes:
        scheduled: The hyperparameters that change.
        scheduler: The torch scheduler that changes them, if one does.
        in_loop: Whether the loop sets them instead.
    """

    recipe: Recipe
    steps: int
    scheduled: dict[str, Schedule]
    scheduler: TorchScheduler | None
    in_loop: bool

    @classmethod
    def of(cls, recipe: Recipe, steps: int) -> Script:
        """Decide who changes the hyperparameters: nobody, torch's scheduler, LambdaLR or the loop."""
        scheduled = {name: schedule for name, schedule in recipe.hyper if not isinstance(schedule, Constant)}
        grouped = bool(recipe.groups.lr_factor)
        scheduler = None
        if [*scheduled] == ["lr"]:
            scheduler = torch_scheduler(recipe.lr, steps=steps, grouped=grouped) or BY_FUNCTION
        elif _one_momentum(recipe, scheduled) and isinstance(recipe.lr, OneCycle) and not grouped:
            scheduler = recipe.lr.torch_scheduler(steps, momentum=recipe.momentum)
        return cls(recipe, steps, scheduled, scheduler, in_loop=bool(scheduled) and scheduler is None)

    @property
    def rule(self) -> type[UpdateRule]:
        """The update rule of the recipe."""
        return rule_named(self.recipe.optimizer)

    @property
    def written(self) -> dict[str, Schedule]:
        """The schedules that the script has functions for."""
        return self.scheduled if self.in_loop or self.scheduler == BY_FUNCTION else {}

    def head(self, yours: str, *imports: str) -> list[str]:
        """Return the first lines: what the script is, what it takes from the user, and its imports."""
        of_python = [*self._imports()]
        return [f"# {self.recipe} for {self.steps} steps.", yours, *of_python, *([""] if of_python else []), *imports]

    def _imports(self) -> Iterator[str]:
        """Yield the imports of Python's own modules."""
        if any("math." in self._function(name) for name in self.written):
            yield "import math"
        yield from groups_imports(self.recipe.groups, hidden=self._hidden)

    def functions(self) -> Iterator[str]:
        """Yield the functions of the step, and an optimizer that torch has not, each a block of lines."""
        yield from map(self._function, self.written)
        if self.rule.torch_source is not None:
            yield self.rule.torch_source

    def groups(self) -> str | None:
        """Return the sorting of ``model``'s parameters into ``params``, ``None`` where they are all alike."""
        if not self._sorted:
            return None
        return groups_code(self.recipe.groups, group=self._group(), hidden=self._hidden)

    def optimizer(self) -> Iterator[str]:
        """Yield the making of optimizer and scheduler."""
        kind = torch_name(self.rule)
        params = "params" if self._sorted else "model.parameters()"
        yield _call(f"optimizer = {kind}", [params, *self._settings()])
        if self.scheduler is not None:
            opening = f"scheduler = torch.optim.lr_scheduler.{self.scheduler.name}"
            of_function = "  # sets lr to lr_at(step)" if self.scheduler == BY_FUNCTION else ""
            yield _call(opening, ["optimizer", *self.scheduler.arguments]) + of_function
        momentum = self.scheduled.get("momentum")
        source = self.rule.late_momentum_source
        if source is not None and momentum is not None and momentum.value(0, self.steps) == 0:
            yield from ("", "", source)

    def assignments(self) -> Iterator[str]:
        """Yield the lines that set the hyperparameters of ``group`` to those of ``step``, where the loop does that."""
        return self._assignments() if self.in_loop else iter(())

    def _function(self, name: str) -> str:
        return python_code(self.recipe.schedule(name), total=self.steps, name=f"{name}_at").rstrip()

    @property
    def _hidden(self) -> bool:
        """Whether hidden matrices are treated differently from the rest."""
        return self.rule.splits_hidden

    @property
    def _sorted(self) -> bool:
        """Whether the parameters are sorted into groups."""
        return self._hidden or bool(self.recipe.groups)

    def _group(self) -> str:
        """Return the settings of one parameter group."""
        items = ['"params": members', *(['"hidden": hidden'] if self._hidden else [])]
        for name, factor in (("lr", "lr"), ("weight_decay", "decay")):
            of_own = self.recipe.groups.lr_factor if name == "lr" else self._decays
            if of_own and self.in_loop and name in self.scheduled:
                items.append(f'"{factor}_factor": {factor}')
            elif of_own:
                items.append(f'"{name}": {self._value(name)} * {factor}')
        return f"{{{', '.join(items)}}}"

    @property
    def _decays(self) -> bool:
        return bool(self.recipe.groups.no_decay or self.recipe.groups.decay_factor)

    def _settings(self) -> Iterator[str]:
        """Yield the optimizer's arguments: what is not torch's default."""
        shown = {"lr", "momentum"} | {name for name in self.scheduled if name != "lr"}
        values = {
            spec.name: self._value(spec.name)
            for spec in hyperparameters_of(self.recipe.optimizer)
            if spec.name in shown or self.recipe.schedule(spec.name) != Constant(spec.default)
        }
        for pair, names in PAIRS.items():
            if values.keys() & {*names}:
                values[pair] = f"({', '.join(self._value(name) for name in names)})"
        for name, value in values.items():
            if name not in _PAIRED:
                yield f"{self.rule.torch_names.get(name, name)}={value}"
        for switch in switches_of(self.recipe.optimizer):
            on = switch in self.recipe.switches
            # Torch refuses Nesterov at momentum 0, where it means nothing.
            means_nothing = switch == "nesterov" and self.recipe.momentum == Constant(0.0)
            if on != (switch in self.rule.switched_on) and not means_nothing:
                yield f"{switch}={on}"

    def _value(self, name: str) -> str:
        """Return the text of what a hyperparameter is before the first step."""
        schedule = self.recipe.schedule(name)
        if isinstance(schedule, Constant):
            if name == "eps1" and schedule.peak == 0:
                return "None"  # the dtype's own epsilon
            # Torch takes betas only if both are floats.
            return repr(schedule.peak) if name in ("beta1", "beta2") else num(schedule.peak)
        if self.in_loop:
            # Torch refuses Nesterov at momentum 0, though only here; the loop sets the true value at once.
            stand_in = "nesterov" in self.recipe.switches and name == "momentum" and schedule.value(0, self.steps) == 0
            return "0.5" if stand_in else f"{name}_at(0)"
        if name == "lr" and self.written:
            return "1.0"  # LambdaLR multiplies it by the function, which is the rate itself
        if name != "lr" and isinstance(schedule, OneCycle):
            return num(schedule.ends()[0])
        return num(schedule.highest)

    def _assignments(self) -> Iterator[str]:
        """Yield the lines that set one group's hyperparameters."""
        for name in self.scheduled:
            if name in _PAIRED:
                continue
            factor = {"lr": "lr_factor", "weight_decay": "decay_factor"}.get(name)
            grouped = self.recipe.groups.lr_factor if name == "lr" else self._decays
            times = f' * group["{factor}"]' if factor and grouped else ""
            yield f'group["{name}"] = {name}_at(step){times}'
        for pair, names in PAIRS.items():
            if self.scheduled.keys() & {*names}:
                of_step = (f"{name}_at(step)" if name in self.scheduled else self._value(name) for name in names)
                yield f'group["{pair}"] = ({", ".join(of_step)})'


def torch_name(rule: type[UpdateRule]) -> str:
    """Return how exported code names the optimizer: torch's class, or the one that the code defines.

    Raises:
        RecipeError: If no torch optimizer is known for the rule, or it is a class of a plugin without source text.
    """
    kind = rule.torch_optimizer()
    if rule.torch_source is not None:
        return rule.torch_source.split("class ", 1)[1].split("(", 1)[0]
    if getattr(torch.optim, kind.__name__, None) is not kind:
        raise RecipeError(
            f"{rule.name} is no optimizer of torch, and its plugin gives no source text to export.",
            hint="its class needs torch_source, the source text of its torch optimizer.",
        )
    return f"torch.optim.{kind.__name__}"


def _one_momentum(recipe: Recipe, scheduled: dict[str, Schedule]) -> bool:
    """Tell whether what changes is the learning rate and the one momentum that torch's schedulers know."""
    return not rule_named(recipe.optimizer).splits_hidden and [*scheduled] in (["lr", "momentum"], ["lr", "beta1"])


def _call(opening: str, arguments: list[str]) -> str:
    """Return a call on one line where it fits, else an argument a line."""
    line = f"{opening}({', '.join(arguments)})"
    return line if len(line) <= _WIDTH else "\n".join([f"{opening}(", *(f"    {each}," for each in arguments), ")"])


USERS_NAMES = "# Yours are model, loss_function and batches, which yields (inputs, targets)."


def pytorch_code(recipe: Recipe, *, steps: int) -> str:
    """Return a recipe as a PyTorch script around the user's ``model``, ``loss_function`` and ``batches``.

    It trains as ``recipe.build`` does. Where torch has the schedule it is torch's scheduler; one that torch has not is
    a function of the step, and what torch's schedulers cannot change (momentum, weight decay) is set in the loop.

    Args:
        recipe: What to write out.
        steps: Optimizer steps of the whole training.

    Raises:
        RecipeError: If ``steps`` is below 1 or a schedule leaves its bounds.

    Example:
        >>> print(pytorch_code(Recipe.parse("sgd(lr=cosine(0.3), momentum=0.9)"), steps=220))
        # sgd(lr=cosine(0.3), momentum=0.9) for 220 steps.
        # Yours are model, loss_function and batches, which yields (inputs, targets).
        import torch
        <BLANKLINE>
        optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=220)
        <BLANKLINE>
        for step, (inputs, targets) in zip(range(220), batches):
            optimizer.zero_grad()
            loss = loss_function(model(inputs), targets)
            loss.backward()
            optimizer.step()
            scheduler.step()  # after every optimizer step
        <BLANKLINE>
    """
    recipe.require_bounds(steps=steps)
    script = Script.of(recipe, steps)
    parts = [
        *script.head(USERS_NAMES, "import torch"),
        "",
        *_definitions(script),
        *script.optimizer(),
        "",
        *_loop(script),
        "",
    ]
    return "\n".join(parts)


def _definitions(script: Script) -> Iterator[str]:
    groups = script.groups()
    blocks = [*script.functions(), *([groups] if groups else [])]
    for block in blocks:
        yield from ("", block, "")
    if blocks and not groups:
        yield ""


def _loop(script: Script) -> Iterator[str]:
    yield f"for step, (inputs, targets) in zip(range({script.steps}), batches):"
    if script.in_loop:
        yield "    for group in optimizer.param_groups:  # before every optimizer step"
        yield from (f"        {line}" for line in script.assignments())
    yield "    optimizer.zero_grad()"
    yield "    loss = loss_function(model(inputs), targets)"
    yield "    loss.backward()"
    if script.recipe.clip is not None:
        yield f"    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={num(script.recipe.clip)})"
    yield "    optimizer.step()"
    if script.scheduler is not None:
        yield "    scheduler.step()  # after every optimizer step"
