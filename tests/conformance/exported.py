"""Models of models.py trained and exported by nibble: what conformance.py and verilog.py begin with."""
import hashlib
import json
import os
import re
import shutil
import subprocess

from models import MODELS

ROWS = 20000  # golden samples of an export; a quarter of them made up: ends of the range, ties, far outside


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


def train(nibble, name):
    """The run that is exported; jets.h5 lies in the current folder."""
    _, model, quant, more = MODELS[name]
    write_config(name, model, quant, more)
    run = f'run_{name}'
    for folder in (run, f'{run}_then'):  # of a call that was stopped
        shutil.rmtree(folder, ignore_errors=True)
    call(nibble, 'train', f'{name}.yaml', '--quiet', '-o', run, '-t', 1)
    if 'then' in more:
        command, *words = more['then']
        call(nibble, command, run, *words, '--quiet', '-o', f'{run}_then')
        run = f'{run}_then'
    return run


def export(nibble, run, folder, rows, *words):
    call(nibble, 'export', run, '-o', folder, '--force', '--rows', rows, '--quiet', *words)


def check_golden(nibble, folder, *words):
    """The integer engine repeats the golden outputs."""
    said = call(nibble, 'emulate', f'{folder}/model.h5', '--golden', *words)
    if not re.match(r'\d+ golden samples: 0 of', said):
        raise Failed(said)


def fingerprint(*paths):
    """What a kept result was made with."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, 'rb') as f:
            digest.update(f.read())
    return digest.hexdigest()[:16]


def beside(name):
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
