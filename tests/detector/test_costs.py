import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ddlivm.detector.costs import as_on_a_gpu, gradients_in_place, multiply_adds, peak_bytes


def meta(*shape, **kwargs):
    return torch.empty(*shape, device="meta", **kwargs)


def test_multiply_adds_by_hand():
    convolution = nn.Conv2d(3, 5, 3, padding=1, device="meta")
    assert multiply_adds(lambda: convolution(meta(2, 3, 7, 8))) == 2 * 7 * 8 * 5 * 3 * 9
    linear = nn.Linear(4, 6, device="meta")
    assert multiply_adds(lambda: linear(meta(10, 4))) == 10 * 4 * 6
    # Scores, then the mix of values: 2 images, 3 heads, 9 tokens of 4.
    query = meta(2, 3, 9, 4)
    assert multiply_adds(lambda: F.scaled_dot_product_attention(query, query, query)) == 2 * (2 * 3 * 9 * 9 * 4)


def test_the_peak_is_what_lives_at_once():
    x = meta(100)

    def chain():
        y = x + 1  # 400 bytes
        z = y.view(10, 10) + 1  # 400 more, the view none
        del y
        return (z + 1).sum()  # 400 and 4 more

    assert peak_bytes(chain, mixed=False) == 804
    assert peak_bytes(lambda: x.view(10, 10), mixed=False) == 0


def test_attention_keeps_its_matrix_out_of_memory():
    query = meta(1, 2, 1000, 8)
    peak = peak_bytes(lambda: F.scaled_dot_product_attention(query, query, query), mixed=False)
    assert 4 * 2 * 1000 * 8 <= peak < 4 * 2 * 1000 * 1000


def test_mixed_precision_halves_layers_and_keeps_norms():
    layer, norm = nn.Linear(4, 6, device="meta"), nn.LayerNorm(6, device="meta")
    before = F.linear
    with as_on_a_gpu(mixed=True):
        lowered = layer(meta(2, 4))
        assert lowered.dtype == torch.bfloat16
        assert norm(lowered).dtype == torch.float32
    assert F.linear is before
    assert layer(meta(2, 4)).dtype == torch.float32


def test_gradients_that_were_there_are_not_counted():
    """Then a backward pass makes the weight's and the bias's gradient anew, to add them."""
    layer = nn.Linear(50, 20, device="meta")
    x = meta(1, 50)
    with gradients_in_place(list(layer.parameters())):
        assert layer.weight.grad is not None
        peak = peak_bytes(lambda: layer(x).sum().backward(), mixed=False)
    assert layer.weight.grad is None
    assert 4 * 50 * 20 <= peak < 4 * (50 * 20 + 200)


@pytest.mark.parametrize("mixed", [False, True])
def test_functions_are_put_back_after_an_error(mixed):
    before = F.linear, F.scaled_dot_product_attention
    with pytest.raises(ZeroDivisionError), as_on_a_gpu(mixed):
        raise ZeroDivisionError
    assert (F.linear, F.scaled_dot_product_attention) == before
