"""What the peers of the benchmark share: data, and the conversation with bench_peers.py on standard input and output.

A peer is a class with train(rows) -> None, made for one net: it trains on so many rows of shuffled batches and returns
when all is computed. A worker process reads lines of JSON: {"net": [...], "batch": B, "rows": N} makes the peer and warms
it up, {"seconds": S} times it for at least so long and answers {"samples_per_second": R, "cpu": C}, C the share of the core
that the process got; with "cpu_time": true the rate is by that share of the time, for busy machines.
"""

import json
import sys
import time

import numpy as np


def make_data(net, rows):
    """Features and labels of the shape that `nibble bench` trains on; their values do not matter for the speed."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, (rows, net[0])).astype(np.float32)
    return x, rng.integers(0, net[-1], rows, dtype=np.int32)


def serve(make_peer):
    """Answer until standard input ends. make_peer(net, batch, x, y)."""
    out = sys.stdout
    sys.stdout = sys.stderr  # libraries that print do not disturb the answers
    peer, rows, portion = None, 0, 0
    for line in sys.stdin:
        order = json.loads(line)
        if "net" in order:
            rows = order["rows"]
            x, y = make_data(order["net"], rows)
            peer = make_peer(order["net"], order["batch"], x, y)
            portion = min(rows, peer.portion if hasattr(peer, "portion") else rows)
            peer.train(portion)
            answer = {"ready": True}
        else:
            begin, cpu, taken, done = time.perf_counter(), time.process_time(), 0, 0
            while taken < order["seconds"] or done == 0:
                peer.train(portion)
                done += portion
                taken = time.perf_counter() - begin
            cpu = time.process_time() - cpu
            answer = {"samples_per_second": done / (cpu if order["cpu_time"] else taken), "cpu": cpu / taken}
        print(json.dumps(answer), file=out, flush=True)
