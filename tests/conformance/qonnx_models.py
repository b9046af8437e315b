"""Train, export to QONNX, check, execute, compare: see qonnx.sh.

  qonnx_models.py NIBBLE [NAME...]     in this Python's environment: qonnx
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from exported import Failed, call, write_config  # noqa: E402
from models import CHAIN, HEADS, LEAKY, NORM, PRUNE, RESIDUAL, SCALED, TABLES, channels, data_types, given, types  # noqa: E402

ROWS = 10000


def conv(weight='fixed<6,1,RND_CONV,SAT>', **more):
    """Ties to even wherever numbers can be negative."""
    quant = {'input': 'fixed<8,4,RND_CONV,SAT>', 'weight': weight, 'bias': 'fixed<8,3,RND_CONV,SAT>',
             'activation': 'ufixed<6,3,RND_CONV,SAT>', 'output': 'fixed<10,5,RND_CONV,SAT>'}
    return {'default': quant | more, 'allow_dead': True}


SIGNED = {'activation': 'fixed<8,4,RND_CONV,SAT>'}
# name: (model, quant, more as in models.py)
MODELS = {
    'bits2': (CHAIN, types(2, 1, 'RND_CONV', 'SAT'), {}),
    'bits4_narrow': (CHAIN, types(4, 1, 'RND_CONV', 'SAT_SYM'), {}),
    'bits6': (CHAIN, types(6, 1, 'RND_CONV', 'SAT'), {}),
    'bits8': (CHAIN, types(8, 1, 'RND_CONV', 'SAT', more=0), {'raw': True}),
    'floor': (CHAIN, types(6, 1, 'TRN', 'SAT'), {}),
    'toward_zero': (CHAIN, types(6, 1, 'TRN_ZERO', 'SAT'), {}),
    'half_toward_zero': (CHAIN, types(6, 1, 'RND_ZERO', 'SAT'), {}),
    'half_up_of_positives': (CHAIN, conv(activation='ufixed<6,3,RND,SAT>'), {}),
    'half_away': (CHAIN, conv(activation='ufixed<6,3,RND_INF,SAT>', output='fixed<8,5,RND_INF,SAT>'), {}),
    'full_width': (CHAIN, {'default': {k: v for k, v in conv()['default'].items() if k != 'output'}}, {}),
    'coarse': (CHAIN, conv(activation='ufixed<3,4,RND_CONV,SAT>', output='fixed<4,6,RND_CONV,SAT>'), {}),
    'binary': (CHAIN, conv('binary(alpha=auto_po2)'), {}),
    'ternary': (CHAIN, conv('ternary(alpha=auto_po2)'), {}),
    'weights_per_channel': (CHAIN, conv('quantized_bits(4,0,alpha=auto_po2)'), {}),
    'pruned': (CHAIN, conv(), {'prune': PRUNE}),
    'norm_folded': (NORM, types(6, 1, 'RND_CONV', 'SAT'), {}),
    'norm_on_grid': (SCALED, {**conv('fixed<8,3,RND,SAT>', result='fixed<10,5,RND_CONV,SAT>'),
                              'layers': {n: {'weight': 'fixed<8,4,RND,SAT>', 'bias': 'fixed<8,4,RND,SAT>'}
                                         for n in ('bn1', 'bn2')}}, {}),
    'residual': (RESIDUAL, conv(**SIGNED, result='fixed<9,5,RND_CONV,SAT>'), {}),
    'residual_full_width': (RESIDUAL, conv('fixed<4,1,RND_CONV,SAT>', **SIGNED), {}),
    'leaky': (LEAKY, conv(**SIGNED), {}),
    'heads': (HEADS, conv(), {'targets': {'y': 'label', 'n': 'n_constituents'}}),
}
# name: (model, quant, what is said)
REFUSED = {
    'signed_half_up': (CHAIN, conv(output='fixed<10,5,RND,SAT>'), 'use RND_CONV: fixed<10,5,RND_CONV,SAT>'),
    'input_half_up': (CHAIN, conv(input='fixed<8,4,RND,SAT>'), 'use RND_CONV: fixed<8,4,RND_CONV,SAT>'),
    'wraps': (CHAIN, conv(output='fixed<5,2,RND_CONV,WRAP>'), 'use SAT: fixed<5,2,RND_CONV,SAT>'),
    'input_wraps': (CHAIN, conv(input='fixed<8,4>'), 'use SAT: fixed<8,4,TRN,SAT>'),
    'accumulator': (CHAIN, given('fixed<10,4,TRN,SAT>'), 'accumulator can overflow'),
    'too_wide': (CHAIN, types(16, 2, 'RND_CONV', 'SAT'), 'exact to 24'),
    'table': (TABLES, conv(**SIGNED, result='fixed<8,4,RND_CONV,SAT>'), 'nothing exact for table'),
    'by_channel': (CHAIN, {**conv(), 'layers': {'relu1': {'activation': channels('u', 24, 3, 7, 'RND,SAT')}}},
                   'differ by channel'),
}


def train(nibble, name, model, quant, more):
    write_config(name, model, quant, more)
    call(nibble, 'train', f'{name}.yaml', '--quiet', '-o', f'run_{name}', '-t', 1)


def check(nibble, name):
    train(nibble, name, *MODELS[name])
    for folder in (name, f'{name}_again'):
        call(nibble, 'export', f'run_{name}', '-o', folder, '--format', 'qonnx', '--rows', ROWS, '--quiet')
    with open(f'{name}/model.onnx', 'rb') as a, open(f'{name}_again/model.onnx', 'rb') as b:
        if a.read() != b.read():
            raise Failed(f'{name}: two exports differ')
    said = call(sys.executable, f'{name}/check.py')
    numbers = [(int(a), int(b)) for a, b in re.findall(r'^output .*: (\d+) of (\d+) numbers', said, re.M)]
    if not numbers or 'checker passed' not in said or sum(a for a, _ in numbers):
        raise Failed(said)
    with open(f'{name}/model.onnx', 'rb') as f:
        words = sorted(w.decode() for w in {b'ROUND', b'FLOOR', b'DOWN', b'HALF_UP', b'HALF_DOWN'} &
                       set(re.findall(rb'rounding_mode".(FLOOR|ROUND|DOWN|HALF_UP|HALF_DOWN)', f.read(), re.S)))
    print(f'{name:24s} 0 of {sum(b for _, b in numbers)} outputs of {ROWS} samples differ; {" ".join(words)}', flush=True)


def refuse(nibble, name):
    model, quant, expected = REFUSED[name]
    train(nibble, name, model, quant, {})
    done = subprocess.run([nibble, 'export', f'run_{name}', '-o', name, '--format', 'qonnx', '--rows', '10'],
                          capture_output=True, text=True)
    if done.returncode != 2 or expected not in done.stderr or done.stderr.count('\n') != 1 or os.path.exists(name):
        raise Failed(f'{name}: exit status {done.returncode}: {done.stderr}')
    print(f'{name:24s} refused: {done.stderr.strip()}', flush=True)


def main():
    nibble, *names = sys.argv[1:]
    failed = []
    for name in names or [*MODELS, *REFUSED]:
        try:
            (check if name in MODELS else refuse)(nibble, name)
        except Failed as reason:
            failed.append(name)
            print(f'{name}: FAILED\n{reason}', flush=True)
    print(f'{len(MODELS)} models, {ROWS} inputs each, {len(REFUSED)} refusals: ' +
          (f'{len(failed)} failed: {" ".join(failed)}' if failed else '0 differing outputs'))
    sys.exit(bool(failed))


main()
