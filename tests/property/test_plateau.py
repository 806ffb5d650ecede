"""The plateau controller against ``torch.optim.lr_scheduler.ReduceLROnPlateau``, on random metrics."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from surefoot.fleet import Plateau

# Few different values, so that plateaus are common; and what a diverged training gives.
losses = st.sampled_from([3.0, 2.0, 1.9999, 1.0, 0.5, 0.0, -1.0, -1.0001, float("inf"), float("nan")]) | st.floats(
    -2, 2
)
plateaus = st.builds(
    Plateau,
    factor=st.sampled_from([0.1, 0.5, 0.9]),
    patience=st.integers(0, 4),
    threshold=st.sampled_from([0.0, 1e-4, 0.3]),
    cooldown=st.integers(0, 4),
    lowest=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
)


@given(plateaus, st.lists(st.tuples(losses, losses, losses), min_size=1, max_size=40))
def test_every_member_is_controlled_as_torch_controls_it(plateau, seen):
    optimizers = [torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0) for _ in range(3)]
    twins = [
        torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            factor=plateau.factor,
            patience=plateau.patience,
            threshold=plateau.threshold,
            cooldown=plateau.cooldown,
            min_lr=plateau.lowest,
            eps=0.0,
        )
        for optimizer in optimizers
    ]
    state = plateau.start(3)
    for row in seen:
        state = plateau.observe(state, torch.tensor(row, dtype=torch.float64))
        for twin, loss in zip(twins, row, strict=True):
            twin.step(loss)
        assert state.scale.tolist() == [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
