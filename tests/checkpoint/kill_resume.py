#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kill a conversion at random moments and see that the next run finishes it, byte for byte.

    kill_resume.py --command "build/release/src/cli/octet convert" [--kills N] [--seed S]
                   [--source DIR] [--int] [-- OPTION...]

An undisturbed run gives the digests. Then, N times: start in an empty folder, SIGKILL after a random
part of the undisturbed time, check that nothing has a final name before the renaming began, and run
again (every third time killed once more on the way) until it ends well. All digests must be the
same. --int sends SIGINT instead: then no final name may exist at all.
Without --source a checkpoint of 24 MB is made. Exit 1 at the first difference.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time


def make_checkpoint(folder, seed, layers=12, rows=1000, cols=1900):
    """FP8 in blocks of 128x128 with BF16 scales, an embedding and two other files."""
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    header, data = {}, bytearray()

    def add(name, dtype, shape, raw):
        header[name] = {'dtype': dtype, 'shape': shape,
                        'data_offsets': [len(data), len(data) + len(raw)]}
        data.extend(raw)

    clean = bytes(b if b & 0x7F != 0x7F else b - 1 for b in range(256))
    add('embed.weight', 'BF16', [500, 300], rng.randbytes(500 * 300 * 2))
    for layer in range(layers):
        grid = [-(-rows // 128), -(-cols // 128)]
        scales = b''.join(struct.pack('<H', 0x3C00 + rng.randrange(256))
                          for _ in range(grid[0] * grid[1]))
        add(f'layers.{layer}.weight', 'F8_E4M3', [rows, cols],
            rng.randbytes(rows * cols).translate(clean))
        add(f'layers.{layer}.weight_scale_inv', 'BF16', grid, scales)
    text = json.dumps(header).encode()
    (folder / 'model.safetensors').write_bytes(struct.pack('<Q', len(text)) + text + data)
    (folder / 'config.json').write_text(json.dumps({
        'architectures': ['SyntheticForCausalLM'], 'quantization_config': {
            'quant_method': 'fp8', 'weight_block_size': [128, 128]}}))
    (folder / 'tokenizer.json').write_bytes(rng.randbytes(100000))
    (folder / 'README.md').write_text('synthetic\n')


def digests(folder):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in sorted(os.listdir(folder))}


class Killer:
    def __init__(self, command, source, work, seed, options=(), number=signal.SIGKILL):
        self.command = shlex.split(command)
        self.source, self.work, self.options, self.number = source, work, list(options), number
        self.rng = random.Random(seed)
        self.resumed_late = 0

    def arguments(self, out):
        return self.command + [str(self.source), str(out)] + self.options

    def undisturbed(self):
        out = self.work / 'undisturbed'
        started = time.monotonic()
        subprocess.run(self.arguments(out), check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        self.seconds = time.monotonic() - started
        self.want = digests(out)

    def interrupted(self, out):
        """Start, send the signal at a random moment; the exit status, negative for a signal."""
        run = subprocess.Popen(self.arguments(out), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        try:
            return run.wait(timeout=self.rng.random() * self.seconds * 1.05)
        except subprocess.TimeoutExpired:
            run.send_signal(self.number)
            return run.wait()

    def check_names(self, out, status):
        """Final names exist only while the last renaming is under way, or after it."""
        names = sorted(os.listdir(out)) if out.exists() else []
        final = [name for name in names if not name.endswith('.part')]
        if self.number == signal.SIGINT and status != 0 and final:
            return f'final names after SIGINT: {final}'
        weights = [name for name in self.want if name.endswith('.safetensors')]
        if 'config.json' in final and not set(weights) <= set(final):
            return f'config.json before all weights: {names}'
        return None

    def once(self, number):
        out = self.work / f'run{number}'
        hits = 0
        for attempt in range(3 if number % 3 == 0 else 1):
            status = self.interrupted(out)
            hits += status != 0
            problem = self.check_names(out, status)
            if problem:
                return problem, hits
            if status == 0:
                break
        if status != 0:
            run = subprocess.run(self.arguments(out), capture_output=True, text=True)
            if run.returncode != 0:
                return f'the next run failed: {run.stderr.strip()}', hits
        got = digests(out)
        if got != self.want:
            return f'digests differ: {sorted(set(got.items()) ^ set(self.want.items()))}', hits
        shutil.rmtree(out)
        return None, hits


def run_kills(command, kills, seed, source=None, options=(), number=signal.SIGKILL):
    """Returns (interruptions that hit, problem or None)."""
    with tempfile.TemporaryDirectory(prefix='octet-kill-') as folder:
        work = pathlib.Path(folder)
        if source is None:
            source = work / 'source'
            make_checkpoint(source, seed)
        killer = Killer(command, source, work, seed, options, number)
        killer.undisturbed()
        total = 0
        for i in range(kills):
            problem, hits = killer.once(i)
            total += hits
            if problem:
                return total, f'run {i}: {problem}'
        return total, None


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--command', required=True)
    parser.add_argument('--kills', type=int, default=20)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--source', type=pathlib.Path)
    parser.add_argument('--int', action='store_true', dest='interrupt')
    parser.add_argument('options', nargs='*')
    arguments = parser.parse_args()
    number = signal.SIGINT if arguments.interrupt else signal.SIGKILL
    hits, problem = run_kills(arguments.command, arguments.kills, arguments.seed,
                              arguments.source, arguments.options, number)
    print(f'{arguments.kills} conversions, {hits} interrupted by {number.name}, seed '
          f'{arguments.seed}: {problem or "all digests equal the undisturbed run"}')
    return 1 if problem or hits == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
