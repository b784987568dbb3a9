import numpy as np
import pytest
import torch

from ddlivm.errors import InputError
from ddlivm.training.encoder_cache import EncoderCache, Outputs, Trial, trial
from ddlivm.training.pyramid_file import record_bytes

SIZE = (64, 32)
CHANNELS = ((2, 2, 2, 2), (3, 3, 3, 3))
VARIANTS = (3, 1, 3, 1)
INFRARED, VISIBLE = (record_bytes(channels, SIZE) for channels in CHANNELS)


def cache_in(folder, most_bytes=1e9):
    cache = EncoderCache(folder, VARIANTS, CHANNELS, SIZE, most_bytes)
    cache.open()
    return cache


def quiet(line):
    pass


def maps(count, channels, value):
    sizes = ((8, 16), (4, 8), (2, 4), (1, 2))
    return tuple(torch.full((count, channels, *size), float(value)) for size in sizes)


def encode(pair):
    """Outputs that tell which pair and variant they are of."""
    infrared = [
        torch.cat(levels) for levels in zip(*(maps(1, 2, 10 * pair + v) for v in range(VARIANTS[pair])), strict=True)
    ]
    return Outputs(tuple(infrared), maps(1, 3, -pair))


def test_each_variant_has_its_own_infrared_outputs_and_the_pair_s_visible_ones(tmp_path):
    cache = cache_in(tmp_path)
    cache.fill(encode, quiet)
    outputs = cache.read([(2, 1), (0, 0), (2, 2), (3, 0)])
    assert [float(each[0, 0, 0]) for each in outputs.infrared[0]] == [21, 0, 22, 30]
    assert [float(each[0, 0, 0]) for each in outputs.visible[3]] == [-2, 0, -2, -3]


def test_holds_the_first_pairs_that_fit(tmp_path):
    def held(most_bytes):
        return EncoderCache(tmp_path, VARIANTS, CHANNELS, SIZE, most_bytes).pairs

    two = 4 * INFRARED + 2 * VISIBLE
    assert [held(bound) for bound in (two, two - 1, two / 10, 0)] == [2, 1, 0, 0]
    assert [EncoderCache(tmp_path, VARIANTS, CHANNELS, SIZE, two).holds(pair) for pair in (1, 2)] == [True, False]


def test_takes_on_disk_what_it_says(tmp_path):
    most = 8 * INFRARED + 3 * VISIBLE
    cache = cache_in(tmp_path, most)
    cache.fill(encode, quiet)
    on_disk = sum(np.load(tmp_path / f"{name}.npy", mmap_mode="r").nbytes for name in ("infrared", "visible"))
    assert on_disk == cache.bytes <= most
    cache.remove()
    assert not list(tmp_path.iterdir())


def test_a_disk_without_room_is_one_line(tmp_path):
    cache = EncoderCache(tmp_path / "outputs", [1], CHANNELS, (3_200_000, 1_600_000), 1e15)
    with pytest.raises(InputError, match=r"no room for .* GB .* lower head_checkpointing.cache_gigabytes"):
        cache.open()
    assert not list((tmp_path / "outputs").iterdir())


def test_a_second_run_computes_only_what_the_first_did_not_write(tmp_path):
    def stops(pair):
        if pair == 2:
            raise KeyboardInterrupt
        return encode(pair)

    first = cache_in(tmp_path)
    first.fill(encode, quiet, slice(1, 2))
    with pytest.raises(KeyboardInterrupt):
        first.fill(stops, quiet)
    asked = []

    def notes(pair):
        asked.append(pair)
        return encode(pair)

    again = cache_in(tmp_path)
    again.fill(notes, quiet)
    assert 1 not in asked and {2, 3} <= set(asked)
    assert float(again.read([(2, 1)]).infrared[0].float().mean()) == 21


def test_several_processes_share_the_filling(tmp_path):
    for rank in range(2):
        cache_in(tmp_path).fill(encode, quiet, slice(rank, None, 2))
    assert cache_in(tmp_path).written[:].all()


def test_a_trial_times_both_ways(tmp_path):
    computed = []
    result = trial(cache_in(tmp_path), encode, lambda pairs: computed.append(list(pairs)), batch=3)
    assert result.reading > 0 and result.computing > 0
    assert computed == [[0, 1, 2]] * 2
    assert Trial(1.0, 2.0).pays and not Trial(2.0, 1.0).pays
