"""A DAIS export through da4ml to Verilog, simulated by Icarus Verilog on the golden samples.

  verilog.py FOLDER     of `nibble export --format dais`; da4ml in this Python's environment, iverilog in the PATH
"""
import csv
import json
import os
import re
import subprocess
import sys

import numpy as np
from da4ml.types import CombLogic, minimal_kif

BENCH = '''`timescale 1 ns / 1 ps
module bench;
    reg clk = 0;
    reg [{i}:0] inp;
    wire [{o}:0] out;
    reg [{i}:0] samples [0:{last}];
    integer k, f;
    model dut(.clk(clk), .model_inp(inp), .model_out(out));
    initial begin
        $readmemh("in.hex", samples);
        f = $fopen("out.hex", "w");
        for (k = 0; k < {rows} + {delay}; k = k + 1) begin
            inp = samples[k < {rows} ? k : {last}];
            #1 clk = 1; #1 clk = 0;
            if (k >= {delay}) $fwrite(f, "%h\\n", out);
        end
        $fclose(f);
        $finish;
    end
endmodule
'''


def read_types(folder):
    """Steps of inputs and outputs."""
    steps = {'input': [], 'output': []}
    with open(f'{folder}/ports.csv') as f:
        for row in csv.DictReader(f):
            m = re.match(r'(u?)fixed<(\d+),(-?\d+)', row['type'])
            steps[row['side']].append(2.0 ** (int(m[3]) - int(m[2])) if m else 1.0)
    return np.array(steps['input']), np.array(steps['output'])


def widths(intervals):
    kif = [minimal_kif(q) for q in intervals]
    return kif, [max(0, int(k) + i + f) for k, i, f in kif]


def pack(values, kif, bits):
    """Numbers of one sample as one word, the first in the lowest bits."""
    word, at = 0, 0
    for v, (_, _, f), b in zip(values, kif, bits):
        word |= (round(v * 2.0**f) & ((1 << b) - 1)) << at
        at += b
    return word


def unpack(word, kif, bits):
    values, at = [], 0
    for (k, _, f), b in zip(kif, bits):
        raw = word >> at & ((1 << b) - 1) if b else 0
        if k and raw >> (b - 1):
            raw -= 1 << b
        values.append(raw * 2.0**-f)
        at += b
    return values


def main():
    folder = sys.argv[1]
    step_in, step_out = read_types(folder)
    x = np.loadtxt(f'{folder}/golden_in.dat', ndmin=2) * step_in
    y = np.loadtxt(f'{folder}/golden_out.dat', ndmin=2) * step_out
    program = CombLogic.load(f'{folder}/program.json')
    interpreted = int((program.predict(x) != y).sum())
    rtl = os.path.abspath(f'{folder}/rtl')
    subprocess.run([os.path.join(os.path.dirname(sys.executable), 'da4ml'), 'convert', f'{folder}/program.json', rtl, '-n', '0'],
                   check=True, capture_output=True)
    with open(f'{rtl}/metadata.json') as f:
        delay = int(json.load(f)['latency'])
    inputs = [op for op in program.ops if op.opcode == -1]
    by_index = {op.id0: op.qint for op in inputs}
    kif_in, bits_in = widths([by_index[i] if i in by_index else (0.0, 0.0, 1.0) for i in range(x.shape[1])]
                             if len(by_index) == x.shape[1] else [])
    kif_out, bits_out = widths(program.out_qint)
    with open(f'{rtl}/in.hex', 'w') as f:
        f.writelines(f'{pack(row, kif_in, bits_in):x}\n' for row in x)
    with open(f'{rtl}/bench.v', 'w') as f:
        f.write(BENCH.format(i=sum(bits_in) - 1, o=sum(bits_out) - 1, last=len(x) - 1, rows=len(x), delay=delay))
    files = [f'src/{n}' for n in sorted(os.listdir(f'{rtl}/src')) if re.fullmatch(r'model(_stage\d+)?\.v', n)]
    subprocess.run(['iverilog', '-g2012', '-o', 'bench', '-y', 'src', '-y', 'src/static', 'bench.v', *files], cwd=rtl, check=True)
    subprocess.run(['vvp', 'bench'], cwd=rtl, check=True, capture_output=True)
    with open(f'{rtl}/out.hex') as f:
        found = np.array([unpack(int(line, 16), kif_out, bits_out) for line in f])
    simulated = int((found != y).sum())
    print(f'{os.path.basename(folder)}: {len(program.ops)} operations, {delay + 1} clock edges; of {y.size} outputs of {len(y)} '
          f'samples differ: {interpreted} interpreted by da4ml, {simulated} simulated in Verilog')
    sys.exit(bool(interpreted or simulated))


main()
