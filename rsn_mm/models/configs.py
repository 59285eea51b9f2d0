"""The part of a config that a model is built from."""

import copy

from mmengine.config import Config, ConfigDict


def model_config(cfg: Config) -> ConfigDict:
    """Copy the model of a config, with ``preprocess_cfg`` as its data preprocessor.

    MMPose's tools put a config's ``preprocess_cfg`` into a model that has no ``data_preprocessor``.
    mmengine does not know this rule.
    """
    model = copy.deepcopy(cfg.model)
    if 'preprocess_cfg' in cfg:
        model.setdefault('data_preprocessor', copy.deepcopy(cfg.preprocess_cfg))
    return model
