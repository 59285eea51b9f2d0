"""The networks in the races: MMPose's RSN, ours with the same weights, and alternatives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mmpose
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import TRANSFORMS, init_default_scope
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from torch import Tensor, nn

from rsn_mm.codecs import RSNHeatmap
from rsn_mm.conversion import to_mmpose
from rsn_mm.models.backbones.rsn import NUM_BLOCKS

MMPOSE_CONFIGS = Path(mmpose.__file__).parent / '.mim/configs/body_2d_keypoint'
#: Alternatives to RSN, from MMPose's own configs for 256x192.
OTHERS = {
    'HRNet-W32': 'topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py',
    'MSPN-50': 'topdown_heatmap/coco/td-hm_mspn50_8xb32-210e_coco-256x192.py',
    'RTMPose-m': 'rtmpose/coco/rtmpose-m_8xb256-420e_coco-256x192.py',
}
#: Steps in training mode that give random weights plausible batch statistics.
CALIBRATION_STEPS = 3


@dataclass(frozen=True)
class Case:
    """A network that both sides have: MMPose's RSN is our variant "released".

    Args:
        depth: 18 or 50; of MSPN only 50.
        stages: Number of stages.
        size_wh: Size of the input in pixels.
        joints: Number of joints K.
        family: ``'RSN'`` or ``'MSPN'``.
    """

    depth: int = 18
    stages: int = 1
    size_wh: tuple[int, int] = (192, 256)
    joints: int = 17
    family: str = 'RSN'

    def __str__(self) -> str:
        stages = f'{self.stages}x ' if self.stages > 1 else ''
        return f'{stages}{self.family}-{self.depth} {self.size_wh[1]}x{self.size_wh[0]}'

    @property
    def heatmap_size_wh(self) -> tuple[int, int]:
        return RSNHeatmap(self.size_wh).heatmap_size

    @property
    def codec(self) -> dict:
        """Our codec."""
        return dict(type='rsn_mm.RSNHeatmap', input_size=self.size_wh)

    @property
    def mmpose_codecs(self) -> list[dict]:
        """MMPose's codecs, one per level."""
        return [dict(type='MegviiHeatmap', input_size=self.size_wh,
                     heatmap_size=self.heatmap_size_wh, kernel_size=kernel_size)
                for kernel_size in RSNHeatmap(self.size_wh).kernel_sizes]


def our_model(case: Case, variant: str = 'released') -> dict:
    """Model config of our estimator; of RSN in the given variant."""
    unit = dict(unit='bottleneck') if case.family == 'MSPN' else dict(variant=variant)
    return dict(
        type='TopdownPoseEstimator',
        data_preprocessor=_preprocessor(),
        backbone=dict(type='rsn_mm.RSN', depth=case.depth, num_stages=case.stages, **unit),
        head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=case.stages,
                  out_channels=case.joints, decoder=case.codec),
        test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))


def mmpose_model(case: Case) -> dict:
    """Model config of MMPose's estimator, as in its own configs of several stages."""
    unit = dict(unit_channels=256, norm_cfg=dict(type='BN')) if case.family == 'MSPN' else {}
    levels = [[0, 1, 2, 3]] * (case.stages - 1) + [[1, 2, 3, 4]]
    losses = [dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=0.25)] * 3 + [
        dict(type='KeypointOHKMMSELoss', use_target_weight=True, loss_weight=1.)]
    return dict(
        type='TopdownPoseEstimator',
        data_preprocessor=_preprocessor(),
        backbone=dict(type=case.family, num_stages=case.stages, num_blocks=NUM_BLOCKS[case.depth],
                      **unit),
        head=dict(type='MSPNHead', out_shape=case.heatmap_size_wh[::-1],
                  out_channels=case.joints, num_stages=case.stages,
                  level_indices=sum(levels, []), loss=losses * case.stages,
                  decoder=case.mmpose_codecs[-1]),
        test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))


def _preprocessor() -> dict:
    return dict(type='PoseDataPreprocessor', mean=[103.53, 116.28, 123.675],
                std=[57.375, 57.12, 58.395])


def build(model_cfg: dict, device: torch.device) -> TopdownPoseEstimator:
    """An estimator with random weights, on a device, for testing."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    return MODELS.build(model_cfg).to(device).eval()


def calibrate(model: nn.Module, image: Tensor) -> None:
    """Set batch statistics from images, so that features neither vanish nor explode."""
    model.train()
    with torch.no_grad():
        for _ in range(CALIBRATION_STEPS):
            model.extract_feat(image)
    model.eval()


def build_pair(case: Case, device: torch.device) -> tuple[TopdownPoseEstimator,
                                                          TopdownPoseEstimator]:
    """MMPose's estimator and ours, with the same weights."""
    mine = build(our_model(case), device)
    calibrate(mine, random_images(2, case.size_wh, device))
    theirs = build(mmpose_model(case), device)
    theirs.load_state_dict({key: value.to(device)
                            for key, value in to_mmpose(mine.state_dict()).items()})
    return theirs, mine


def build_other(name: str, device: torch.device) -> TopdownPoseEstimator:
    """One of :data:`OTHERS`."""
    model_cfg = Config.fromfile(MMPOSE_CONFIGS / OTHERS[name]).model
    model_cfg.backbone.pop('init_cfg', None)  # no download
    return build(model_cfg, device)


def random_images(count: int, size_wh: Sequence[int], device: torch.device) -> Tensor:
    """Normalized images (count, 3, H, W)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, *size_wh[::-1], generator=generator).to(device)


def random_poses(count: int, case: Case) -> np.ndarray:
    """Keypoints (count, K, 2) inside the input, pixels."""
    return np.random.default_rng(0).uniform(
        0, np.subtract(case.size_wh, 1), (count, case.joints, 2)).astype(np.float32)


def training_samples(count: int, case: Case, targets: dict, device: torch.device) -> list:
    """Data samples as a loader delivers them, with labels from the transform of a config."""
    init_default_scope('mmpose')
    draw, pack = (TRANSFORMS.build(cfg) for cfg in (targets, dict(type='PackPoseInputs')))
    image = np.zeros((*case.size_wh[::-1], 3), np.uint8)
    samples = []
    for pose in random_poses(count, case):
        visible = np.ones((1, case.joints), np.float32)
        results = draw(dict(
            img=image, keypoints=pose[None], transformed_keypoints=pose[None],
            keypoints_visible=visible, keypoints_visibility=visible,
            dataset_keypoint_weights=np.ones(case.joints, np.float32),
            flip_indices=list(range(case.joints)), bbox=np.zeros((1, 4), np.float32),
            input_size=case.size_wh))
        samples.append(pack(results))
    return [sample.to(device) for sample in pseudo_collate(samples)['data_samples']]


def target_transforms(case: Case) -> dict[str, dict]:
    """The transform that makes the targets in the loader, for each contestant."""
    return {
        'MMPose': dict(type='GenerateTarget', multilevel=True, encoder=case.mmpose_codecs),
        'ours': dict(type='GenerateTarget', encoder=case.codec),
    }


def training_step(model: TopdownPoseEstimator, images: Tensor, samples: list,
                  amp: bool = False, parts: int = 1) -> Callable[[], None]:
    """Forward, loss, accuracy and backward; gradients accumulate over ``parts`` batches."""
    def step() -> None:
        model.train()
        model.zero_grad(set_to_none=True)
        for _ in range(parts):
            with torch.autocast(images.device.type, torch.bfloat16, enabled=amp):
                losses = model(images, samples, mode='loss')
                loss, _ = model.parse_losses(losses)
            (loss / parts).backward()

    return step


def last_heatmaps(model: TopdownPoseEstimator, images: Tensor) -> Callable[[], Tensor]:
    """The network's share of MMPose's ``predict``."""
    @torch.no_grad()
    def call() -> Tensor:
        heatmaps = model.head(model.backbone(images))
        return heatmaps[-1] if isinstance(heatmaps, list | tuple) else heatmaps

    return call
