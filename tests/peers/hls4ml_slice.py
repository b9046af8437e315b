"""The integers of nibble's engine against the firmware emulation of hls4ml.

  hls4ml_slice.py TRACE.h5 FOLDER

TRACE.h5 is what `nibble emulate --trace` wrote for a chain of dense and relu layers. The network goes to hls4ml as plain
Keras layers with weights on their grid and the types of its activations (BitExact and Trusted; hls4ml derives the rest),
is converted, compiled with g++ and run on the inputs of the trace. Every output must be equal.
"""
import json
import os
import sys
import warnings

import h5py
import numpy as np

warnings.filterwarnings('ignore')


def text(attribute):
    return attribute.decode() if isinstance(attribute, bytes) else str(attribute)


def read_chain(trace):
    """Nodes from input to output: a chain lists them in its order."""
    order = sorted(trace['trace'], key=lambda name: trace['trace'][name].attrs['index'])
    return [(name, trace['trace'][name]) for name in order]


def keras_layers(chain):
    """Keras-2 layers, their weights, and hls4ml's types of the activations."""
    layers, weights, types, previous = [], {}, {}, None
    for name, node in chain:
        kind, full_type = text(node.attrs['kind']), text(node.attrs['type'])
        width = node['codes'].shape[1]
        if kind == 'input':
            layers.append({'class_name': 'InputLayer', 'config': {'name': name, 'batch_input_shape': [None, width],
                                                                  'dtype': 'float32', 'sparse': False, 'ragged': False}})
            types[name] = full_type
        elif kind == 'dense':
            layers.append({'class_name': 'Dense', 'config': {'name': name, 'trainable': True, 'dtype': 'float32',
                                                             'units': width, 'use_bias': 'bias' in node}})
            weights[name] = {var: np.asarray(node[var]).reshape((-1, width) if var == 'kernel' else width)
                             for var in ('kernel', 'bias') if var in node}
            previous = full_type
        elif kind == 'relu':
            layers.append({'class_name': 'Activation', 'config': {'name': name, 'trainable': True, 'dtype': 'float32',
                                                                  'activation': 'relu'}})
            types[name] = full_type
        else:
            sys.exit(f'{name}: {kind} is not in this slice')
    # What casts the output is a linear activation behind the last dense layer.
    layers.append({'class_name': 'Activation', 'config': {'name': 'result', 'trainable': True, 'dtype': 'float32',
                                                          'activation': 'linear'}})
    types['result'] = previous
    return layers, weights, types


def write_model(folder, layers, weights):
    model = {'class_name': 'Sequential', 'config': {'name': 'slice', 'layers': layers}, 'keras_version': '2.13.1',
             'backend': 'tensorflow'}
    with h5py.File(f'{folder}/model.h5', 'w') as f:
        f.attrs['model_config'] = np.bytes_(json.dumps(model))
        f.attrs['backend'] = b'tensorflow'
        f.attrs['keras_version'] = b'2.13.1'
        root = f.create_group('model_weights')
        root.attrs['layer_names'] = np.array([layer['config']['name'].encode() for layer in layers])
        for layer in layers:
            name = layer['config']['name']
            group = root.create_group(name)
            tensors = weights.get(name, {})
            group.attrs['weight_names'] = np.array([f'{name}/{var}:0'.encode() for var in tensors], dtype='S64')
            for var, value in tensors.items():
                group.create_dataset(f'{name}/{var}:0', data=value.astype('f4'))


def main():
    import hls4ml
    trace_file, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    with h5py.File(trace_file) as trace:
        chain = read_chain(trace)
        x = np.asarray(trace['input'][chain[0][0]], dtype=np.float32)
        layers, weights, types = keras_layers(chain)
        y = np.asarray(chain[-1][1]['values'])
    write_model(folder, layers, weights)
    os.chdir(folder)
    config = {'KerasH5': 'model.h5', 'OutputDir': 'project', 'ProjectName': 'slice', 'Backend': 'Vitis',
              'Part': 'xcvu13p-flga2577-2-e', 'ClockPeriod': 5, 'IOType': 'io_parallel',
              'HLSConfig': {'Model': {'Precision': 'fixed<16,6>', 'ReuseFactor': 1, 'Strategy': 'Latency',
                                      'BitExact': True},
                            'LayerName': {name: {'Trusted': True, 'Precision': {'result': precision}}
                                          for name, precision in types.items()}}}
    model = hls4ml.converters.keras_v2_to_hls(config)
    model.compile()
    found = model.predict(np.ascontiguousarray(x)).reshape(y.shape)
    bad = int((found != y).sum())
    print(f'{os.path.basename(folder)}: {bad} of {y.size} outputs of {len(y)} samples differ from hls4ml {hls4ml.__version__}')
    for row, column in np.argwhere(found != y)[:3]:
        print(f'  sample {row}, output {column}: nibble {y[row, column]}, hls4ml {found[row, column]}')
    sys.exit(bad != 0)


main()
