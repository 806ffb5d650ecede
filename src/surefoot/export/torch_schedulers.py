"""Whether a scheduler of ``torch.optim`` follows a schedule by itself."""

from __future__ import annotations

from surefoot.schedules.polynomial import Linear
from surefoot.schedules.schedule import Schedule, TorchScheduler


def torch_scheduler(schedule: Schedule, *, steps: int, grouped: bool) -> TorchScheduler | None:
    """Return the equal scheduler for an optimizer whose learning rate is the peak; ``None`` where there is none.

    Args:
        schedule: Schedule of the learning rate.
        steps: Optimizer steps of the whole training.
        grouped: Whether parameter groups have rates of their own; then only schedulers that multiply will do.

    Example:
        >>> from surefoot.schedules.cosine import Cosine
        >>> torch_scheduler(Cosine(0.3), steps=100, grouped=False)
        TorchScheduler(name='CosineAnnealingLR', arguments=('T_max=100',))
    """
    has_floor = getattr(schedule, "final", 0.0) != 0.0 and not isinstance(schedule, Linear)
    if grouped and (has_floor or not schedule.scales_with_groups):
        return None
    return schedule.torch_scheduler(steps)
