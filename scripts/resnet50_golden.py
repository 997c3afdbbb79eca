#!/usr/bin/env python3
"""Golden vectors of the ResNet-50 backbone and of the resampling before it, from torchvision and PyTorch:

    scripts/resnet50_golden.py tests/KaleidoDist.Model.Tests/Golden/resnet50.safetensors tests/KaleidoDist.Data.Tests/Pictures/bilinear.safetensors

Weights and inputs are not in the files: both sides compute them by the same formula (a hash of tensor number and element)."""
import sys

import numpy
import torch
import torchvision

from resnet50_to_safetensors import save

SIDES = (64, 224)
RESIZED = ((7, 5, 16), (40, 64, 16), (30, 30, 30), (1, 3, 8))  # height, width, side


def uniform(tensor, shape):
    """[0, 1): the finaliser of MurmurHash3 over element + tensor * 0x9E3779B9, of 32 bits."""
    bits = numpy.arange(numpy.prod(shape), dtype=numpy.uint32) + numpy.uint32(tensor * 0x9E3779B9 & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = (bits ^ (bits >> numpy.uint32(shift))) * numpy.uint32(factor)
    bits ^= bits >> numpy.uint32(16)
    return (bits / 2.0**32).reshape(shape)


def weight(number, name, shape):
    u = uniform(number, shape)
    if len(shape) > 1:
        return (2 * u - 1) * numpy.sqrt(6.0 * shape[0] / numpy.prod(shape))
    if name.endswith("bn3.weight"):
        return 0.1 + 0.2 * u
    return 0.5 + u if name.endswith(("weight", "running_var")) else 0.2 * (u - 0.5)


def network():
    model = torchvision.models.resnet50(weights=None).eval()
    state = model.state_dict()
    names = [name for name in state if not name.startswith("fc.") and not name.endswith("num_batches_tracked")]
    for number, name in enumerate(names):
        state[name].copy_(torch.from_numpy(weight(number, name, tuple(state[name].shape))).float())
    return model


def stages(model, pixels):
    x = (pixels - torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    outputs = [model.maxpool(model.relu(model.bn1(model.conv1(x))))]
    for layer in (model.layer1, model.layer2, model.layer3, model.layer4):
        outputs.append(layer(outputs[-1]))
    return outputs


def summary(output):
    """Mean, mean square and the last element."""
    values = output.double()
    return torch.stack([values.mean(), (values ** 2).mean(), values.flatten()[-1]])


if __name__ == "__main__":
    golden, resized = {}, {}
    with torch.no_grad():
        model = network()
        for side in SIDES:
            outputs = stages(model, torch.from_numpy(uniform(1000 + side, (1, 3, side, side))).float())
            golden[f"stages.{side}"] = torch.stack([summary(output) for output in outputs])
            golden[f"features.{side}"] = model.avgpool(outputs[-1]).flatten()
        for height, width, side in RESIZED:
            picture = torch.from_numpy(numpy.floor(256 * uniform(height * width, (1, 3, height, width)))).float()
            name = f"{height}x{width}to{side}"
            resized[name] = torch.nn.functional.interpolate(picture, (side, side), mode="bilinear", align_corners=False, antialias=True)[0] / 255
    save(golden, sys.argv[1])
    save(resized, sys.argv[2])
