import numpy as np
import torch

from ddlivm.training.pyramid_file import PyramidFile, record_bytes

CHANNELS, SIZE = (2, 3, 4, 5), (64, 32)


def pyramid(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(count, channels, 32 // stride, 64 // stride, generator=generator)
        for channels, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    )


def test_reads_what_was_written_to_bfloat16(tmp_path):
    file = PyramidFile(tmp_path / "p.npy", 5, CHANNELS, SIZE)
    written = pyramid(3)
    file.write([4, 0, 2], written)
    for got, given in zip(file.read([0, 2, 4]), written, strict=True):
        assert got.dtype == torch.bfloat16
        assert torch.equal(got, given[[1, 2, 0]].bfloat16())


def test_a_second_opening_reads_the_same_file(tmp_path):
    PyramidFile(tmp_path / "p.npy", 2, CHANNELS, SIZE).write([1], pyramid(1))
    again = PyramidFile(tmp_path / "p.npy", 2, CHANNELS, SIZE)
    again.settle()
    assert torch.equal(again.read([1])[0], pyramid(1)[0].bfloat16())
    assert not again.read([0])[3].any()


def test_a_record_takes_what_its_maps_take(tmp_path):
    # (16x8 cells of 2, 8x4 of 3, 4x2 of 4, 2x1 of 5 channels) of 2 bytes
    assert record_bytes(CHANNELS, SIZE) == 2 * (128 * 2 + 32 * 3 + 8 * 4 + 2 * 5)
    PyramidFile(tmp_path / "p.npy", 7, CHANNELS, SIZE)
    assert np.load(tmp_path / "p.npy", mmap_mode="r").nbytes == 7 * record_bytes(CHANNELS, SIZE)


def test_the_paper_s_pair_takes_44_megabytes():
    infrared = record_bytes((256, 384, 768, 768), (448, 448))
    visible = record_bytes((1024, 1024, 1024, 1024), (448, 448))
    assert round((infrared + visible) / 1e6) == 44
