"""Perceptrons for 784 inputs and 10 classes, exported with a batch of any size from 1 to 1024.

  python mlp.py [mlp.pt2 [hidden...]]

Without sizes it makes the small 784-64-10, which is committed as mlp.pt2;
`python mlp.py mlp_large.pt2 1024 1024` makes the 784-1024-1024-10 of the benchmarks.
"""

import sys

import torch
from torch import nn

from export import save


def mlp(hidden):
    layers, width = [nn.Flatten()], 784
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, 10))


def main(path="mlp.pt2", *hidden):
    torch.manual_seed(0)
    batch = torch.export.Dim("N", min=1, max=1024)
    model = mlp([int(size) for size in hidden] or [64])
    program = torch.export.export(model, (torch.zeros(2, 1, 28, 28),), dynamic_shapes=({0: batch},))
    save(program, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
