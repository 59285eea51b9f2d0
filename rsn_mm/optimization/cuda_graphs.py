"""Replays a network on a GPU without starting its kernels one by one."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

#: A batch above this size is rounded up to a multiple of it, and one below to a power of two.
ROUNDING = 8
#: Number of calls before a capture, in which cuDNN chooses its algorithms.
WARM_UP = 3


class CudaGraphs:
    """CUDA graphs of one function of images, a graph for each size of batch.

    The networks have hundreds of small layers. Up to some dozen images, a GPU computes them faster
    than Python starts them. A graph starts all of them at once. Batches are padded to a few sizes,
    so that few graphs are made. A graph keeps the addresses of the weights: new values in the same
    memory take effect, but after a move to other memory :meth:`clear` must be called.

    Copies and pickles have no graphs and make their own.
    """

    def __init__(self) -> None:
        self._graphs: dict[tuple, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}
        self._pool: Any = None

    def __call__(self, function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Return ``function(images)``, without gradients.

        Args:
            function: Always the same function from (B, ...) to (B, ...). It must treat each image
                independently and do the same for all values.
            images: (B, ...), on a GPU.
        """
        size = padded_size(len(images))
        key = (size, *images.shape[1:], images.dtype, images.device)
        if key not in self._graphs:
            self._graphs[key] = self._capture(function, images, size)
        graph, inputs, outputs = self._graphs[key]
        inputs[:len(images)].copy_(images)
        graph.replay()
        return outputs[:len(images)].clone()  # the next replay overwrites the outputs

    def _capture(self, function: Callable[[Tensor], Tensor], images: Tensor,
                 size: int) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        # Tensors of inference mode could not be written to outside of it later.
        with torch.inference_mode(False), torch.no_grad(), torch.cuda.device(images.device):
            inputs = images.new_zeros(size, *images.shape[1:]).contiguous()
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    function(inputs)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool):
                outputs = function(inputs)
            self._pool = graph.pool()
        return graph, inputs, outputs

    def clear(self) -> None:
        """Forget all graphs."""
        self.__init__()  # type: ignore[misc]

    def __deepcopy__(self, memo: dict) -> 'CudaGraphs':
        return CudaGraphs()

    def __reduce__(self) -> tuple:
        return CudaGraphs, ()


def padded_size(count: int) -> int:
    """The size of the graph for a batch: 1, 2, 4, 8, 16, 24, 32 and so on."""
    if count <= ROUNDING:
        return 1 << (count - 1).bit_length()
    return -(-count // ROUNDING) * ROUNDING
