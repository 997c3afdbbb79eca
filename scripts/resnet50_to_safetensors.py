#!/usr/bin/env python3
"""Turns torchvision's ResNet-50 (resnet50-*.pth) into the safetensors file that 'extract.weights' names. Needs PyTorch alone.

    scripts/resnet50_to_safetensors.py resnet50-11ad3fa6.pth resnet50.safetensors

The file is unpickled by PyTorch, so take it from a source you trust; KaleidoDist itself never unpickles anything."""
import json
import struct
import sys

import torch


def save(tensors, path, metadata=None):
    """safetensors: 8 bytes little-endian header length, a JSON header padded to 8 bytes, the data."""
    header, offset = ({"__metadata__": metadata} if metadata else {}), 0
    for name, tensor in tensors.items():
        size = tensor.numel() * 4
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.detach().to(torch.float32).contiguous().numpy().tobytes())


if __name__ == "__main__":
    source, target = sys.argv[1:]
    state = torch.load(source, map_location="cpu")
    state = state.state_dict() if isinstance(state, torch.nn.Module) else state
    state = {name: tensor for name, tensor in state.items() if not name.startswith("fc.") and not name.endswith("num_batches_tracked")}
    save(state, target, {"format": "pt", "model": "resnet50"})
