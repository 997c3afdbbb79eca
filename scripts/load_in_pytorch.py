#!/usr/bin/env python3
"""Loads weights that 'kaleido checkpoint export' wrote, with PyTorch and the standard library alone: no code of KaleidoDist, no safetensors package.

    scripts/load_in_pytorch.py exports/quickstart/model.safetensors
    scripts/load_in_pytorch.py exports/base/model.safetensors.index.json

As a module: load(path) gives a state dict for torch.nn.Module.load_state_dict."""
import json
import os
import struct
import sys

import torch

TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
         "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}


def load(path):
    """One file, or those that an index names: for each tensor the file beside it that holds it."""
    if not path.endswith(".index.json"):
        return load_file(path)
    with open(path, encoding="utf-8") as file:
        places = json.load(file)["weight_map"]
    shards = {name: load_file(os.path.join(os.path.dirname(path), name)) for name in sorted(set(places.values()))}
    return {name: shards[shard][name] for name, shard in places.items()}


def load_file(path):
    """The file: 8 bytes little-endian header length, a JSON header with type, shape and place of each tensor, the data."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    return {name: tensor(data, entry) for name, entry in header.items()}


def tensor(data, entry):
    begin, end = entry["data_offsets"]
    if begin == end:  # frombuffer refuses empty buffers
        return torch.empty(entry["shape"], dtype=TYPES[entry["dtype"]])
    return torch.frombuffer(data[begin:end], dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])


if __name__ == "__main__":
    for name, values in load(sys.argv[1]).items():
        print(name, str(values.dtype).removeprefix("torch."), list(values.shape), f"{values.double().sum().item():.17g}")
