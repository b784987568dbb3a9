from ddlivm.training.batches import Batches
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
