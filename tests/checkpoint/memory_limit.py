#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Convert a checkpoint that is larger than the memory that the process may have.

    memory_limit.py --command "build/release/src/cli/octet convert" [--limit-mib 400]
                    [--source DIR] [-- OPTION...]

The address space is limited (RLIMIT_AS), which also counts stacks and libraries, and the peak
resident set is measured; it must stay below 256 MiB. Without --source a sparse checkpoint of 320 MiB
of FP8 is made, whose result has twice as much. Prints both numbers and the speed.
"""
import argparse
import json
import os
import pathlib
import resource
import shlex
import struct
import subprocess
import sys
import tempfile
import time

RESIDENT_MIB_MAX = 256


def make_sparse(folder, tensors=10, rows=4096, cols=8192):
    folder.mkdir()
    header, offset, scales = {}, 0, []
    grid = [rows // 128, cols // 128]
    for i in range(tensors):
        for name, dtype, shape, size in (
                (f'layers.{i}.weight', 'F8_E4M3', [rows, cols], rows * cols),
                (f'layers.{i}.weight_scale_inv', 'F32', grid, grid[0] * grid[1] * 4)):
            header[name] = {'dtype': dtype, 'shape': shape,
                            'data_offsets': [offset, offset + size]}
            if dtype == 'F32':
                scales.append(offset)
            offset += size
    text = json.dumps(header).encode()
    with open(folder / 'model.safetensors', 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text)
        start = file.tell()
        file.truncate(start + offset)  # codes are 0, and take no space
        for at in scales:
            file.seek(start + at)
            file.write(struct.pack('<f', 0.5) * (grid[0] * grid[1]))
    (folder / 'config.json').write_text(json.dumps({
        'architectures': ['SyntheticForCausalLM'], 'quantization_config': {
            'quant_method': 'fp8', 'weight_block_size': [128, 128]}}))


def measure(command, limit_mib, source=None, options=()):
    """Returns (exit status, peak RSS in MiB, seconds, bytes written, stderr)."""
    with tempfile.TemporaryDirectory(prefix='octet-memory-') as folder:
        work = pathlib.Path(folder)
        if source is None:
            source = work / 'source'
            make_sparse(source)
        limit = limit_mib << 20

        def set_limit():
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        started = time.monotonic()
        run = subprocess.Popen(shlex.split(command) + [str(source), str(work / 'out'), *options],
                               preexec_fn=set_limit, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
        message = run.stderr.read()
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        out = work / 'out'
        written = sum(path.stat().st_size for path in out.iterdir()) if out.exists() else 0
        return run.returncode, usage.ru_maxrss / 1024, seconds, written, message


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--command', required=True)
    parser.add_argument('--limit-mib', type=int, default=400)
    parser.add_argument('--source', type=pathlib.Path)
    parser.add_argument('options', nargs='*')
    arguments = parser.parse_args()
    status, resident, seconds, written, message = measure(
        arguments.command, arguments.limit_mib, arguments.source, arguments.options)
    print(f'exit {status}, peak RSS {resident:.1f} MiB under a limit of {arguments.limit_mib} MiB, '
          f'{written / 1e6:.0f} MB written in {seconds:.2f} s')
    if status != 0:
        print(message, file=sys.stderr)
    return 0 if status == 0 and resident < RESIDENT_MIB_MAX else 1


if __name__ == '__main__':
    sys.exit(main())
