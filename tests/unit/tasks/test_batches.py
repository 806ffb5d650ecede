import pytest
import torch

from surefoot.core.errors import TaskError
from surefoot.tasks.batches import BatchOrder, chunks


def test_global_luck_neither_matters_nor_moves():
    order = BatchOrder(50, 8, seed=3)
    torch.manual_seed(1)
    first, state = order.indices(40), torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(order.indices(40), first)
    torch.manual_seed(1)
    order.indices(1000)
    assert torch.equal(torch.get_rng_state(), state)


def test_writing_into_a_batch_changes_no_other():
    order = BatchOrder(10, 5, seed=0)
    before = order.indices(0).clone()
    order.indices(0).fill_(-1)
    assert torch.equal(order.indices(0), before)


def test_neighbouring_seeds_and_epochs_have_nothing_in_common():
    orders = [BatchOrder(200, 200, seed).indices(epoch) for seed in range(6) for epoch in range(6)]
    same = [(a == b).sum().item() for i, a in enumerate(orders) for b in orders[:i]]
    # Two random permutations agree in 1 place on average, in Poisson fashion: 12 or more has a chance of 1e-9 a pair.
    assert max(same) < 12
    assert sum(same) / len(same) == pytest.approx(1.0, abs=0.2)


def test_every_sample_is_as_likely_at_every_place():
    first = torch.stack([BatchOrder(4, 4, seed).indices(0) for seed in range(2000)])
    counts = torch.stack([(first == sample).sum(dim=0) for sample in range(4)])
    assert (counts - 500).abs().max() < 100  # 5 standard deviations


def test_the_order_is_pinned():
    """Resuming an old study needs the same order for ever; this is SeedSequence(7, spawn_key=(0,)) and randperm."""
    assert BatchOrder(8, 8, seed=7).indices(0).tolist() == [0, 5, 2, 4, 1, 6, 7, 3]


@pytest.mark.parametrize(
    ("numbers", "told"),
    [((0, 4, 0), "samples must be at least 1; given 0"), ((9, 0, -1), "batch_size .* given 0; seed .* given -1")],
)
def test_impossible_orders_are_refused(numbers, told):
    with pytest.raises(TaskError, match=told):
        BatchOrder(*numbers)


def test_chunks_cover_everything_once_in_order():
    assert [place for chunk in chunks(10, 4) for place in chunk] == list(range(10))
    assert [len(chunk) for chunk in chunks(10, 4)] == [4, 4, 2]


def test_chunks_of_nothing_are_refused():
    with pytest.raises(TaskError, match="at least 1 sample; given 0"):
        chunks(10, 0)
