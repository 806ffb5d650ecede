import gzip
import struct

import numpy as np
import pytest
import torch

from surefoot.core.errors import DataError
from surefoot.tasks.builtin import fashion_mnist as module
from surefoot.tasks.builtin.fashion_mnist import fashion_mnist, read_idx, read_images
from surefoot.tasks.sanity_check import sanity_check

SMALL_IMAGES = np.arange(5 * 3 * 4, dtype=np.uint8).reshape(5, 3, 4)


def idx(array, *, kind=0x08):
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_and_compressed_idx_files_are_read(tmp_path, pack):
    path = tmp_path / "images"
    path.write_bytes(pack(idx(SMALL_IMAGES)))
    assert np.array_equal(read_idx(path), SMALL_IMAGES)


@pytest.mark.parametrize(("limit", "items"), [(2, 2), (5, 5), (9, 5)])
def test_read_idx_takes_the_first_items(tmp_path, limit, items):
    path = tmp_path / "images"
    path.write_bytes(idx(SMALL_IMAGES))
    assert np.array_equal(read_idx(path, limit=limit), SMALL_IMAGES[:items])


def test_a_plain_file_truncated_after_the_limit_is_read(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx(SMALL_IMAGES)[:-12])
    assert np.array_equal(read_idx(path, limit=4), SMALL_IMAGES[:4])


def test_a_truncated_compressed_file_is_an_error_even_after_the_limit(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(SMALL_IMAGES))[:-9])
    with pytest.raises(DataError, match="compressed data are damaged"):
        read_idx(path, limit=1)


# The ids are explicit: gzip writes the time of day into its bytes, so that two workers would collect different tests.
@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "not an IDX file of bytes; it begins with nothing", id="empty"),
        pytest.param(b"\x89PNG....", "it begins with 89 50 4e 47", id="a PNG"),
        pytest.param(idx(SMALL_IMAGES, kind=0x0D), "it begins with 00 00 0d 03", id="floats"),
        pytest.param(
            idx(SMALL_IMAGES)[:6],
            "ends too early: 12 more bytes were expected, and there are 2",
            id="cut in the header",
        ),
        pytest.param(
            idx(SMALL_IMAGES)[:-1],
            "ends too early: 60 more bytes were expected, and there are 59",
            id="cut in the images",
        ),
        pytest.param(gzip.compress(idx(SMALL_IMAGES))[:-20], "compressed data are damaged", id="gzip cut"),
        pytest.param(
            gzip.compress(idx(SMALL_IMAGES))[:10] + b"\x07" * 30,
            "compressed data are damaged",
            id="gzip garbled",
        ),
        pytest.param(
            gzip.compress(idx(SMALL_IMAGES))[:-8] + bytes(8),
            "compressed data are damaged (CRC check failed",
            id="gzip with a wrong checksum",
        ),
    ],
)
def test_damaged_files_are_rejected_by_name(tmp_path, content, message):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert caught.value.hint


def test_a_missing_idx_file_is_rejected_by_name(tmp_path):
    with pytest.raises(DataError, match="nowhere: cannot be read"):
        read_idx(tmp_path / "nowhere")


RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 28, 28), np.uint8)
LABELS = RNG.integers(0, 10, 50, np.uint8)


def write(folder, images=IMAGES, labels=LABELS, *, pack=bytes, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / (name + suffix)).write_bytes(pack(header + array.tobytes()))
    return folder


@pytest.fixture(autouse=True)
def _no_default_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SUREFOOT_DATA", raising=False)
    monkeypatch.setattr(module, "DEBIAN_FOLDER", tmp_path / "debian")


def test_fashion_mnist_is_the_documented_task(tmp_path):
    images, labels = np.tile(IMAGES, (240, 1, 1)), np.tile(LABELS, 240)
    task = fashion_mnist(write(tmp_path, images, labels))
    assert (len(task.train), len(task.valid), task.batch_size, task.total_steps) == (8000, 2000, 100, 400)
    assert sanity_check(task).parameters == (9 * 8 + 8) + (8 * 9 * 16 + 16) + (16 * 7 * 7 * 10 + 10)


def test_images_are_normalised_by_the_training_images(tmp_path):
    splits = read_images(write(tmp_path), train=40, valid=10)
    mean, deviation = IMAGES[:40].mean(), IMAGES[:40].std()
    for (x, y), part in ((splits.train, slice(0, 40)), (splits.valid, slice(40, 50))):
        assert x.shape[1:] == (1, 28, 28)
        assert x[:, 0].numpy() == pytest.approx((IMAGES[part] - mean) / deviation, abs=1e-4)
        assert torch.equal(y, torch.from_numpy(LABELS[part].astype(np.int64)))


@pytest.mark.parametrize("subfolder", ["", "fashion-mnist", "FashionMNIST/raw"])
@pytest.mark.parametrize(("pack", "suffix"), [(bytes, ""), (gzip.compress, ".gz")])
def test_plain_and_compressed_files_are_found_in_the_usual_folders(tmp_path, subfolder, pack, suffix):
    write(tmp_path / subfolder, pack=pack, suffix=suffix)
    assert len(read_images(tmp_path, train=5, valid=2).train[0]) == 5


def test_the_environment_variable_sets_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SUREFOOT_DATA", str(write(tmp_path / "data")))
    assert len(read_images(train=5, valid=2).valid[0]) == 2


def test_the_default_is_debians_folder(tmp_path):
    write(tmp_path / "debian")
    assert len(read_images(train=5, valid=2).valid[0]) == 2


def test_a_given_folder_is_not_silently_replaced(tmp_path, monkeypatch):
    write(tmp_path / "debian")
    monkeypatch.setenv("SUREFOOT_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match="elsewhere"):
        read_images(train=5, valid=2)


def test_missing_files_are_rejected_with_how_to_get_them(tmp_path):
    with pytest.raises(DataError) as caught:
        read_images(tmp_path)
    message = str(caught.value)
    assert f"in {tmp_path}" in message
    assert "apt-get install dataset-fashion-mnist" in message
    assert "SUREFOOT_DATA" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[:9], LABELS, r"10 images of 28×28 pixels .* given images of shape \[9, 28, 28\]"),
        (IMAGES, LABELS[:9], r"labels of shape \[9\]"),
        (IMAGES[:, :27], LABELS, r"images of shape \[10, 27, 28\]"),
        (IMAGES, LABELS + 200, r"labels from 0 to 9 are allowed; given 20\d"),
    ],
)
def test_files_of_wrong_shapes_or_labels_are_rejected(tmp_path, images, labels, message):
    with pytest.raises(DataError, match=message):
        read_images(write(tmp_path, images, labels), train=8, valid=2)
