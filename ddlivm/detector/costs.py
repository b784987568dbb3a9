"""What modules cost, counted on tensors without memory: multiply-adds, and bytes alive at the peak."""

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count
from torch.utils.weak import WeakIdKeyDictionary

_FLASH = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
LOWERED = ("linear", "conv2d", "conv_transpose2d")
"""Functions that mixed precision computes in bfloat16, attention beside them."""
RAISED = ("layer_norm", "group_norm")
"""Functions that mixed precision computes in float32."""


@contextmanager
def as_on_a_gpu(mixed: bool) -> Iterator[None]:
    """Let attention keep its matrix out of memory and, with `mixed`, layers run in bfloat16 and norms in float32.

    The meta device does neither by itself. torch's functions are replaced meanwhile, as its modes are left in what
    gradient checkpointing runs again.
    """
    originals = {name: getattr(F, name) for name in (*LOWERED, *RAISED, "scaled_dot_product_attention")}

    def in_type(function: Callable[..., Any], dtype: torch.dtype) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = tree_map_only(Tensor, lambda tensor: tensor.to(dtype), (args, kwargs))
            return function(*args, **kwargs)

        return call

    def attention(query: Tensor, key: Tensor, value: Tensor, **_: Any) -> Tensor:
        mixing: Tensor = _FLASH(query, key, value)[0]
        return mixing

    replaced: dict[str, Callable[..., Any]] = {"scaled_dot_product_attention": attention}
    if mixed:
        replaced |= {name: in_type(originals[name], torch.bfloat16) for name in LOWERED}
        replaced |= {name: in_type(originals[name], torch.float32) for name in RAISED}
    try:
        for name, function in replaced.items():
            setattr(F, name, function)
        yield
    finally:
        for name, function in originals.items():
            setattr(F, name, function)


def _attention_operations(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    operations: int = sdpa_flop_count(query, key, value)
    return operations


def operations_counter() -> FlopCounterMode:
    """Return a counter of the operations, two a multiply-add, of convolutions, linear layers and attention inside."""
    return FlopCounterMode(display=False, custom_mapping={_FLASH: _attention_operations})


def multiply_adds(run: Callable[[], Any]) -> int:
    """Count the multiply-adds of the convolutions, linear layers and attention that a call on meta tensors runs."""
    with torch.no_grad(), as_on_a_gpu(mixed=False), operations_counter() as counter:
        run()
    return counter.get_total_flops() // 2


class LiveMemory(TorchDispatchMode):
    """Follows the bytes of the tensors that are made inside and not yet dropped; what was there before is not counted.

    Attributes:
        live: bytes now.
        peak: the most bytes at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known = WeakIdKeyDictionary()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and take note of what it allocates."""
        tree_map_only(Tensor, self._was_there, (args, kwargs or {}))
        result = func(*args, **(kwargs or {}))
        tree_map_only(Tensor, self._allocated, result)
        return result

    def _was_there(self, tensor: Tensor) -> None:
        self._known.setdefault(tensor.untyped_storage(), 0)

    def _allocated(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self._known:
            return
        size = storage.nbytes()
        self._known[storage] = size
        weakref.finalize(storage, self._freed, size)
        self.live += size
        self.peak = max(self.peak, self.live)

    def _freed(self, size: int) -> None:
        self.live -= size


def peak_bytes(run: Callable[[], Any], mixed: bool) -> int:
    """Return the most bytes that a call on meta tensors has alive at once, beyond what was there before."""
    with as_on_a_gpu(mixed), LiveMemory() as memory:
        run()
    return memory.peak


@contextmanager
def gradients_in_place(parameters: Sequence[torch.nn.Parameter]) -> Iterator[None]:
    """Give the parameters gradients, as a training that has begun has them, so that they count as there before."""
    for parameter in parameters:
        parameter.grad = torch.empty_like(parameter) if parameter.requires_grad else None
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.grad = None
