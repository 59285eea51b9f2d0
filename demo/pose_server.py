"""The server of demo/serve.py."""

import argparse

import litserve
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pose_requests import BAD_REQUEST, Limits, Read, RequestError, answers, read_request

from rsn_mm.apis import Predictor
from rsn_mm.cli.named_models import files_of
from rsn_mm.optimization import DTYPES
from rsn_mm.zoo import POSE

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


def build_server(args: argparse.Namespace) -> litserve.LitServer:
    """The server of the options, which does not run yet."""
    server = litserve.LitServer(
        PoseServer(args), accelerator=args.device, devices=1,
        # base64 takes four bytes for three
        max_payload_size=args.max_bytes * 4 // 3 + OVERHEAD)
    server.app.add_exception_handler(RequestValidationError, refuse_body)
    return server
