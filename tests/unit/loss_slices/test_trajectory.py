from surefoot.loss_slices.trajectory import recorded_steps


def test_weights_of_larger_networks_are_recorded_at_fewer_steps():
    assert len(recorded_steps(1000, weights=10_000)) == 60  # two of 61 are one
    assert len(recorded_steps(1000, weights=25_000_000)) == 9
    assert recorded_steps(3, weights=1) == [0, 1, 2, 3]
