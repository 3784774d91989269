#!/usr/bin/env python3
"""Whole networks, nnc beside PyTorch: `compare.py [--nnc build/bin/nnc] [--check CHECK]... [NETWORK...]`

Exports each network with weights from a seed and compares what `nnc run` and `nnc grad` compute with PyTorch's result in
float64. A tensor may differ by 8 times what PyTorch's own float32 result differs, or by 2e-5 of its largest value,
whichever is more. The checks of a network:

  static     eval, batch 1, fixed sizes, -O2
  dynamic    eval, exported with a dynamic batch, run with batch 3, -O2
  naive      eval, batch 2, small images, -O0
  train      exported in train mode, batch 2, small images: every output, gradient and changed buffer

NETWORK is one of torchvision's models or of networks.py; without one all that networks.py lists are compared. Prints a
table, a line a check: the largest error as a share of what is allowed, the tensor that has it, and the verdict:

  PASS       every tensor is within the limit
  KINK       a gradient is not, but is if PyTorch's own error is taken as the largest of several float32 runs whose
             parameters differ in the last bit, and of one without oneDNN: where the input of a relu is within rounding of zero, a right computation may
             take the other branch, and the gradients before it move by far more than rounding
  FAIL       anything else; the exit status is 1

Needs torch (2.15), torchvision and numpy; not part of the tests, which need none of them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from torch.utils import _pytree as pytree

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
from networks import OWN, VISION, make

PERTURBED_RUNS = 24
CHECKS = ("static", "dynamic", "naive", "train")
BATCH = {"static": 1, "dynamic": 3, "naive": 2, "train": 2}


def arrays(tensors):
    return {key: value.detach().contiguous().numpy() for key, value in tensors.items()}


def outputs_of(module, x):
    leaves = [leaf for leaf in pytree.tree_leaves(module(x)) if leaf is not None]
    return {str(i): y for i, y in enumerate(leaves)}


def evaluate(module, x, dtype):
    with torch.no_grad():
        return outputs_of(module.to(dtype), x.to(dtype) if x.is_floating_point() else x)


def differentiate(module, x, cotangents, dtype):
    """Outputs, gradients and changed buffers by the keys of `nnc grad`. The module's buffers are put back."""
    module.to(dtype).zero_grad(set_to_none=True)
    before = {name: value.clone() for name, value in module.named_buffers()}
    if x.is_floating_point():
        x = x.detach().to(dtype, copy=True).requires_grad_()
    result = outputs_of(lambda x: module(x * 1 if x.is_floating_point() else x), x)  # x * 1: not a leaf that may be mutated
    torch.autograd.backward(list(result.values()), [cotangents[f"cotangent:{i}"].to(dtype) for i in result])
    if x.is_floating_point():
        result["grad:0"] = x.grad
    for name, parameter in module.named_parameters():
        result[f"grad:{name}"] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    result = {key: value.detach().clone() for key, value in result.items()}
    for name, value in module.named_buffers():
        if not torch.equal(value, before[name]):
            result[f"buffer:{name}"] = value.clone()
            value.copy_(before[name])
    return result


def export(module, x, dynamic, path):
    if dynamic:  # a size of 1 would be taken for fixed
        x = torch.cat([x, x])
    shapes = ({0: torch.export.Dim("N", min=1, max=64)},) if dynamic else None
    program = torch.export.export(module, (x,), dynamic_shapes=shapes)
    torch.export.save(program, path)


def largest_errors(golden, own):
    return {key: float((own[key].double() - value.double()).abs().max()) for key, value in golden.items()}


def perturbed(name, seed, x, cotangents, errors, golden):
    """PyTorch's largest errors, `errors` included, when every parameter is off by up to an ulp, or oneDNN is not used."""
    generator = torch.Generator().manual_seed(3)
    for _ in range(PERTURBED_RUNS):
        module = make(name, True, seed)[0].train()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter *= 1 + torch.randint(-1, 2, parameter.shape, generator=generator) * 2.0**-23
        own = largest_errors(golden, differentiate(module, x, cotangents, torch.float32))
        errors = {key: max(value, own[key]) for key, value in errors.items()}
    with torch.backends.mkldnn.flags(enabled=False):
        own = largest_errors(golden, differentiate(make(name, True, seed)[0].train(), x, cotangents, torch.float32))
    return {key: max(value, own[key]) for key, value in errors.items()}


def worst(golden, errors, actual):
    """The largest error as a share of what is allowed, and whose it is."""
    missing = set(golden) ^ set(actual)
    if missing:
        return float("inf"), "only one side has " + ", ".join(sorted(missing)[:3])
    share, where = 0.0, "-"
    for key, value in golden.items():
        value = value.double().numpy()
        if actual[key].shape != value.shape:
            return float("inf"), f"{key} has shape {actual[key].shape}, must have {value.shape}"
        allowed = max(8 * errors[key], 2e-5 * np.abs(value).max(), 1e-30)
        error = np.abs(actual[key] - value).max() / allowed
        if not error <= share:  # also if it is not a number
            share, where = error, key
    return share, where


def check(nnc, name, kind, seed, folder):
    """Share, tensor, verdict and the seconds that nnc took."""
    training = kind == "train"
    module, sample = make(name, kind in ("naive", "train"), seed)
    module.train(training)
    x = sample(BATCH[kind])
    model, fed, made = (os.path.join(folder, file) for file in ("model.pt2", "in.npz", "out.npz"))
    export(module, x, kind == "dynamic", model)
    inputs = {"0": x}
    if training:
        shapes = outputs_of(module, x)
        # Made anew: that call has changed the buffers.
        module = make(name, True, seed)[0].train()
        inputs |= {f"cotangent:{i}": torch.randn(y.shape) for i, y in shapes.items()}
        own = differentiate(module, x, inputs, torch.float32)
        golden = differentiate(module, x, inputs, torch.float64)
    else:
        own, golden = evaluate(module, x, torch.float32), evaluate(module, x, torch.float64)
    np.savez(fed, **arrays(inputs))
    start = time.time()
    level = "-O0" if kind == "naive" else "-O2"
    command = [nnc, "grad" if training else "run", model, "--inputs", fed, "--outputs", made, level]
    process = subprocess.run(command, capture_output=True, text=True)
    seconds = time.time() - start
    if process.returncode:
        return float("inf"), process.stderr.strip() or f"exit status {process.returncode}", "FAIL", seconds
    actual, errors = dict(np.load(made)), largest_errors(golden, own)
    share, where = worst(golden, errors, actual)
    verdict = "PASS" if share <= 1 else "FAIL"
    if training and verdict == "FAIL" and where.startswith("grad:"):
        if worst(golden, perturbed(name, seed, x, inputs, errors, golden), actual)[0] <= 1:
            verdict = "KINK"
    return share, where, verdict, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("--nnc", default=os.path.join(ROOT, "build", "bin", "nnc"))
    parser.add_argument("--check", action="append", choices=CHECKS, dest="checks")
    parser.add_argument("--seed", type=int, default=0, help="of weights and inputs (%(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    failures = 0
    print(f"{'network':30} {'check':8} {'':4}  {'error/allowed':>13}  {'nnc, s':>7}  largest in", flush=True)
    for name in arguments.networks or [*VISION, *OWN]:
        for kind in arguments.checks or CHECKS:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    share, where, verdict, seconds = check(arguments.nnc, name, kind, arguments.seed, folder)
                except Exception as error:  # torch.export's
                    share, where, verdict, seconds = float("inf"), f"{type(error).__name__}: {error}", "FAIL", 0
            failures += verdict == "FAIL"
            print(f"{name:30} {kind:8} {verdict}  {share:13.3f}  {seconds:7.1f}  {where}", flush=True)
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
