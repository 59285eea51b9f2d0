"""The config that fits a network, and what has to be changed in it where none fits exactly."""

from dataclasses import dataclass, fields

from .network import COCO_JOINTS, Network
from .preprocessing import BGR, RGB, Preprocessing

#: The dataset of a number of joints, by its name in ``configs/_base_/datasets`` of MMPose.
DATASETS = {COCO_JOINTS: 'coco', 16: 'mpii'}

#: Entries of a config that state an attribute of :class:`Network`.
ENTRIES = {
    'unit': ('model.backbone.unit', ),
    'depth': ('model.backbone.depth', ),
    'num_stages': ('model.backbone.num_stages', 'model.head.num_stages'),
    'joints': ('model.head.out_channels', ),
    'variant': ('model.backbone.variant', ),
    'num_branches': ('model.backbone.num_branches', ),
    'branch_width': ('model.backbone.branch_width', ),
    'expansion': ('model.backbone.expansion', ),
    'prm': ('model.head.prm.position', ),
}


@dataclass(frozen=True)
class ShippedConfig:
    """A config of this project: its network, and the images that it feeds to the network."""

    path: str
    network: Network
    images: Preprocessing = BGR

    def changes_to(self, network: Network, images: Preprocessing) -> list[str]:
        """Entries, as ``KEY=VALUE``, that make the config one for this network and images."""
        changed = {
            field.name for field in fields(Network)
            if getattr(network, field.name) != getattr(self.network, field.name)}
        if 'num_branches' in changed:
            changed.add('branch_width')  # its default depends on the number of branches
        return [
            f'{entry}={getattr(network, name)}' for name, entries in ENTRIES.items()
            if name in changed for entry in entries] + images.changes_from(self.images)


def _shipped() -> list[ShippedConfig]:
    def times(stages: int) -> str:
        return '' if stages == 1 else f'x{stages}'

    def released(depth: int, stages: int = 1, joints: int = COCO_JOINTS) -> Network:
        return Network('rsb', depth, stages, joints, 'released')

    coco, mpii = 'coco-256x192.py', 'mpii-256x256.py'
    return [
        ShippedConfig(f'configs/rsn/rsn18-released_{coco}', released(18)),
        ShippedConfig(f'configs/rsn/rsn18x4-released_{coco}', released(18, 4)),
        ShippedConfig(f'configs/rsn/rsn18-released_{mpii}', released(18, joints=16)),
        ShippedConfig(f'configs/rsn/resnet18-released_{coco}',
                      Network('bottleneck', 18, expansion=1)),
        *(ShippedConfig(f'configs/rsn/rsn{depth}{times(stages)}-mmpose_{coco}',
                        released(depth, stages), RGB)
          for depth, stages in ((18, 1), (50, 1), (50, 2), (50, 3))),
        *(ShippedConfig(f'configs/rsn/rsn{depth}{times(stages)}_{coco}',
                        Network('rsb', depth, stages))
          for depth, stages in ((18, 1), (50, 1), (101, 1), (50, 2), (50, 3), (50, 4))),
        ShippedConfig(f'configs/rsn/rsn18_{mpii}', Network('rsb', 18, joints=16)),
        *(ShippedConfig(f'configs/mspn/mspn50{times(stages)}{kind}_{coco}',
                        Network('bottleneck', 50, stages), images)
          for kind, images in (('', BGR), ('-mmpose', RGB))
          for stages in (1, 2, 3, 4)),
        *(ShippedConfig(f'configs/mspn/mspn50{times(stages)}_{mpii}',
                        Network('bottleneck', 50, stages, joints=16)) for stages in (2, 4)),
    ]


#: Configs that a converted checkpoint may be for; those of other input sizes have the same networks
SHIPPED = tuple(_shipped())


def nearest_config(network: Network, images: Preprocessing) -> tuple[str, list[str]]:
    """Find the shipped config that has to be changed least.

    The dataset counts most, because changing it takes more than an option. Networks with a number
    of joints that no dataset here has get a config of COCO.

    Returns:
        Path of the config, and the entries to change, as ``KEY=VALUE``.
    """
    joints = network.joints if network.joints in DATASETS else COCO_JOINTS

    def distance(config: ShippedConfig) -> tuple:
        return (config.network.joints != joints, config.network.unit != network.unit,
                config.images.bgr_to_rgb != images.bgr_to_rgb,
                len(config.changes_to(network, images)))

    config = min(SHIPPED, key=distance)
    return config.path, config.changes_to(network, images)
