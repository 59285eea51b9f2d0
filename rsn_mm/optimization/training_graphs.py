"""Replays the forward and backward pass of a network in training on a GPU."""

from collections.abc import Callable
from typing import Any

import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map


class TrainingGraphs:
    """CUDA graphs of the backbone and the head of an estimator, forward and backward.

    A GPU computes a training step of RSN-18 on 32 images in less time than Python needs to start
    its kernels one by one. A graph starts all kernels of a pass at once. The loss stays outside.

    The graphs hold for one shape of the input; other batches take the plain way. Gradients lie in
    memory that the next backward pass overwrites, so gradients of several batches must not be added
    up. The model is as it was before: the capture changes neither weights nor running statistics.

    Args:
        model: An estimator with our head and without a neck, in training mode on a GPU. It may not
            recompute features (``with_cp``) or synchronize its norms.
        images: A batch of preprocessed images (B, 3, H, W). Autocasting applies as at the time of
            the construction.
    """

    def __init__(self, model: TopdownPoseEstimator, images: Tensor) -> None:
        modules: tuple[nn.Module, ...] = (model.backbone, model.head)
        buffers = [(buffer, buffer.clone()) for module in modules for buffer in module.buffers()]
        # The samples must want gradients where the real features do.
        wants = any(parameter.requires_grad for parameter in model.backbone.parameters())
        cached = torch.is_autocast_cache_enabled()
        torch.set_autocast_cache_enabled(False)  # casts of the weights belong into the graphs
        try:
            with torch.no_grad():
                features = tree_map(lambda x: x.requires_grad_(wants), model.backbone(images))
            torch.cuda.make_graphed_callables(
                modules, ((images, ), (features, )),
                allow_unused_input=True)  # the features of units without supervision
        finally:
            torch.set_autocast_cache_enabled(cached)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        self._graphed = [(module, _for_shape_of(example, module.__dict__.pop('forward'), module))
                         for module, example in zip(modules, (images, features))]

    def install(self) -> None:
        """Let the model use the graphs."""
        for module, forward in self._graphed:
            module.__dict__['forward'] = forward

    def remove(self) -> None:
        """Let the model run as before. Copies of it must be made in this state."""
        for module, _ in self._graphed:
            module.__dict__.pop('forward', None)


def _for_shape_of(example: Any, graphed: Callable, module: nn.Module) -> Callable:
    """The graph for inputs of the example's shape in training, and the plain module for others."""
    shape = tree_flatten(example)[0][0].shape
    plain = type(module).forward

    def forward(x: Any) -> Any:
        fits = tree_flatten(x)[0][0].shape == shape
        if fits and module.training and torch.is_grad_enabled():
            return graphed(x)
        return plain(module, x)

    return forward
