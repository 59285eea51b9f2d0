#!/usr/bin/env python
"""Send requests to demo/serve.py from several clients at once, and print how fast it answers.

It needs nothing but Python:
    python demo/load_test.py photo.jpg --box 17 90 83 207 --clients 1 4 16
"""

import argparse
import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path


def send_for(seconds: float, host: str, body: bytes) -> list[float]:
    """Send one request after the other; returns the seconds that each took."""
    connection, times = HTTPConnection(host, timeout=60), []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        connection.request('POST', '/predict', body, {'Content-Type': 'application/json'})
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise SystemExit(f'{response.status}: {content.decode()}')
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    """Print a table with a row per number of clients."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('image', type=Path)
    parser.add_argument('--box', nargs=4, type=float, action='append', metavar=('X1', 'Y1', 'X2',
                        'Y2'), help='a person; may be given several times (default: the image)')
    parser.add_argument('--clients', nargs='+', type=int, default=[1, 4, 16])
    parser.add_argument('--seconds', type=float, default=10, help='for each number of clients')
    parser.add_argument('--host', default='127.0.0.1:8000')
    args = parser.parse_args()
    request = dict(image=base64.b64encode(args.image.read_bytes()).decode())
    if args.box:
        request['boxes'] = args.box
    body = json.dumps(request).encode()
    send_for(1, args.host, body)  # the first requests also warm up
    print('| clients | requests/s | p50, ms | p99, ms |\n|---:|---:|---:|---:|')
    for count in args.clients:
        with ThreadPoolExecutor(count) as pool:
            runs = [pool.submit(send_for, args.seconds, args.host, body) for _ in range(count)]
            times = sorted(each for run in runs for each in run.result())
        p50, p99 = (1000 * times[int(share * (len(times) - 1))] for share in (0.5, 0.99))
        print(f'| {count} | {len(times) / args.seconds:.1f} | {p50:.0f} | {p99:.0f} |', flush=True)


if __name__ == '__main__':
    main()
