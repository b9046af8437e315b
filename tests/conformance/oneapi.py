"""Exports for oneAPI: what hls4ml writes, declaration by declaration, against the exported integers: see oneapi.sh.

  oneapi.py NIBBLE [NAME...]     NAME: of models.py
"""
import os
import re
import sys
import types

import h5py

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from exported import Failed, call, write_config  # noqa: E402
from models import MODELS  # noqa: E402

NAMES = ('bits2', 'bits6', 'bits7_trn_wrap', 'bits12', 'bits16', 'ternary', 'norm_folded', 'residual', 'heads', 'given_accum')
ROWS = 100
DECLARATION = re.compile(r'typedef (?:nnet::array<)?(ac_fixed<[^>]*>|ac_int<[^>]*>)(?:, [^>]*>)? (\w+);')


def declared(text):
    """(bits, integer bits, signed, rounding, overflow) of ac_fixed<...> or ac_int<...>, its defaults filled in."""
    kind, inside = re.match(r'(\w+)<(.*)>', text).groups()
    words = [w.strip() for w in inside.split(',')]
    if kind == 'ac_int':
        return int(words[0]), int(words[0]), words[1] == 'true', 'TRN', 'WRAP'
    words += ['AC_TRN', 'AC_WRAP'][len(words) - 3:]
    return int(words[0]), int(words[1]), words[2] == 'true', words[3].removeprefix('AC_'), words[4].removeprefix('AC_')


def stored(group):
    """The same of a single type in a model file: `type` is bits, integer bits, signed."""
    (bits, integer, signed), *more = group['type'][...].tolist()
    assert not more, f'{group.name} has a type per channel'
    return bits, integer, bool(signed), *(m.decode().rstrip('\0') for m in group['modes'][...])


def holds(wide, narrow):
    """Every value of type `narrow` is one of type `wide`."""
    above, below = wide[1] - wide[2], narrow[1] - narrow[2]
    return wide[0] - wide[1] >= narrow[0] - narrow[1] and above >= below and wide[2] >= narrow[2]


def numbers(path):
    """What an array of the project is initialised with."""
    with open(path) as f:
        return [float(w) for w in re.search(r'\{\{(.*?)\}\}', f.read(), re.S).group(1).split(',')]


class Project:
    """A project of hls4ml's oneAPI back end, as it was written."""

    def __init__(self, folder, output):
        source = types.ModuleType('convert')
        with open(f'{folder}/convert.py') as f:
            exec(compile(f.read(), 'convert.py', 'exec'), source.__dict__)
        here = os.getcwd()
        os.chdir(folder)
        try:
            arguments = types.SimpleNamespace(backend=None, io_type=None, part=None, output=output, trace=False)
            self.version, self.model = source.convert(source.read_config(arguments))
            self.model.write()
        finally:
            os.chdir(here)
        self.firmware = f'{folder}/{output}/src/firmware'
        with open(f'{self.firmware}/defines.h') as f:
            self.types = {name: declared(text) for text, name in DECLARATION.findall(f.read())}
        with open(f'{folder}/{output}/CMakeLists.txt') as f:
            self.cmake = f.read()
        self.layer = {layer.name: layer for layer in self.model.get_layers()}

    def of(self, variable):
        return self.types[variable.type.name]


def check_weights(project, layer, op, steps):
    """How many numbers were compared: weights in the order of hls4ml's Resource strategy, in which oneAPI keeps them."""
    compared = 0
    for array, name in (('kernel', 'weight'), ('bias', 'bias')):
        if array not in op:
            continue
        codes = op[array]['code'][...]
        step = steps[f'{array}/step'][...]
        values = codes * (step.reshape(codes.shape) if step.size == codes.size else step)
        wanted = (values.T if array == 'kernel' else values).ravel()
        variable = layer.weights[name]
        found = numbers(f'{project.firmware}/weights/{variable.name}.h')
        kind = project.of(variable)
        if len(found) != len(wanted):
            raise Failed(f'{variable.name}: {len(found)} numbers, {len(wanted)} weights')
        quantum, top = 2.0 ** (kind[1] - kind[0]), 2.0 ** (kind[1] - kind[2])
        for i, (a, b) in enumerate(zip(found, wanted)):
            if a != b or b % quantum or not -top * kind[2] <= b < top:
                raise Failed(f'{variable.name}[{i}]: {a!r} of type {kind} instead of {b!r}')
        compared += len(found)
    return compared


def check(nibble, name):
    _, model, quant, more = MODELS[name]
    write_config(name, model, quant, more)
    call(nibble, 'train', f'{name}.yaml', '--quiet', '-o', f'run_{name}', '-t', 1)
    call(nibble, 'export', f'run_{name}', '-o', name, '--rows', ROWS, '--quiet', '--set', 'hls.backend=oneAPI',
         '--set', 'hls.part=Agilex7', *(word for key in more.get('hls', []) for word in ('--set', key)))
    project = Project(name, 'project')
    if 'Agilex7' not in project.cmake:
        raise Failed('the part is not in CMakeLists.txt')
    tensors = accumulators = weights = 0
    with h5py.File(f'{name}/model.h5') as f:
        fixnet = f['nibble/fixnet']
        stated = dict(zip(f['nibble/export/layer'].asstr()[...], f['nibble/export/node'].asstr()[...]))
        for node, variable in zip(fixnet['output/node'].asstr()[...], project.model.get_output_variables()):
            if project.of(variable) != stored(fixnet['tensor'][node]):
                raise Failed(f'output {node}: {project.of(variable)}, its tensor is {stored(fixnet["tensor"][node])}')
        for layer_name, node in stated.items():
            if layer_name not in project.layer:
                continue  # a cast, which hls4ml lets the layer before it do
            layer = project.layer[layer_name]
            found, wanted = project.of(layer.get_output_variable()), stored(fixnet['tensor'][node])
            # A tensor that takes over what comes, without a cast, may be wider.
            if found != wanted and not (fixnet['op'][node]['kind'].asstr()[()] == 'dense' and holds(found, wanted)):
                raise Failed(f'layer {layer_name}: {found}, tensor {node} is {wanted}')
            tensors += 1
        for node in fixnet['op']:
            op = fixnet['op'][node]
            if 'accum' not in op or node not in project.layer:
                continue
            layer = project.layer[node]
            found, wanted = project.types[layer.types['accum_t'].name], stored(op['accum'])
            exact = not op['proven'][()]
            if found != wanted if exact else not holds(found, wanted):
                raise Failed(f'{node}: accumulator {found}, the proven one is {wanted}')
            accumulators += 1
            weights += check_weights(project, layer, op, f[f'nibble/export/weight/{node}'])
    if tensors < 3 or accumulators == 0 or weights == 0:
        raise Failed(f'only {tensors} tensors, {accumulators} accumulators and {weights} weights found')
    return f'{name:16s} hls4ml {project.version}, oneAPI: {tensors} tensors, {accumulators} accumulators, {weights} weights agree'


def main():
    nibble, names = sys.argv[1], sys.argv[2:] or NAMES
    failed = []
    for name in names:
        try:
            print(check(nibble, name), flush=True)
        except Failed as reason:
            failed.append(name)
            print(f'{name}: FAILED\n{reason}', flush=True)
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()
