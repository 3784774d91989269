"""A case with its data, and the files that contenders read it from, each written once.

Nothing here imports a framework before it is needed: what a process that has the files already uses without one is
its own (memory.py)."""

import os

import numpy

from cases import make_module, model_of, sample_shape


class Skip(Exception):
    """Why a contender does not take part."""


class Problem:
    """Input x, for training classes y; files go to `folder`."""

    def __init__(self, case, folder):
        self.case, self.folder = case, folder
        if not os.path.exists(self.path("y.npy")):
            self._make_up()
        # Mapped, so that they begin at a cache line, which NumPy's own arrays need not.
        self.x, self.y = (numpy.asarray(numpy.load(self.path(name), mmap_mode="c")) for name in ("x.npy", "y.npy"))

    def _make_up(self):
        import torch

        generator = torch.Generator().manual_seed(1)
        numpy.save(self.path("x.npy"), torch.randn(sample_shape(self.case), generator=generator).numpy())
        y = torch.randint(0, model_of(self.case).classes, (self.case.batch,), generator=generator)
        numpy.save(self.path("y.npy"), y.numpy())

    def path(self, name):
        return os.path.join(self.folder, name)

    def weights_bytes(self):
        return sum(parameter.nbytes for parameter in make_module(self.case).parameters())


def weights_file(problem):
    """The state_dict, as PyTorch loads it."""
    path = problem.path("weights.pt")
    if not os.path.exists(path):
        import torch

        torch.save(make_module(problem.case).state_dict(), path)
    return path


def exported_file(problem):
    """The model as torch.export writes it."""
    path = problem.path("model.pt2")
    if not os.path.exists(path):
        import torch

        torch.export.save(torch.export.export(make_module(problem.case), (torch.from_numpy(problem.x),)), path)
    return path


def onnx_file(problem):
    path = problem.path("model.onnx")
    if not os.path.exists(path):
        import torch

        try:
            torch.onnx.export(make_module(problem.case), (torch.from_numpy(problem.x),), path, dynamo=True, verbose=False)
        except ImportError as error:
            raise Skip(f"PyTorch's ONNX export needs {error.name}") from None
    return path


def openvino_file(problem):
    """OpenVINO's own format, which it maps instead of converting it at each start."""
    path = problem.path("model.xml")
    if not os.path.exists(path):
        import openvino

        openvino.save_model(openvino.Core().read_model(onnx_file(problem)), path, compress_to_fp16=False)
    return path
