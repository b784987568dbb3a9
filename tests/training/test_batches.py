from ddlivm.training.batches import Batches, Share
from ddlivm.training.tiles import TileSampler
from tests.training.test_tiles import NEVER, coordinates, tiles


def test_a_batch_has_one_tile_size_and_about_one_area():
    sampler = TileSampler(coordinates(), tiles(sizes=[(96, 64), (192, 128)], per_epoch=100), NEVER, seed=0)
    batches = Batches(sampler, 8)
    plan = batches.plan(1)
    sizes = [{place.size for _, place in batch} for batch in plan]
    assert all(len(found) == 1 for found in sizes)
    counts = {(size, len(batch)) for (size,), batch in zip(sizes, plan, strict=True)}
    assert {((96, 64), 8), ((192, 128), 2)} <= counts
    assert sorted(index for batch in plan for index, _ in batch) == list(range(100))
    # The 200-pixel box, half of type 3's, is the only one that needs the large tile.
    assert all(place.box == 1 for batch in plan for _, place in batch if place.size == (192, 128))


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
    sampler = TileSampler(coordinates(), tiles(sizes=[(96, 64), (192, 128)], per_epoch=41), NEVER, seed=0)
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
