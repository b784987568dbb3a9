from collections import Counter

import pytest
import torch

from ddlivm.training.batches import Batches, Share
from ddlivm.training.tiles import TileSampler
from tests.training.test_tiles import NEVER, coordinates, tiles


def test_a_batch_is_of_tiles_or_of_as_many_whole_images_as_have_their_area():
    sampler = TileSampler(coordinates(), tiles(size=(192, 128), per_epoch=100, plain=0.3), NEVER, seed=0)
    plan = Batches(sampler, 8).plan(1)
    sizes = [{place.size for _, place in batch} for batch in plan]
    assert all(len(found) == 1 for found in sizes)
    counts = Counter((*found, len(batch)) for found, batch in zip(sizes, plan, strict=True))
    # 8 tiles of 192x128 have the area of 2.4 images of 320x256.
    assert counts == {((192, 128), 8): 8, ((192, 128), 6): 1, ((320, 256), 2): 15}
    assert sorted(index for batch in plan for index, _ in batch) == list(range(100))
    small = TileSampler(coordinates(), tiles(size=(32, 32), per_epoch=20, plain=0.3), NEVER, seed=0)
    assert [len(batch) for batch in Batches(small, 8).plan(1) if batch[0][1].plain is not None] == [1] * 6


def test_places_that_are_set_apart_share_no_batch_with_others():
    sampler = TileSampler(coordinates(), tiles(per_epoch=30), NEVER, seed=0)
    plan = Batches(sampler, 4).plan(1, lambda place: place.pair == 1)
    assert all(len({place.pair for _, place in batch}) == 1 for batch in plan)
    assert sorted(index for batch in plan for index, _ in batch) == list(range(30))


def test_shares_and_tensors():
    sampler = TileSampler(coordinates(), tiles(per_epoch=6), NEVER, seed=0)
    shares, batches = zip(*Batches(sampler, 4).epoch(1), strict=True)
    assert shares == (0, 0.5)
    first, last = batches
    assert first.infrared.shape == (4, 1, 64, 96)
    assert last.visible.shape == (2, 3, 112, 168)
    assert first.truth.size == (96, 64)
    assert len(first.truth.boxes) == len(first.truth.labels) == 4
    assert [len(each) for each in first.truth.outlines] == [len(boxes) for boxes in first.truth.boxes]


def test_processes_share_each_batch_in_turn_and_leave_out_what_is_left_over():
    sampler = TileSampler(coordinates(), tiles(size=(192, 128), per_epoch=41, plain=0.3), NEVER, seed=0)
    shares = [Batches(sampler, 4, Share(rank, 3)).plan(1) for rank in range(3)]
    whole = Batches(sampler, 12).plan(1)
    assert len({len(plan) for plan in shares}) == 1
    for number, together in enumerate(zip(*shares, strict=True)):
        assert len({len(own) for own in together}) == 1
        merged = [place for places in zip(*together, strict=True) for place in places]
        assert merged == whole[number][: len(merged)]
        assert len(whole[number]) - len(merged) < 3
    assert any(len(batch) % 3 for batch in whole)


def test_an_epoch_goes_on_where_it_is_told_to():
    sampler = TileSampler(coordinates(), tiles(per_epoch=10), NEVER, seed=0)
    batches = Batches(sampler, 4)
    whole, rest = list(batches.epoch(1)), list(batches.epoch(1, 1))
    assert [share for share, _ in rest] == [share for share, _ in whole[1:]]
    for (_, ours), (_, theirs) in zip(rest, whole[1:], strict=True):
        assert ours.infrared.equal(theirs.infrared)
        assert ours.visible.equal(theirs.visible)


@pytest.mark.parametrize(("count", "pairs"), [(1, [0]), (2, [0, 1]), (5, [0, 1]), (0, [])])
def test_whole_images_are_given_one_by_one_evenly_out_of_all_pairs(count, pairs):
    batches = Batches(TileSampler(coordinates(), tiles(), NEVER, seed=0), 4)
    given = list(batches.whole(count))
    assert [infrared.shape for infrared, _ in given] == [(1, 1, 256, 320)] * len(pairs)
    assert [visible.shape for _, visible in given] == [(1, 3, 448, 560)] * len(pairs)
    for (infrared, _), pair in zip(given, pairs, strict=True):
        assert torch.equal(infrared[0, 0], torch.from_numpy(batches.sampler.whole(pair, 0).infrared))
