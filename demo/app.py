#!/usr/bin/env python
"""Look at a network in the browser: drop a photograph, or use the webcam, and see its keypoints.

It needs gradio (pip install -r demo/requirements-app.txt, in an environment with pillow below 13):
    python demo/app.py --model rsn18_synthetic-128x96 work_dirs/demo/epoch_3.pth --whole-image
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from pose_requests import IMAGE, Limits, RequestError, read_image

from rsn_mm.apis import Predictor
from rsn_mm.cli.named_models import add_model_option, files_of
from rsn_mm.configuration import read_config
from rsn_mm.errors import RsnMmError
from rsn_mm.export.sessions import SESSIONS
from rsn_mm.optimization import DTYPES
from rsn_mm.prediction.detectors import Detector
from rsn_mm.prediction.drawing import PoseDrawer, score_threshold
from rsn_mm.prediction.frames import Frame
from rsn_mm.prediction.loading import TORCH
from rsn_mm.prediction.people import People, whole_images
from rsn_mm.prediction.results import record_of
from rsn_mm.zoo import DEFAULT_DETECTOR, DEFAULT_POSE, DETECTOR, POSE

HEADER = ['person', 'joint', 'x', 'y', 'score']


class Look:
    """What the page shows of an image.

    Args:
        predictor: Finds keypoints.
        people: Finds people.
        boxes: Draw the boxes of people.
        limits: The largest image that is accepted.
    """

    def __init__(self, predictor: Predictor, people: People, boxes: bool, limits: Limits) -> None:
        self.predictor, self.people, self.limits = predictor, people, limits
        self.drawer = PoseDrawer(predictor.dataset_meta, score_threshold(predictor.has_our_head),
                                 boxes)

    def __call__(self, data: bytes | None) -> tuple[np.ndarray, list[list], str]:
        """Find the people of an image.

        Args:
            data: The content of an image file.

        Returns:
            The image (H, W, 3) uint8 in RGB with the poses, a row of :data:`HEADER` for each joint,
            and all of it as JSON.

        Raises:
            RequestError, RsnMmError: If the image cannot be used. The message is for the user.
        """
        if data is None:
            raise RequestError('there is no image: choose a file, or take a picture')
        frame = Frame(read_image(data, self.limits), IMAGE)
        boxes, = self.people([frame])
        people, = self.predictor(frame, boxes)
        record = record_of(frame, people)
        names = self.predictor.keypoint_names
        rows = [[n, name, *joint] for n, person in enumerate(record['people'])
                for name, joint in zip(names, person['keypoints'])]
        return (np.ascontiguousarray(self.drawer(frame, people)[..., ::-1]), rows,
                json.dumps({**record, 'joints': names}))


def content_of(upload: Any) -> bytes | None:
    """The content of a file that gradio has stored; it refuses paths of other files before."""
    return None if upload is None or upload.path is None else Path(upload.path).read_bytes()


def build_page(look: Look) -> Any:
    """The page, of gradio."""
    import gradio

    def show(data: bytes | None) -> tuple[np.ndarray, list[list], str]:
        try:
            return look(data)
        except (RequestError, RsnMmError) as error:
            raise gradio.Error(str(error)) from error

    with gradio.Blocks(title='rsn_mm') as page:
        gradio.Markdown('# Keypoints of people\nChoose a photograph or use the webcam.')
        with gradio.Row():
            image = gradio.Image(sources=['upload', 'webcam', 'clipboard'], label='image')
            # gradio would decode the file itself, without our limits, and say only 'Error'.
            image.preprocess = content_of
            picture = gradio.Image(label='keypoints', interactive=False)
        button = gradio.Button('Find keypoints', variant='primary')
        rows = gradio.Dataframe(headers=HEADER, label='joints', interactive=False)
        text = gradio.Code(language='json', label='JSON', interactive=False, max_lines=8)
        button.click(show, image, [picture, rows, text])
    return page


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_option(parser, '--model', POSE, f'the network (default {DEFAULT_POSE})',
                     default=[DEFAULT_POSE])
    people = parser.add_mutually_exclusive_group()
    add_model_option(people, '--detector', DETECTOR, 'a detector of mmdet that finds people '
                     f'(default {DEFAULT_DETECTOR})', default=[DEFAULT_DETECTOR])
    people.add_argument('--whole-image', action='store_true', help='each image is one person')
    parser.add_argument('--box-thr', type=float, default=0.3, metavar='SCORE', help='leave out '
                        'people whom the detector gives a lower score (default 0.3)')
    parser.add_argument('--optimize', choices=DTYPES, default='fp32', help='type of the network')
    parser.add_argument('--runtime', choices=(TORCH, *SESSIONS), default=TORCH, help='what '
                        'computes the network; CHECKPOINT may then be a file of rsn-mm export '
                        '(default torch)')
    parser.add_argument('--max-bytes', type=int, default=Limits.image_bytes, metavar='N',
                        help='largest image file (default %(default)s)')
    parser.add_argument('--max-pixels', type=int, default=Limits.pixels, metavar='N',
                        help='largest image, width times height (default %(default)s)')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default '
                        '127.0.0.1, which only this machine can reach)')
    parser.add_argument('--port', type=int, default=7860)
    return parser


def main() -> None:
    """Serve the page until it is interrupted."""
    args = build_parser().parse_args()
    predictor = Predictor(*files_of(args.model, POSE), dtype=DTYPES[args.optimize],
                          runtime=args.runtime)
    people: People = whole_images
    if not args.whole_image:
        config, checkpoint = files_of(args.detector, DETECTOR)
        people = Detector(read_config(config), checkpoint, score_thr=args.box_thr)
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    limits = Limits(args.max_bytes, args.max_pixels)
    page = build_page(Look(predictor, people, not args.whole_image, limits))
    page.launch(server_name=args.host, server_port=args.port, max_file_size=args.max_bytes)


if __name__ == '__main__':
    main()
