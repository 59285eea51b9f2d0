"""Find the keypoints of people in photographs and videos, and write and draw them."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rsn_mm.errors import CommandError, ExistingFileError
from rsn_mm.export.sessions import SESSIONS
from rsn_mm.optimization import DTYPES
from rsn_mm.prediction import Predictor
from rsn_mm.prediction.box_files import BoxFile
from rsn_mm.prediction.detectors import PERSON, Detector
from rsn_mm.prediction.drawing import (
    SCORE_THRESHOLD,
    SCORE_THRESHOLD_OF_OUR_HEAD,
    PoseDrawer,
    score_threshold,
)
from rsn_mm.prediction.job import Job, Outputs
from rsn_mm.prediction.journal import file_stamp
from rsn_mm.prediction.loading import TORCH
from rsn_mm.prediction.people import People, whole_images
from rsn_mm.prediction.run import Steps
from rsn_mm.prediction.sources import LIST, Input, find_inputs
from rsn_mm.video.sources import find_videos
from rsn_mm.zoo import DEFAULT_DETECTOR, DEFAULT_POSE, DETECTOR, POSE

from .configs import load_config
from .named_models import add_model_option, files_of
from .predict_progress import EXIT_INTERRUPTED, EXIT_SKIPPED, show_progress
from .predict_videos import (
    VideoOutputs,
    add_video_options,
    check_video_options,
    predict_videos,
    refuse_video_options,
)
from .running import run_command
from .shards import EXIT_BUSY, add_shard_options, check_usage, is_sharded, predict_shards

#: The results, in the folder of the pictures or, without one, in this folder.
RESULTS, FOLDER = 'keypoints.jsonl', Path('predictions')
#: Images that go through all steps together, and people in a batch.
BATCH_SIZE = 16
EXIT_CODES = f'''exit codes:
  0    all inputs are predicted
  1    an error, whose message says what to do; what is done is kept
  2    a wrong command line
  {EXIT_SKIPPED}    --skip-errors has skipped inputs; all others are predicted
  {EXIT_BUSY}   other processes are still writing parts of many images
  {EXIT_INTERRUPTED}  interrupted by Ctrl-C
After 1 and {EXIT_INTERRUPTED}, and when the machine has stopped, the same command goes on where it
was.'''


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EXIT_CODES,
        description='Find the keypoints of the people in photographs and videos, write them into '
        'a file and draw them.')
    parser.add_argument('inputs', nargs='*', metavar='INPUT', help='an image, a folder of images, '
                        f"a pattern such as 'photos/*.jpg', or {LIST} for a list of images on the "
                        'standard input, one a line; or a video, a pattern such as '
                        "'clips/*.mp4', or the number of a camera, 0 for the first one")
    add_model_option(parser, '--model', POSE, 'the network that finds keypoints: its config and '
                     'checkpoint, or the name of a published model, which is downloaded once '
                     f'(rsn-mm models; default {DEFAULT_POSE})', default=[DEFAULT_POSE])
    people = parser.add_argument_group(
        'where the people are').add_mutually_exclusive_group()
    add_model_option(people, '--detector', DETECTOR, 'a detector of mmdet finds them (default: '
                     f'{DEFAULT_DETECTOR}, if --model is a name)')
    people.add_argument('--boxes', metavar='FILE', help='in a file: detections or annotations in '
                        "COCO's format (.json), or a table with the columns image, x1, y1, x2, y2 "
                        'and perhaps score (.csv)')
    people.add_argument('--whole-image', action='store_true', help='each image is one person; in '
                        'a video, the image in which a person is looked for')
    parser.add_argument('--category', default=PERSON, metavar='NAME|LABEL', help='what the '
                        f'detector is to find, by its name or label (default {PERSON})')
    parser.add_argument('--box-thr', type=float, default=0.3, metavar='SCORE', help='leave out '
                        'people whom the detector gives a lower score (default 0.3)')
    outputs = parser.add_argument_group('what is written')
    outputs.add_argument('--output', type=Path, metavar='FILE', help='file of the keypoints: '
                         ".json, COCO's results; .jsonl, one image a line; .csv, one person a row; "
                         f'.parquet, one image a row (default: {RESULTS} in the folder of '
                         f'pictures, or in {FOLDER}, with pictures)')
    outputs.add_argument('--draw', type=Path, metavar='DIR',
                         help='folder of pictures or videos with the keypoints; for a single '
                         'video also a file ending with .mp4, .mov or .mkv')
    outputs.add_argument('--draw-thr', type=float, metavar='SCORE', help='leave out joints with a '
                         f'lower score in pictures (default {SCORE_THRESHOLD_OF_OUR_HEAD} for '
                         f'networks with MultiStageRSNHead, else {SCORE_THRESHOLD})')
    outputs.add_argument('--heatmaps', type=Path, metavar='DIR',
                         help='folder of pictures with the heatmaps')
    outputs.add_argument('--force', action='store_true', help='write over results and pictures '
                         'that exist, and discard an interrupted run with other settings')
    add_video_options(parser)
    parser.add_argument('--skip-errors', action='store_true', help='continue past images and '
                        'videos that cannot be used; each is logged, and named in .jsonl and '
                        '.parquet')
    parser.add_argument('--optimize', choices=DTYPES, default='fp32', help='type of the network; '
                        'bf16 is faster where the hardware has it, fp16 is for GPUs (default fp32)')
    parser.add_argument('--runtime', choices=(TORCH, *SESSIONS), default=TORCH, help='what '
                        'computes the network; the keypoints are the same up to rounding, and '
                        'CHECKPOINT may then be a file of rsn-mm export (default torch)')
    parser.add_argument('--batch-size', type=int, default=BATCH_SIZE, metavar='N',
                        help='people in a batch of the network, and images in one of the '
                        f'detector (default {BATCH_SIZE})')
    add_shard_options(parser)
    parser.add_argument('--device', help='cpu or cuda:N (default: a GPU if there is one)')
    return parser


def outputs_of(args: argparse.Namespace) -> Outputs:
    """What the options ask to write."""
    results, poses = args.output, args.draw
    if results is None:
        if poses is None and args.heatmaps is None:
            poses = FOLDER
        results = (poses or args.heatmaps) / RESULTS
    outputs = Outputs(results, poses, args.heatmaps)
    if args.draw is not None and args.draw == args.heatmaps:
        raise CommandError(f'--draw and --heatmaps are both {args.draw}, expected two folders')
    try:
        outputs.check(args.force)
    except ExistingFileError as error:
        raise CommandError(f'{error}; --force writes over them') from error
    return outputs


def people_of(args: argparse.Namespace) -> People:
    """Where the people are."""
    if args.boxes is not None:
        return BoxFile(args.boxes)
    if args.detector is not None:
        config, checkpoint = files_of(args.detector, DETECTOR)
        return Detector(load_config(config, {}), checkpoint, args.device, args.category,
                        args.box_thr)
    return whole_images


def settings_of(args: argparse.Namespace) -> dict:
    """What the results depend on, so that an interrupted run goes on with the same."""
    settings = {name: getattr(args, name) for name in (
        'whole_image', 'optimize', 'runtime', 'batch_size', 'category', 'box_thr', 'draw_thr')}
    for name in ('model', 'detector', 'boxes'):
        value = getattr(args, name)
        settings[name] = value and [file_stamp(each) for each in
                                    ([value] if isinstance(value, str) else value)]
    return settings | {name: value and str(value) for name, value in (
        ('draw', args.draw), ('heatmaps', args.heatmaps))}


def predict(args: argparse.Namespace) -> None:
    """Predict the inputs of the options."""
    for name in ('box_thr', 'draw_thr'):
        value = getattr(args, name)
        if value is not None and not 0 <= value <= 1:
            raise CommandError(f'--{name.replace("_", "-")} {value}: expected 0 to 1')
    if args.batch_size < 1:
        raise CommandError(f'--batch-size {args.batch_size}: expected 1 or more')
    if is_sharded(args):
        refuse_video_options(args)
        predict_shards(args)
        return
    videos = find_videos(args.inputs)
    if videos is None:
        refuse_video_options(args)
        _predict_images(args)
        return
    check_video_options(args)
    names = [f'camera {videos}'] if isinstance(videos, int) else videos
    outputs = VideoOutputs(args, names, RESULTS, FOLDER)
    outputs.check(args.force)
    people = people_of(args)
    predictor = predictor_of(args)
    drawer = drawer_of(args, predictor) if outputs.drawings else None
    predict_videos(args, videos, outputs, predictor, people, drawer, settings_of(args))
    if isinstance(people, BoxFile):
        people.check_use()


def predictor_of(args: argparse.Namespace) -> Predictor:
    """The network of the options."""
    config, checkpoint = files_of(args.model, POSE)
    return Predictor(config, checkpoint, device=args.device, dtype=DTYPES[args.optimize],
                     heatmaps=args.heatmaps is not None, runtime=args.runtime)


def drawer_of(args: argparse.Namespace, predictor: Predictor) -> PoseDrawer:
    """What draws poses."""
    threshold = (score_threshold(predictor.has_our_head) if args.draw_thr is None
                 else args.draw_thr)
    return PoseDrawer(predictor.dataset_meta, threshold, boxes=not args.whole_image)


def _predict_images(args: argparse.Namespace) -> None:
    outputs = outputs_of(args)
    own = [path.resolve() for path in outputs.folders]

    def inputs() -> Iterator[Input]:
        return find_inputs(args.inputs, sys.stdin, own)

    total = None if LIST in args.inputs else sum(1 for _ in inputs())
    people = people_of(args)
    predictor = predictor_of(args)
    drawer = None if outputs.poses is None else drawer_of(args, predictor)
    steps = Steps(predictor, people, args.batch_size, args.batch_size,
                  keep_images=bool(outputs.folders))
    job = Job(steps, outputs, drawer, args.skip_errors)
    summary = show_progress(
        lambda advance: job.run(inputs(), settings_of(args), args.force, advance), total, 'images')
    if isinstance(people, BoxFile):
        people.check_use()
    skipped = f', {summary.skipped} skipped' if summary.skipped else ''
    print(f'{summary.people} people in {summary.images} images{skipped}: {outputs.results}',
          *(f'pictures: {folder}' for folder in outputs.folders), sep='\n')
    if summary.skipped:
        sys.exit(EXIT_SKIPPED)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    args = parser.parse_args(argv)
    check_usage(parser, args)
    has_people = args.boxes is not None or args.detector is not None or args.whole_image
    if not has_people and not is_sharded(args):
        if len(args.model) > 1:  # whose people, or animals, or things may be no detector's
            parser.error('--model CONFIG CHECKPOINT needs --detector, --boxes or --whole-image')
        args.detector = [DEFAULT_DETECTOR]
    if args.category != PERSON and args.detector is None:
        parser.error('--category is what a detector finds, and needs --detector')
    run_command(predict, args, parser.prog)
