"""Training speed of nibble and its peers on one core: one table of medians and ratios.

Every round times each program once, pinned to the same core, so that a slow minute of the machine is shared by all, and
ratios are taken within a round: of nibble, or of nibble's QAT for peers named after bits. nibble and the straightforward cblas trainer come from `nibble bench --json`; each peer is
a worker process (bench_worker.py) that waits while others are timed.

    bench_peers.py NIBBLE NAME=COMMAND... [--rounds 9] [--seconds 1] [--core 0] [--net WIDTHS]... [--batch 128] [--json FILE]
                   [--cpu-time]

--cpu-time takes the processor time of each program, not the wall clock's: for busy machines.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys

QUANTIZED = "nibble QAT 6 bits"  # what peers with "bits" in their name are compared with
NETS = ["16-32-32-32-5", "16-64-32-32-5", "784-128-128-128-10"]


class Worker:
    def __init__(self, core, command):
        self.process = subprocess.Popen(
            ["taskset", "-c", core, *shlex.split(command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **order):
        print(json.dumps(order), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{shlex.join(self.process.args)} ended without an answer")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run_nibble(options, net):
    command = ["taskset", "-c", options.core, options.nibble, "bench", "--json", "--quiet", "--threads", "1"]
    command += ["--net", net, "--batch", str(options.batch), "--rounds", "1", "--seconds", str(options.seconds)]
    command += ["--cpu-time"] if options.cpu_time else []
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def measure(options, commands, net):
    """{program: [samples/s of each round]}, {program: [share of the core that it got]}, [FMA peak of each round], the last
    report of nibble bench"""
    workers = {name: Worker(options.core, command) for name, command in commands.items()}
    report = run_nibble(options, net)  # warms up, and tells the number of rows
    shape = {"net": [int(w) for w in net.split("-")], "batch": options.batch, "rows": report["cases"][0]["rows"]}
    for worker in workers.values():
        worker.ask(**shape)
    rates, shares, peaks = {}, {}, []
    for number in range(options.rounds):
        print(f"{net}: round {number + 1} of {options.rounds}", file=sys.stderr)
        report = run_nibble(options, net)
        peaks += report["peak_rounds"]
        for program in report["cases"][0]["programs"]:
            rates.setdefault(program["program"], []).extend(program["rounds"])
            shares.setdefault(program["program"], []).append(program["cpu"])
        for name, worker in workers.items():
            answer = worker.ask(seconds=options.seconds, cpu_time=options.cpu_time)
            rates.setdefault(name, []).append(answer["samples_per_second"])
            shares.setdefault(name, []).append(answer["cpu"])
    for worker in workers.values():
        worker.close()
    return rates, shares, peaks, report


def show(options, net, rates, shares, peaks, report):
    """Print a net's table; return it as a dictionary."""
    macs, result = report["cases"][0]["macs_per_sample"], {}
    print(f"\n{net}, batch {options.batch}, one core")
    print(f"  {'':34}{'samples/s':>12}{'min':>12}{'max':>12}{'of peak':>10}{'core got':>10}{'nibble / it':>13}")
    for name, rate in rates.items():
        share = statistics.median(2 * macs * r / p for r, p in zip(rate, peaks))
        got = statistics.median(shares[name])
        like = QUANTIZED if "bits" in name and name != QUANTIZED else "nibble"
        ratio = statistics.median(n / r for n, r in zip(rates[like], rate))
        result[name] = {"median": statistics.median(rate), "min": min(rate), "max": max(rate), "share_of_peak": share}
        result[name] |= {"core_got": got, "nibble_over_it": ratio, "compared_with": like, "rounds": rate}
        print(
            f"  {name:34}{statistics.median(rate):12,.0f}{min(rate):12,.0f}{max(rate):12,.0f}{share:10.1%}{got:10.0%}"
            + (f"{ratio:13.2f}" if name != "nibble" else "")
        )
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nibble")
    parser.add_argument("peers", nargs="*", metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--core", default="0")
    parser.add_argument("--net", action="append", default=[])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--json")
    parser.add_argument("--cpu-time", action="store_true")
    options = parser.parse_args()
    commands = dict(peer.split("=", 1) for peer in options.peers)
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    results, machine = {}, None
    for net in options.net or NETS:
        rates, shares, peaks, report = measure(options, commands, net)
        if machine is None:
            machine = report["machine"]
            print("\n".join(f"{key:12}{value}" for key, value in machine.items()))
            print(f"{'FMA peak':12}{statistics.median(peaks) / 1e9:.1f} GFLOP/s of one core")
            clock = "processor time" if options.cpu_time else "wall clock"
            print(f"medians of {options.rounds} interleaved rounds, {clock}; ratios are medians of the rounds' ratios")
        results[net] = show(options, net, rates, shares, peaks, report)
        sys.stdout.flush()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine, "rounds": options.rounds, "nets": results}, file, indent=1)


main()
