"""Train, export as a DAIS program, through da4ml to Verilog, simulate, compare: see verilog.sh.

  verilog.py NIBBLE SIMULATOR [NAME...]     SIMULATOR: verilator or iverilog; da4ml in this Python's environment

The current folder holds jets.h5. Exit status 1: outputs differ.
"""
import csv
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
from da4ml.types import CombLogic, minimal_kif

from exported import Failed, call, export, train
from models import MODELS

ROWS = 10000

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


def read_steps(folder):
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


def run_verilator(rtl, files):
    """Its own test bench in one program."""
    call('verilator', '--binary', '--timing', '-Wno-fatal', '-Wno-lint', '-Wno-style', '--top-module', 'bench', '-Isrc',
         '-Isrc/static', '-CFLAGS', '-O1', 'bench.v', *files, cwd=rtl)
    call('./obj_dir/Vbench', cwd=rtl)


def run_iverilog(rtl, files):
    # Icarus 11 takes no expression in an attribute; this one only tells a synthesis tool where the table is kept.
    table = f'{rtl}/src/static/lookup_table.v'
    if os.path.exists(table):
        with open(table) as f:
            text = re.sub(r'\(\* rom_style.*\*\)', '', f.read())
        with open(table, 'w') as f:
            f.write(text)
    call('iverilog', '-g2012', '-o', 'bench', '-y', 'src', '-y', 'src/static', 'bench.v', *files, cwd=rtl)
    call('vvp', 'bench', cwd=rtl)


def copy_tables(tables, rtl):
    """To where the simulation runs and looks for them; Verilator 5.006 drops a last line without a line feed."""
    for name in os.listdir(tables) if os.path.isdir(tables) else []:
        with open(f'{tables}/{name}') as f, open(f'{rtl}/{name}', 'w') as copy:
            copy.write(f.read().rstrip('\n') + '\n')


def write_bench(rtl, program, x, delay):
    kif_in, bits_in = widths(program.inp_qint)
    _, bits_out = widths(program.out_qint)
    with open(f'{rtl}/in.hex', 'w') as f:
        f.writelines(f'{pack(row, kif_in, bits_in):x}\n' for row in x)
    with open(f'{rtl}/bench.v', 'w') as f:
        f.write(BENCH.format(i=sum(bits_in) - 1, o=sum(bits_out) - 1, last=len(x) - 1, rows=len(x), delay=delay))


def simulate(folder, simulator):
    """Line about one program; Failed where outputs differ."""
    step_in, step_out = read_steps(folder)
    x = np.loadtxt(f'{folder}/golden_in.dat', ndmin=2) * step_in
    y = np.loadtxt(f'{folder}/golden_out.dat', ndmin=2) * step_out
    program = CombLogic.load(f'{folder}/program.json')
    interpreted = int((program.predict(x) != y).sum())
    rtl = os.path.abspath(f'{folder}/rtl')
    call(os.path.join(os.path.dirname(sys.executable), 'da4ml'), 'convert', f'{folder}/program.json', rtl, '-n', '0')
    with open(f'{rtl}/metadata.json') as f:
        delay = int(json.load(f)['latency'])
    write_bench(rtl, program, x, delay)
    files = [f'src/{n}' for n in sorted(os.listdir(f'{rtl}/src')) if re.fullmatch(r'model(_stage\d+)?\.v', n)]
    copy_tables(f'{rtl}/src/memfiles', rtl)
    (run_verilator if simulator == 'verilator' else run_iverilog)(rtl, files)
    with open(f'{rtl}/out.hex') as f:
        found = np.array([unpack(int(line, 16), *widths(program.out_qint)) for line in f])
    simulated = int((found != y).sum()) if found.shape == y.shape else y.size
    line = (f'{len(program.ops):5d} operations, {delay + 1} clock edges; of {y.size} outputs of {len(y)} samples differ: '
            f'{interpreted} interpreted by da4ml, {simulated} simulated in Verilog')
    if interpreted or simulated:
        raise Failed(line)
    return line


def main():
    nibble, simulator, *names = sys.argv[1:]
    names = names or [n for n, row in MODELS.items() if row[3].get('verilog')]
    version = subprocess.run([simulator, '-V'], capture_output=True, text=True).stdout.splitlines()[0]
    print(version, flush=True)
    failed = []
    for name in names:
        start = time.monotonic()
        try:
            if name not in MODELS:
                raise Failed(f'there is no such model; models.py has {" ".join(MODELS)}')
            export(nibble, train(nibble, name), f'{name}_dais', ROWS, '--format', 'dais')
            print(f'{name:22s} {simulate(f"{name}_dais", simulator)} ({time.monotonic() - start:.0f} s)', flush=True)
        except Failed as reason:
            failed.append(name)
            print(f'{name}: FAILED\n{reason}', flush=True)
    print(f'{len(names)} models in Verilog, {ROWS} inputs each: '
          + (f'{len(failed)} failed: {", ".join(failed)}' if failed else '0 differing outputs'))
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()
