"""The peer of 'kaleido bench data': a PyTorch DataLoader that decodes with PIL.

BENCH_PICTURES names a file of encoded pictures, each behind its length (4 bytes, little endian). They are held in memory.
Commands, one a line on standard input: 'decode W' and 'cells W', W being the number of worker processes, 0 for none.
'decode' makes an 8-bit tensor of each picture, 'cells' the 55 kaleido patches of it, box-averaged, and stacks 16 of them.
Each command is answered with the seconds that one pass took. Worker processes live through all passes.
"""
import io
import os
import struct
import sys
import time

import numpy
import torch
from PIL import Image

SIDE = int(os.environ["BENCH_CELL_SIDE"])
torch.set_num_threads(1)

pictures = []
with open(os.environ["BENCH_PICTURES"], "rb") as file:
    while length := file.read(4):
        pictures.append(file.read(struct.unpack("<i", length)[0]))


def decode(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


class Decoded(torch.utils.data.Dataset):
    def __len__(self):
        return len(pictures)

    def __getitem__(self, index):
        return torch.from_numpy(numpy.array(decode(pictures[index])))


class Cells(Decoded):
    def __getitem__(self, index):
        picture = decode(pictures[index])
        cells = numpy.empty((55, SIDE, SIDE, 3), numpy.uint8)
        cell = 0
        for level in range(1, 6):
            for row in range(level):
                for column in range(level):
                    box = (column * picture.width // level, row * picture.height // level,
                           (column + 1) * picture.width // level, (row + 1) * picture.height // level)
                    cells[cell] = numpy.asarray(picture.resize((SIDE, SIDE), Image.BOX, box=box))
                    cell += 1
        return torch.from_numpy(cells).permute(0, 3, 1, 2).to(torch.float32).div_(127.5).sub_(1)


loaders = {}


def loader(kind, workers):
    if (kind, workers) not in loaders:
        decoding = kind == "decode"
        loaders[kind, workers] = torch.utils.data.DataLoader(
            Decoded() if decoding else Cells(), batch_size=16, num_workers=workers, persistent_workers=workers > 0,
            collate_fn=list if decoding else None)
    return loaders[kind, workers]


print("ready", flush=True)
for line in sys.stdin:
    kind, workers = line.split()
    batches = loader(kind, int(workers))
    begin = time.perf_counter()
    count = sum(len(batch) for batch in batches)
    seconds = time.perf_counter() - begin
    assert count == len(pictures)
    print(seconds, flush=True)
