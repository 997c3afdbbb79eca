"""The peer of 'kaleido bench checkpoint': torch.save with fsync, and torch.load.

Commands, one a line on standard input: 'save PATH', 'drop PATH', 'load PATH'. Each is answered with the seconds it took.
"""
import os
import sys
import time

import torch

sizes = [int(size) for size in os.environ["BENCH_SIZES"].split(",")]
state = {f"tensor.{i}": torch.rand(size) for i, size in enumerate(sizes)}
print("ready", flush=True)

for line in sys.stdin:
    command, path = line.rstrip("\n").split(" ", 1)
    begin = time.perf_counter()
    if command == "save":
        with open(path, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    elif command == "load":
        loaded = torch.load(path)
        assert len(loaded) == len(sizes)
        del loaded
    elif command == "drop":
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
    print(time.perf_counter() - begin, flush=True)
