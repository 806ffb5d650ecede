import torch
from hypothesis import given
from hypothesis import strategies as st

from surefoot.tasks.batch_order_and_trees import BatchOrder, epoch_permutation, sample_ranges

orders = st.builds(BatchOrder, samples=st.integers(1, 60), batch_size=st.integers(1, 100), seed=st.integers(0, 2**63))


@given(orders, st.integers(0, 10**6))
def test_every_batch_is_full_and_of_real_samples(order, number):
    batch = order.indices(number)
    assert batch.shape == (order.batch_size,)
    assert batch.dtype == torch.int64
    assert batch.min() >= 0
    assert batch.max() < order.samples


@given(orders, st.integers(0, 50))
def test_every_sample_comes_once_an_epoch(order, epoch):
    begin, end = epoch * order.samples, (epoch + 1) * order.samples
    first, last = begin // order.batch_size, (end - 1) // order.batch_size
    stream = torch.cat([order.indices(number) for number in range(first, last + 1)])
    window = stream[begin - first * order.batch_size :][: order.samples]
    assert sorted(window.tolist()) == list(range(order.samples))


@given(orders, st.integers(1, 12))
def test_batches_are_cut_from_the_row_of_epochs(order, count):
    """The slow readable twin: write the row down, then cut it."""
    epochs = -(-count * order.batch_size // order.samples)
    row = [
        sample
        for epoch in range(epochs)
        for sample in epoch_permutation(order.samples, seed=order.seed, epoch=epoch).tolist()
    ]
    for number in range(count):
        begin = number * order.batch_size
        assert order.indices(number).tolist() == row[begin : begin + order.batch_size]


@given(orders, st.lists(st.integers(0, 200), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_batches_do_not_depend_on_what_was_asked_before(order, numbers, luck):
    expected = {number: order.indices(number) for number in numbers}
    luck.shuffle(numbers)
    epoch_permutation.cache_clear()
    assert all(torch.equal(order.indices(number), expected[number]) for number in numbers)


@given(st.integers(0, 500), st.integers(1, 100))
def test_chunks_partition_the_samples(samples, size):
    parts = sample_ranges(samples, size)
    assert [place for part in parts for place in part] == list(range(samples))
    assert all(len(part) == size for part in parts[:-1])
    assert all(1 <= len(part) <= size for part in parts)
