"""The config that fits a network, and what has to be changed in it where none fits wholly."""

from dataclasses import dataclass, fields

from .network import Network
from .preprocessing import BGR, RGB, Preprocessing

#: Dataset of a number of joints, by its name in ``configs/_base_/datasets`` of MMPose.
DATASETS = {17: 'coco', 16: 'mpii'}

#: Entries of a config that an attribute of :class:`Network` stands for.
ENTRIES = {
    'unit': ('model.backbone.unit', ),
    'depth': ('model.backbone.depth', ),
    'num_stages': ('model.backbone.num_stages', 'model.head.num_stages'),
    'joints': ('model.head.out_channels', ),
    'variant': ('model.backbone.variant', ),
    'num_branches': ('model.backbone.num_branches', ),
    'branch_width': ('model.backbone.branch_width', ),
    'prm': ('model.head.prm.position', ),
}


@dataclass(frozen=True)
class ShippedConfig:
    """A config of this project: its network and the images it gives to it."""

    path: str
    network: Network
    preprocessing: Preprocessing = BGR

    def options(self, network: Network, preprocessing: Preprocessing) -> list[str]:
        """``--cfg-options`` that make the config one for this network and these images."""
        changed = {
            field.name for field in fields(Network)
            if getattr(network, field.name) != getattr(self.network, field.name)}
        if 'num_branches' in changed:
            changed.add('branch_width')  # whose default goes by the number of branches
        return [
            f'{entry}={getattr(network, name)}' for name, entries in ENTRIES.items()
            if name in changed for entry in entries] + preprocessing.options(self.preprocessing)


def _shipped() -> list[ShippedConfig]:
    def times(stages: int) -> str:
        return '' if stages == 1 else f'x{stages}'

    def released(depth: int, stages: int = 1, joints: int = 17) -> Network:
        return Network('rsb', depth, stages, joints, 'released')

    coco, mpii = 'coco-256x192.py', 'mpii-256x256.py'
    return [
        ShippedConfig(f'configs/rsn/rsn18-released_{coco}', released(18)),
        ShippedConfig(f'configs/rsn/rsn18x4-released_{coco}', released(18, 4)),
        ShippedConfig(f'configs/rsn/rsn18-released_{mpii}', released(18, joints=16)),
        *(ShippedConfig(f'configs/rsn/rsn{depth}{times(stages)}-mmpose_{coco}',
                        released(depth, stages), RGB)
          for depth, stages in ((18, 1), (50, 1), (50, 2), (50, 3))),
        *(ShippedConfig(f'configs/rsn/rsn{depth}{times(stages)}_{coco}',
                        Network('rsb', depth, stages))
          for depth, stages in ((18, 1), (50, 1), (101, 1), (50, 2), (50, 3), (50, 4))),
        ShippedConfig(f'configs/rsn/rsn18_{mpii}', Network('rsb', 18, joints=16)),
        *(ShippedConfig(f'configs/mspn/mspn50{times(stages)}{kind}_{coco}',
                        Network('bottleneck', 50, stages), preprocessing)
          for kind, preprocessing in (('', BGR), ('-mmpose', RGB))
          for stages in (1, 2, 3, 4)),
    ]


#: Configs that a converted checkpoint may be for; those of other input sizes have the same networks
SHIPPED = tuple(_shipped())


def nearest(network: Network, preprocessing: Preprocessing) -> tuple[str, list[str]]:
    """The config with the fewest changes, and these as ``--cfg-options``.

    The dataset counts most, because its files are no matter of options; joints of no known data
    set go with COCO's configs.
    """
    joints = network.joints if network.joints in DATASETS else 17

    def distance(config: ShippedConfig) -> tuple:
        return (config.network.joints != joints, config.network.unit != network.unit,
                config.preprocessing.bgr_to_rgb != preprocessing.bgr_to_rgb,
                len(config.options(network, preprocessing)))

    config = min(SHIPPED, key=distance)
    return config.path, config.options(network, preprocessing)
