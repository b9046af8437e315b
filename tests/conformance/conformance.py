"""Train, export, convert, compile, compare: see conformance.sh.

  conformance.py NIBBLE quick|all PYTHON... -- [NAME...]     PYTHON: of environments with hls4ml, the newest first
"""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from models import MODELS  # noqa: E402

ROWS = 20000
VERILOG_ROWS = 10000


class Failed(Exception):
    pass


def call(*words, cwd=None):
    done = subprocess.run([str(w) for w in words], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f'{" ".join(map(str, words))}: exit status {done.returncode}\n'
                     f'{done.stdout[-3000:]}{done.stderr[-3000:]}')
    return done.stdout


def write_config(name, model, quant, more):
    x = {'path': 'hlf16', 'preprocess': 'none' if more.get('raw') else 'standardize'}
    config = {'data': {'source': {'file': 'jets.h5'}, 'inputs': {'x': x}, 'targets': more.get('targets', {'y': 'label'}),
                       'test': {'fraction': 0.7}, 'validation': {'fraction': 0.1}},
              'model': model, 'train': {'seed': 5, 'epochs': 2, 'batch': 128}}
    if 'n' in config['data']['targets']:
        config['train']['loss'] = {'y': 'categorical_crossentropy', 'n': 'mse'}
    if quant is not None:
        config['quant'] = quant
    if 'prune' in more:
        config['prune'] = more['prune']
    with open(f'{name}.yaml', 'w') as f:
        json.dump(config, f)  # JSON is YAML


def export(nibble, name):
    """Train and export; the folder."""
    _, model, quant, more = MODELS[name]
    write_config(name, model, quant, more)
    run = f'run_{name}'
    call(nibble, 'train', f'{name}.yaml', '--quiet', '-o', run, '-t', 1)
    if 'then' in more:
        command, *words = more['then']
        call(nibble, command, run, *words, '--quiet', '-o', f'{run}_then')
        run = f'{run}_then'
    sets = [word for key in more.get('hls', []) for word in ('--set', key)]
    route = ['--route', more['route']] if 'route' in more else []
    call(nibble, 'export', run, '-o', name, '--rows', ROWS, '--quiet', *sets, *route)
    if more.get('verilog'):
        call(nibble, 'export', run, '-o', f'{name}_dais', '--format', 'dais', '--rows', VERILOG_ROWS, '--quiet')
    golden = call(nibble, 'emulate', f'{name}/model.h5', '--golden')
    if f'{ROWS} golden samples: 0 of' not in golden:
        raise Failed(golden)
    return name


def check(nibble, name, pythons):
    """One line for each version of hls4ml."""
    start = time.monotonic()
    folder = export(nibble, name)
    more = MODELS[name][3]
    lines = []
    for index, python in enumerate(pythons):
        if index > 0 and not more.get('old'):
            continue
        words = ['--trace'] if more.get('trace') and index == 0 else []
        said = call(python, 'convert.py', '--output', f'project{index}', *words, cwd=folder)
        numbers = [(int(a), int(b)) for a, b in re.findall(r'^output .*: (\d+) of (\d+) numbers', said, re.M)]
        layers = len(re.findall(r'^layer ', said, re.M))
        if not numbers or sum(a for a, _ in numbers):
            raise Failed(said)
        if index == 0 and more.get('verilog') and shutil.which('iverilog') and len(pythons) > 1:
            here = os.path.dirname(os.path.abspath(__file__))
            lines.append(call(python, f'{here}/verilog.py', f'{name}_dais').strip())
        lines.append(f'{name:24s} {said.splitlines()[0]:34s} {sum(a for a, _ in numbers)} of '
                     f'{sum(b for _, b in numbers):7d} outputs of {ROWS} samples differ'
                     f'{f", {layers} layers traced" if layers else ""}')
    return lines, time.monotonic() - start


def main():
    nibble, which = sys.argv[1:3]
    split = sys.argv.index('--')
    pythons, names = sys.argv[3:split], sys.argv[split + 1:]
    names = names or [n for n, row in MODELS.items() if which == 'all' or row[0]]
    failed = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {name: pool.submit(check, nibble, name, pythons) for name in names}
        for name, job in jobs.items():
            try:
                lines, seconds = job.result()
                print('\n'.join(lines), f'({seconds:.0f} s)', flush=True)
            except Failed as reason:
                failed.append(name)
                print(f'{name}: FAILED\n{reason}', flush=True)
    print(f'{len(names)} models, {ROWS} inputs each: ' + (f'{len(failed)} failed: {" ".join(failed)}' if failed
                                                           else '0 differing outputs'))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
