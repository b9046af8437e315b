"""What `nibble emulate --types` computes against the firmware emulation of hls4ml with the same configuration.

  hls4ml_types.py MODEL.h5 CONFIG.yml TRACE.h5 FOLDER

MODEL.h5 is a float model of nibble, which hls4ml reads as it is; CONFIG.yml an HLSConfig; TRACE.h5 what
`nibble emulate MODEL --types CONFIG.yml --trace TRACE.h5` wrote. The project is converted, compiled with g++ and run on the
trace's inputs; every output must be equal, bit for bit.
"""
import os
import sys
import warnings

import h5py
import numpy as np
import yaml

warnings.filterwarnings('ignore')


def main():
    import hls4ml
    model_file, config_file, trace_file, folder = map(os.path.abspath, sys.argv[1:])
    os.makedirs(folder, exist_ok=True)
    with h5py.File(trace_file) as trace:
        nodes = sorted(trace['trace'].values(), key=lambda node: node.attrs['index'])
        x = np.ascontiguousarray(next(iter(trace['input'].values())), dtype=np.float32)
        y = np.asarray(nodes[-1]['values'])
    with open(config_file) as file:
        hls = yaml.safe_load(file)
    config = {'KerasH5': model_file, 'OutputDir': 'project', 'ProjectName': 'types', 'Backend': 'Vitis',
              'Part': 'xcvu13p-flga2577-2-e', 'ClockPeriod': 5, 'IOType': 'io_parallel',
              'HLSConfig': hls.get('HLSConfig', hls)}
    os.chdir(folder)
    model = hls4ml.converters.keras_v2_to_hls(config)
    model.compile()
    found = model.predict(x).reshape(y.shape)
    bad = int((found != y).sum())
    print(f'{os.path.basename(config_file)}: {bad} of {y.size} outputs of {len(y)} samples differ from hls4ml '
          f'{hls4ml.__version__}')
    for row, column in np.argwhere(found != y)[:3]:
        print(f'  sample {row}, output {column}: nibble {y[row, column]}, hls4ml {found[row, column]}')
    sys.exit(bad != 0)


main()
