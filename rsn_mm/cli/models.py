"""List the configs and the published models that can be named."""

import argparse
from collections.abc import Sequence

from rsn_mm.checkpoints.downloads import cached_file
from rsn_mm.configuration import shipped_configs
from rsn_mm.zoo import (
    DEFAULT_DETECTOR,
    DEFAULT_POSE,
    DETECTOR,
    POSE,
    Published,
    find_model,
    published_models,
)

from .running import run_command


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='List what can be named: the configs that come with rsn_mm, which have no '
        'weights, and the published models whose addresses the installed mmpose and mmdet know. '
        'Only rsn-mm predict and the like download a model, when it is used for the first time.')
    parser.add_argument('name', nargs='?', metavar='NAME', help='a model: print its config, its '
                        'address and the file of its download')
    return parser


def models(args: argparse.Namespace) -> None:
    """Print the list, or one model."""
    if args.name is not None:
        package = DETECTOR if args.name.partition('/')[0] == DETECTOR else POSE
        print(details(find_model(args.name, package)))
        return
    print(table('Models that find keypoints', POSE, DEFAULT_POSE))
    print(table('Detectors of people', DETECTOR, DEFAULT_DETECTOR))
    print('Configs', *(f'  {name}' for name in shipped_configs()), sep='\n')


def details(model: Published) -> str:
    """Where the files of a model are."""
    file = cached_file(model.address)
    return '\n'.join([
        model.name, f'  config: {model.config}', f'  address: {model.address}',
        f'  file: {file} ({"downloaded" if file.exists() else "not downloaded yet"})'])


def table(title: str, package: str, default: str) -> str:
    """The models of a package, one a line."""
    lines = [f'{title}: short name, AP on COCO, name']
    for model in published_models(package):
        short, ap = model.short or '', '' if model.ap is None else f'{model.ap:.3f}'
        lines.append(f'  {short:26} {ap:5}  {model.name}'
                     + (' (default)' if default in (model.short, model.name) else ''))
    return '\n'.join(lines) + '\n'


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(models, parser.parse_args(argv), parser.prog)
