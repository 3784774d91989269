"""The demo's training run in PyTorch: LeNet on the 4,000 digits, Adam 1e-3, batch 64, one thread, with the 1,000 test
digits classified after each epoch. Prints one JSON object: train_seconds (the steps alone) and test_accuracy.

  python recipe.py digits.npz eager|compile EPOCHS SEED
"""

import json
import sys
import time

import numpy
import torch

from cases import MODELS
from pytorch import restore


def main(data, how, epochs, seed):
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    digits = numpy.load(data)
    x, x_test = (torch.from_numpy(digits[key]).float() / 255 for key in ("x", "x_test"))
    y, y_test = (torch.from_numpy(digits[key]) for key in ("y", "y_test"))
    module = MODELS["lenet"].make()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    compute, update = (lambda x, y: torch.nn.functional.cross_entropy(module(x), y)), optimizer.step
    if how == "compile":
        compute, update = torch.compile(compute), torch.compile(update)

    def step(rows):
        optimizer.zero_grad(set_to_none=True)
        compute(x[rows], y[rows]).backward()
        update()

    # Compilation and first calls do not count as steps.
    initial = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    for size in (64, len(x) % 64):
        step(torch.arange(size))
    restore(module, initial, optimizer)
    seconds = 0.0
    for _ in range(epochs):
        start = time.perf_counter()
        for rows in torch.randperm(len(x)).split(64):
            step(rows)
        seconds += time.perf_counter() - start
        with torch.inference_mode():
            accuracy = (module(x_test).argmax(1) == y_test).float().mean().item()
    print(json.dumps({"train_seconds": seconds, "test_accuracy": accuracy}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
