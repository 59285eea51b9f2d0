"""What of a config a model is built from."""

import copy

from mmengine.config import Config, ConfigDict


def model_config(cfg: Config) -> ConfigDict:
    """A copy of the model of a config, with its ``preprocess_cfg`` as the data preprocessor.

    mmengine itself builds ``model`` as it stands; MMPose's tools put ``preprocess_cfg`` of a config
    into a model without ``data_preprocessor``.
    """
    model = copy.deepcopy(cfg.model)
    if 'preprocess_cfg' in cfg:
        model.setdefault('data_preprocessor', copy.deepcopy(cfg.preprocess_cfg))
    return model
