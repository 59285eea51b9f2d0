#!/usr/bin/env python
"""Look at a network in the browser: drop a photograph, or use the webcam, and see its keypoints.

It needs gradio (pip install -r demo/requirements-app.txt, in an environment with pillow below 13):
    python demo/app.py --model rsn18_synthetic-128x96 work_dirs/demo/epoch_3.pth --whole-image
"""

import argparse
import json
import os
from typing import Any

import numpy as np

from rsn_mm.apis import Predictor
from rsn_mm.cli.named_models import add_model_option, files_of
from rsn_mm.configuration import read_config
from rsn_mm.errors import RsnMmError
from rsn_mm.optimization import DTYPES
from rsn_mm.prediction.detectors import Detector
from rsn_mm.prediction.drawing import PoseDrawer
from rsn_mm.prediction.frames import Frame
from rsn_mm.prediction.people import People, whole_images
from rsn_mm.prediction.results import record_of
from rsn_mm.zoo import DEFAULT_DETECTOR, DEFAULT_POSE, DETECTOR, POSE

HEADER = ['person', 'joint', 'x', 'y', 'score']
#: Joints below this score are not drawn, with our head and with others.
SCORE_THR_OF_OUR_HEAD, SCORE_THR = 0.55, 0.3


class Look:
    """What the page shows of an image.

    Args:
        predictor: Finds keypoints.
        people: Finds people.
        boxes: Draw the boxes of people.
    """

    def __init__(self, predictor: Predictor, people: People, boxes: bool) -> None:
        self.predictor, self.people = predictor, people
        threshold = SCORE_THR_OF_OUR_HEAD if predictor.has_our_head else SCORE_THR
        self.drawer = PoseDrawer(predictor.dataset_meta, threshold, boxes)

    def __call__(self, image: np.ndarray | None) -> tuple[np.ndarray, list[list], str]:
        """Find the people of an image.

        Args:
            image: (H, W, 3) uint8 in RGB.

        Returns:
            The image with the poses, a row of :data:`HEADER` for each joint, and all of it as JSON.

        Raises:
            RsnMmError: If the image cannot be used. The message is for the user.
        """
        if image is None:
            raise RsnMmError('there is no image: choose a file, or take a picture')
        frame = Frame(np.ascontiguousarray(image[..., ::-1]), 'image')
        boxes, = self.people([frame])
        people, = self.predictor(frame, boxes)
        record = record_of(frame, people)
        names = self.predictor.keypoint_names
        rows = [[n, name, *joint] for n, person in enumerate(record['people'])
                for name, joint in zip(names, person['keypoints'])]
        return (np.ascontiguousarray(self.drawer(frame, people)[..., ::-1]), rows,
                json.dumps({**record, 'joints': names}))


def build_page(look: Look) -> Any:
    """The page, of gradio."""
    import gradio

    def show(image: np.ndarray | None) -> tuple[np.ndarray, list[list], str]:
        try:
            return look(image)
        except RsnMmError as error:
            raise gradio.Error(str(error)) from error

    with gradio.Blocks(title='rsn_mm') as page:
        gradio.Markdown('# Keypoints of people\nChoose a photograph or use the webcam.')
        with gradio.Row():
            image = gradio.Image(sources=['upload', 'webcam', 'clipboard'], type='numpy',
                                 label='image')
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
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default '
                        '127.0.0.1, which only this machine can reach)')
    parser.add_argument('--port', type=int, default=7860)
    return parser


def main() -> None:
    """Serve the page until it is interrupted."""
    args = build_parser().parse_args()
    predictor = Predictor(*files_of(args.model, POSE), dtype=DTYPES[args.optimize])
    people: People = whole_images
    if not args.whole_image:
        config, checkpoint = files_of(args.detector, DETECTOR)
        people = Detector(read_config(config), checkpoint, score_thr=args.box_thr)
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    page = build_page(Look(predictor, people, not args.whole_image))
    page.launch(server_name=args.host, server_port=args.port)


if __name__ == '__main__':
    main()
