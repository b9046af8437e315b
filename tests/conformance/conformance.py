"""Train, export, convert, compile, compare: see conformance.sh.

  conformance.py NIBBLE quick|all --python VERSION=PYTHON... [--jobs N] [--kept FOLDER] [--seconds N] [NAME...]

The current folder holds jets.h5. Exit status 0: every output equal; 1: not; 75: --seconds were over, the rest is for the
next call with the same --kept FOLDER.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import sys
import time

import h5py

from exported import ROWS, Failed, beside, call, check_golden, export, fingerprint, train
from models import MODELS

NEWEST, LATER = '1.3.0', 75


def overflows(nibble, folder):
    """How often accumulators overflow on the golden samples."""
    check_golden(nibble, folder, '--trace', f'{folder}/overflows.h5', '--force')
    with h5py.File(f'{folder}/overflows.h5') as f:
        return sum(int(node.attrs['accum_wrapped']) for node in f['trace'].values())


def make_export(nibble, name):
    """Train and export; what the line of the model says about it."""
    more = MODELS[name][3]
    sets = [word for key in more.get('hls', []) for word in ('--set', key)]
    route = ['--route', more['route']] if 'route' in more else []
    export(nibble, train(nibble, name), name, ROWS, *sets, *route, *more.get('export', []))
    if not more.get('overflows'):
        check_golden(nibble, name)
        return ''
    wrapped = overflows(nibble, name)
    if wrapped == 0:
        raise Failed(f'{name}: no accumulator overflows on the golden samples: this model no longer shows it')
    return f', accumulators wrap {wrapped} times'


def convert(name, version, python, told):
    """Convert, compile and compare by one version of hls4ml; the line of the model."""
    start = time.monotonic()
    words = ['--trace'] if MODELS[name][3].get('trace') and version == NEWEST else []
    project = f'project-{version}'
    said = call(python, 'convert.py', '--output', project, *words, cwd=name)
    shutil.rmtree(f'{name}/{project}', ignore_errors=True)
    numbers = [(int(a), int(b)) for a, b in re.findall(r'^output .*: (\d+) of (\d+) numbers', said, re.M)]
    layers = len(re.findall(r'^layer ', said, re.M))
    tool = said.splitlines()[0]
    if not numbers or sum(a for a, _ in numbers) or said.splitlines()[-1] != 'equal':
        raise Failed(said)
    if not tool.startswith(f'hls4ml {version},'):
        raise Failed(f'{python} is not of hls4ml {version}: {tool}')
    return (f'{name:22s} {tool:33s} 0 of {sum(b for _, b in numbers):7d} outputs of {ROWS} samples differ'
            f'{f", {layers} layers traced" if layers else ""}{told} ({time.monotonic() - start:.0f} s)')


class Results:
    """Lines by model and version, kept from call to call for the same program, models and scripts."""

    def __init__(self, folder, nibble):
        self.path = os.path.join(folder, 'results.json')
        self.made_with = fingerprint(nibble, *map(beside, ('models.py', 'exported.py', 'conformance.py')))
        self.lines = {}
        if os.path.exists(self.path):
            with open(self.path) as f:
                kept = json.load(f)
            self.lines = kept['lines'] if kept['made_with'] == self.made_with else {}

    def add(self, key, line):
        self.lines[key] = line
        with open(f'{self.path}.tmp', 'w') as f:
            json.dump({'made_with': self.made_with, 'lines': self.lines}, f, indent=1)
        os.replace(f'{self.path}.tmp', self.path)


def check(nibble, name, todo, deadline):
    """[(name, version, line or Failed)] of one model; empty when there was no time to begin with it."""
    if deadline and time.monotonic() > deadline:
        return []
    try:
        told = make_export(nibble, name)
    except Failed as reason:
        return [(name, version, reason) for version, _ in todo]
    found = []
    for version, python in todo:
        try:
            found.append((name, version, convert(name, version, python, told)))
        except Failed as reason:
            found.append((name, version, reason))
    shutil.rmtree(name, ignore_errors=True)
    return found


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument('nibble')
    parser.add_argument('which', choices=('quick', 'all'))
    parser.add_argument('--python', action='append', required=True)
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--kept', default='.')
    parser.add_argument('--seconds', type=float)
    parser.add_argument('names', nargs='*')
    options = parser.parse_intermixed_args()
    for name in options.names:
        if name not in MODELS:
            parser.error(f'there is no model {name}; models.py has {" ".join(MODELS)}')
    return options


def wanted(options):
    """Versions to run, by model: older ones on a third of the models, or on those that were named."""
    pythons = [p.split('=', 1) for p in options.python]
    names = options.names or [n for n, row in MODELS.items() if options.which == 'all' or row[0]]
    table = {n: [(v, p) for v, p in pythons if v == NEWEST or MODELS[n][3].get('old') or options.names] for n in names}
    return {n: versions for n, versions in table.items() if versions}


def main():
    options = parse()
    results = Results(options.kept, options.nibble)
    deadline = time.monotonic() + options.seconds if options.seconds else None
    table, failed, done, jobs = wanted(options), [], 0, []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, versions in table.items():
            for version, _ in versions:
                if f'{name} {version}' in results.lines:
                    done += 1
                    print(results.lines[f'{name} {version}'], flush=True)
            todo = [(v, p) for v, p in versions if f'{name} {v}' not in results.lines]
            if todo:
                jobs.append(pool.submit(check, options.nibble, name, todo, deadline))
        for job in concurrent.futures.as_completed(jobs):
            for name, version, line in job.result():
                if isinstance(line, Failed):
                    failed.append(f'{name} ({version})')
                    print(f'{name}: FAILED by hls4ml {version}\n{line}', flush=True)
                else:
                    results.add(f'{name} {version}', line)
                    done += 1
                    print(line, flush=True)
    total = sum(len(versions) for versions in table.values())
    if done + len(failed) < total:
        print(f'{done} of {total} done, {len(failed)} failed; the others: once more')
        sys.exit(1 if failed else LATER)
    print(f'{len(table)} models, {total} conversions, {ROWS} inputs each: '
          + (f'{len(failed)} failed: {", ".join(failed)}' if failed else '0 differing outputs'))
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()
