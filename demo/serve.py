#!/usr/bin/env python
"""Find keypoints over HTTP: POST an image and boxes, and get JSON back.

It needs LitServe (pip install -r demo/requirements-serve.txt):
    python demo/serve.py --model rsn18_synthetic-128x96 work_dirs/demo/epoch_3.pth
    curl localhost:8000/predict -H 'Content-Type: application/json' -d @request.json
request.json holds {"image": "... the file in base64 ...", "boxes": [[x1, y1, x2, y2], ...]}.
"""

import argparse
import signal

from pose_requests import Limits

from rsn_mm.cli.named_models import add_model_option
from rsn_mm.export.sessions import SESSIONS
from rsn_mm.optimization import DTYPES
from rsn_mm.prediction.loading import TORCH
from rsn_mm.zoo import DEFAULT_POSE, POSE


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_option(parser, '--model', POSE, f'the network (default {DEFAULT_POSE})',
                     default=[DEFAULT_POSE])
    parser.add_argument('--optimize', choices=DTYPES, default='fp32', help='type of the network')
    parser.add_argument('--runtime', choices=(TORCH, *SESSIONS), default=TORCH)
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default '
                        '127.0.0.1, which only this machine can reach)')
    parser.add_argument('--port', type=int, default=8000)
    parser.add_argument('--device', default='auto', choices=('auto', 'cpu', 'cuda'))
    parser.add_argument('--batch-size', type=int, default=16, metavar='N',
                        help='requests that are answered together, 2 or more (default 16)')
    parser.add_argument('--batch-timeout', type=float, default=0.005, metavar='SECONDS',
                        help='how long a request waits for others (default 0.005)')
    parser.add_argument('--max-bytes', type=int, default=Limits.image_bytes, metavar='N',
                        help='largest image file (default %(default)s)')
    parser.add_argument('--max-pixels', type=int, default=Limits.pixels, metavar='N',
                        help='largest image, width times height (default %(default)s)')
    parser.add_argument('--max-boxes', type=int, default=Limits.boxes, metavar='N',
                        help='largest number of people in a request (default %(default)s)')
    return parser


def main() -> None:
    """Run the server until it is interrupted."""
    parser = build_parser()
    args = parser.parse_args()
    if args.batch_size < 2:
        parser.error(f'--batch-size {args.batch_size}: expected 2 or more')
    from pose_server import build_server
    # LitServe would end without its workers, which would go on answering.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    build_server(args).run(host=args.host, port=args.port, generate_client_file=False,
                           num_api_servers=1)


if __name__ == '__main__':
    main()
