#!/usr/bin/env python
"""Find keypoints over HTTP: POST an image and boxes, and get JSON back.

It needs LitServe (pip install -r demo/requirements-serve.txt):
    python demo/serve.py --model rsn18_synthetic-128x96 work_dirs/demo/epoch_3.pth
    curl localhost:8000/predict -H 'Content-Type: application/json' -d @request.json
request.json holds {"image": "... the file in base64 ...", "boxes": [[x1, y1, x2, y2], ...]}.
"""

import argparse

import litserve
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pose_requests import BAD_REQUEST, Limits, Read, RequestError, answers, read_request

from rsn_mm.apis import Predictor
from rsn_mm.cli.named_models import add_model_option, files_of
from rsn_mm.optimization import DTYPES
from rsn_mm.zoo import DEFAULT_POSE, POSE

#: Bytes of a request beside its image.
OVERHEAD = 100_000


class PoseServer(litserve.LitAPI):
    """Answers requests, several together.

    Args:
        args: The options.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__(max_batch_size=args.batch_size, batch_timeout=args.batch_timeout)
        self.args = args
        self.limits = Limits(args.max_bytes, args.max_pixels, args.max_boxes)

    def setup(self, device: str) -> None:
        config, checkpoint = files_of(self.args.model, POSE)
        self.predictor = Predictor(config, checkpoint, device, DTYPES[self.args.optimize],
                                   runtime=self.args.runtime)

    # What raises in these methods would fail all requests of a batch, so errors are values.

    def decode_request(self, request: dict) -> Read | RequestError:
        try:
            return read_request(request, self.limits)
        except RequestError as error:
            return error

    def batch(self, inputs: list) -> list:
        return list(inputs)

    def predict(self, inputs: list) -> list:
        return answers(self.predictor, inputs, self.args.batch_size)

    def unbatch(self, outputs: list) -> list:
        return outputs

    def encode_response(self, output: dict | RequestError) -> JSONResponse:
        if isinstance(output, RequestError):
            return JSONResponse(dict(detail=str(output)), output.status)
        return JSONResponse(output)


async def refuse_body(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer a body that is no JSON object, without repeating it."""
    return JSONResponse(dict(detail='the body of the request is no JSON object'), BAD_REQUEST)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_option(parser, '--model', POSE, f'the network (default {DEFAULT_POSE})',
                     default=[DEFAULT_POSE])
    parser.add_argument('--optimize', choices=DTYPES, default='fp32', help='type of the network')
    parser.add_argument('--runtime', choices=('torch', 'onnxruntime', 'openvino'), default='torch')
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
    server = litserve.LitServer(
        PoseServer(args), accelerator=args.device, devices=1,
        # base64 takes four bytes for three
        max_payload_size=args.max_bytes * 4 // 3 + OVERHEAD)
    server.app.add_exception_handler(RequestValidationError, refuse_body)
    server.run(host=args.host, port=args.port, generate_client_file=False,
               num_api_servers=1)


if __name__ == '__main__':
    main()
