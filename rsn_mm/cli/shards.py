"""The part of ``rsn-mm predict`` for more images than one process can do."""

import argparse
import sys
from collections.abc import Callable, Sequence

from rsn_mm.errors import CommandError, OptionError
from rsn_mm.packages import needed
from rsn_mm.prediction.job import Summary
from rsn_mm.sharding import Plan, ShardSettings, prepare
from rsn_mm.sharding.archives import check_library
from rsn_mm.sharding.plan import SHARD_SIZE
from rsn_mm.sharding.running import Done, parts_of, run_here, run_on_ray
from rsn_mm.sharding.sources import Manifest, Tars
from rsn_mm.zoo import DETECTOR, POSE

from .named_models import files_of
from .predict_progress import EXIT_SKIPPED, progress_bar

#: Other processes are still at work.
EXIT_BUSY = 75
#: Options of single files, which parts do not have.
OTHER_OPTIONS = ('draw', 'draw_thr', 'heatmaps', 'force')
OWN_OPTIONS = ('shard_size', 'num_shards', 'shard', 'workers')


def add_shard_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group(
        'many images', 'They are cut into shards, and --output is a folder that gets a file '
        'part-NNNNN.parquet for each (docs/scale.md).')
    sources = group.add_mutually_exclusive_group()
    sources.add_argument('--manifest', metavar='FILE', help='the images are in the rows of a file '
                         '(.parquet, .csv, .jsonl) with id, path, and perhaps member (the path is '
                         'then that of a tar archive) and boxes; it takes the place of INPUT')
    sources.add_argument('--webdataset', nargs='+', metavar='TAR', help='the images are in the '
                         'archives of webdataset or img2dataset, each of which is a shard')
    cut = group.add_mutually_exclusive_group()
    cut.add_argument('--shard-size', type=int, metavar='N',
                     help=f'images in a shard (default {SHARD_SIZE})')
    cut.add_argument('--num-shards', type=int, metavar='N', help='number of shards')
    how = group.add_mutually_exclusive_group()
    how.add_argument('--shard', type=int, metavar='K', help='do only this shard, counted from 0')
    how.add_argument('--ray', action='store_true', help='do the shards in workers of Ray')
    group.add_argument('--workers', type=int, metavar='N', help='number of workers of Ray '
                       '(default: one per GPU or, without any, one per CPU)')


def is_sharded(args: argparse.Namespace) -> bool:
    """Whether the options are for shards."""
    return args.manifest is not None or args.webdataset is not None


def check_usage(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options that do not go together, as argparse does."""
    if not is_sharded(args):
        used = [name for name in OWN_OPTIONS if getattr(args, name) is not None]
        if used or args.ray:
            parser.error(f'{_option(used[0] if used else "ray")} needs --manifest or --webdataset')
        if not args.inputs:
            parser.error('the following arguments are required: INPUT')
        return
    if args.inputs:
        parser.error(f'INPUT {args.inputs[0]} is given in addition to --manifest or --webdataset')
    if args.output is None:
        parser.error('--manifest and --webdataset need --output DIR')
    for name in OTHER_OPTIONS:
        if getattr(args, name) is not None and getattr(args, name) is not False:
            parser.error(f'{_option(name)} is not for --manifest or --webdataset')
    if args.workers is not None and not args.ray:
        parser.error('--workers needs --ray')


def _option(name: str) -> str:
    return f'--{name.replace("_", "-")}'


def predict_shards(args: argparse.Namespace) -> None:
    """Predict the shards of the options."""
    if args.workers is not None and args.workers < 1:
        raise CommandError(f'--workers {args.workers}: expected 1 or more')
    _check_packages(args)
    settings = settings_of(args)
    source = Tars(args.webdataset) if args.manifest is None else Manifest(args.manifest)
    settings.check_boxes(source.has_boxes, args.manifest or '--webdataset')
    plan = prepare(args.output, source, settings.identity(), args.shard_size, args.num_shards)
    there = parts_of(plan)
    wanted = _wanted(args, plan)
    show_progress(args, settings, plan, [number for number in wanted if number not in there],
                  sum(there[number].images + there[number].skipped for number in wanted
                      if number in there))
    found = parts_of(plan)
    parts = [found[number] for number in wanted if number in found]
    what = f'{len(parts)} of {len(wanted)} parts' if args.shard is None else f'part {args.shard}'
    _report(parts, f'{what} in {args.output}', len(wanted))


def _check_packages(args: argparse.Namespace) -> None:
    """Refuse what needs a package that is not installed."""
    needed('pyarrow.parquet', 'writing parts', 'parquet')
    if args.webdataset is not None:
        check_library()
    if args.ray:
        needed('ray', '--ray', 'ray')


def settings_of(args: argparse.Namespace) -> ShardSettings:
    """What the workers predict with."""
    config, checkpoint = files_of(args.model, POSE)
    detector = args.detector and tuple(files_of(args.detector, DETECTOR))
    return ShardSettings(config, checkpoint, device=args.device, optimize=args.optimize,
                         runtime=args.runtime, batch_size=args.batch_size,
                         detector=detector, category=args.category, box_thr=args.box_thr,
                         box_file=args.boxes, whole_image=args.whole_image,
                         skip_errors=args.skip_errors)


def _wanted(args: argparse.Namespace, plan: Plan) -> Sequence[int]:
    """The numbers of the shards that the command is to do."""
    if args.shard is None:
        return range(len(plan.shards))
    if not 0 <= args.shard < len(plan.shards):
        raise OptionError(f'--shard {args.shard}: there are {len(plan.shards)} shards, expected 0 '
                          f'to {len(plan.shards) - 1}')
    return [args.shard]


def show_progress(args: argparse.Namespace, settings: ShardSettings, plan: Plan,
                  numbers: Sequence[int], num_done: int) -> None:
    """Do shards, with the number of parts and of images on the screen."""
    if not numbers:  # nothing is loaded then
        return
    sizes = [plan.shards[number].rows for number in numbers]
    total = None if None in sizes else num_done + sum(size or 0 for size in sizes)
    with progress_bar('images') as progress:
        task = progress.add_task(f'0 of {len(numbers)} parts', total=total, completed=num_done)

        def advance(number: int) -> None:
            progress.advance(task, number)

        for count, (_, summary) in enumerate(_run(args, settings, plan, numbers, advance), 1):
            progress.update(task, description=f'{count} of {len(numbers)} parts')
            if args.ray and summary is not None:
                advance(summary.images + summary.skipped)


def _run(args: argparse.Namespace, settings: ShardSettings, plan: Plan, numbers: Sequence[int],
         advance: Callable[[int], None]) -> Done:
    if args.ray:
        return run_on_ray(settings, plan, numbers, args.workers)
    return run_here(settings, plan, numbers, advance)


def _report(parts: Sequence[Summary], what: str, num_wanted: int) -> None:
    """Say what there is, and end with the status of the command."""
    skipped = sum(part.skipped for part in parts)
    print(f'{sum(part.people for part in parts)} people in {sum(part.images for part in parts)} '
          f'images, {skipped} skipped: {what}')
    if len(parts) < num_wanted:
        print('the rest is being written by other processes; the same command does what these may '
              'leave', file=sys.stderr)
        sys.exit(EXIT_BUSY)
    if skipped:
        sys.exit(EXIT_SKIPPED)
