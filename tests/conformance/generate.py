"""Makes the conformance goldens, one zip a group: `python generate.py [GROUP...]` (PyTorch 2.15).

For each case of cases.py the zip holds
  CASE/static.pt2, CASE/dynamic.pt2   the model, exported with fixed sizes and with a batch N
  CASE/B/input/KEY.npy                inputs 0, 1, ... and cotangent:0, ... for batch B
  CASE/B/golden/KEY.npy               outputs 0, 1, ..., grad:KEY, buffer:KEY, computed in float64 by PyTorch
  CASE/case.json                      for each golden value PyTorch's own largest float32 error, and the ATen ops
A result may differ from the golden value by 8 times PyTorch's error or 2e-5 of the largest value, whichever is more.
"""

import copy
import io
import json
import os
import sys
import tempfile
import zipfile

import numpy as np
import torch
from torch.utils import _pytree as pytree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "..", "..", "models", "zoo")]
from cases import all_cases  # noqa: E402
from export import save  # noqa: E402

MAX_BATCH = 40


def arguments(case, inputs):
    """What forward takes, positional and by keyword, made of the flat inputs."""
    if case.structure:
        return case.structure(*inputs), {}
    positional = len(inputs) - len(case.keywords)
    return tuple(inputs[:positional]), dict(zip(case.keywords, inputs[positional:]))


def run(case, inputs, cotangents, dtype):
    """Outputs, gradients and changed buffers of the case's module at `dtype`, by key."""
    module = copy.deepcopy(case.module).to(dtype)
    inputs = [x.detach().to(dtype, copy=True).requires_grad_() if x.is_floating_point() else x for x in inputs]
    before = {name: value.clone() for name, value in module.named_buffers()}
    # The identity keeps a model from mutating a leaf.
    positional, keywords = arguments(case, [x * 1 if x.is_floating_point() else x for x in inputs])
    outputs = [y for y in pytree.tree_leaves(module(*positional, **keywords)) if y is not None]
    result = {str(i): y.detach() for i, y in enumerate(outputs)}
    if cotangents is None:
        generator = torch.Generator().manual_seed(1)
        cotangents = {
            f"cotangent:{i}": torch.randn(y.shape, generator=generator)
            for i, y in enumerate(outputs) if y.is_floating_point()
        }
    pairs = [(y, cotangents[f"cotangent:{i}"].to(dtype)) for i, y in enumerate(outputs) if y.requires_grad]
    torch.autograd.backward([y for y, _ in pairs], [c for _, c in pairs])

    def gradient(x):
        return torch.zeros_like(x) if x.grad is None else x.grad

    result |= {f"grad:{i}": gradient(x) for i, x in enumerate(inputs) if x.is_floating_point()}
    result |= {f"grad:{name}": gradient(p) for name, p in module.named_parameters() if p.requires_grad}
    result |= {f"buffer:{n}": v for n, v in module.named_buffers() if not torch.equal(v, before[n])}
    return result, cotangents


def exported(case, dynamic):
    batch = torch.export.Dim("N", min=1, max=MAX_BATCH)
    # The module takes *inputs: one entry that holds the tuple, unless its forward names them.
    variadic = type(case.module).__name__ == "Lambda"
    module = copy.deepcopy(case.module).double() if case.double else case.module
    inputs = tuple(x.double() if case.double and x.is_floating_point() else x for x in case.inputs)
    if dynamic:  # a size of 1 would be taken for fixed
        inputs = tuple(resized(x, max(2, x.shape[0])) for x in inputs)
    positional, keywords = arguments(case, inputs)
    shapes = None
    if dynamic:
        assert not keywords  # their shapes would have to be given by name
        shapes, _ = arguments(case, [{0: batch} for _ in inputs])
        shapes = (shapes,) if variadic else shapes
    program = torch.export.export(module, positional, keywords, dynamic_shapes=shapes)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.pt2")
        save(program, path)
        with open(path, "rb") as file:
            data = file.read()
    ops = sorted({str(node.target) for node in program.graph.nodes if node.op == "call_function"})
    return data, [op for op in ops if op.startswith("aten.")]


def resized(x, batch):
    repeats = -(-batch // x.shape[0])
    x = torch.cat([x] * repeats)[:batch]
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2)) if x.is_floating_point() else 0
    return x + 0.1 * noise if x.is_floating_point() else x


def write_case(archive, case):
    def write(name, data):
        member = zipfile.ZipInfo(f"{case.name}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, data, compresslevel=9)

    def write_arrays(folder, tensors, dtype):
        for key, tensor in tensors.items():
            array = tensor.detach().contiguous()
            data = io.BytesIO()
            np.save(data, (array.to(dtype) if array.is_floating_point() else array).numpy())
            write(f"{folder}/{key}.npy", data.getvalue())

    case.module.train(case.train)
    ops = []
    for variant, wanted in (("static", case.static), ("dynamic", case.dynamic)):
        if wanted:
            data, ops = exported(case, variant == "dynamic")
            write(f"{variant}.pt2", data)

    errors = {}
    # float32 states a golden value well enough: its rounding is 300 times below the tolerance.
    dtype = torch.float64 if case.double else torch.float32
    first_batch = case.inputs[0].shape[0]
    for batch in [first_batch] + ([case.further_batch] if case.further_batch else []):
        inputs = case.inputs if batch == first_batch else [resized(x, batch) for x in case.inputs]
        golden, cotangents = run(case, inputs, None, torch.float64)
        own, _ = run(case, inputs, cotangents, torch.float32)
        write_arrays(f"{batch}/input", {str(i): x for i, x in enumerate(inputs)} | cotangents, dtype)
        write_arrays(f"{batch}/golden", golden, dtype)
        errors[batch] = {
            key: float((value.double() - own[key].double()).abs().max()) if value.numel() else 0.0
            for key, value in golden.items()
        }
    write("case.json", json.dumps({"double": case.double, "train": case.train, "ops": ops, "errors": errors}, indent=1))


def main(groups):
    cases = all_cases()
    for group in dict.fromkeys(case.group for case in cases):
        if groups and group not in groups:
            continue
        members = [case for case in cases if case.group == group]
        with zipfile.ZipFile(os.path.join(HERE, group + ".zip"), "w") as archive:
            for case in members:
                try:
                    write_case(archive, case)
                except Exception as error:
                    print(f"{group}/{case.name}: {error}")
        print(f"{group}: {len(members)} cases")


if __name__ == "__main__":
    main(sys.argv[1:])
