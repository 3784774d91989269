"""Who is compared: each contender computes one case on one thread, from the same parameters.

A contender has run() (one call or training step), reset() (back to the initial parameters and optimizer state),
and for the check before timing output() or loss(), and parameters(). Building one may take long; whoever cannot
raises Skip."""

import ctypes
import json
import os
import shutil
import subprocess
import time

import numpy
import torch

from cases import FORWARD, SGD, make_module, sample_shape

SGD_OPTIONS = {"lr": 0.01, "momentum": 0.9}
ADAM_OPTIONS = {"lr": 1e-3}


class Skip(Exception):
    """Why a contender does not take part."""


class Problem:
    """A case with its data: input x, for training classes y."""

    def __init__(self, case, classes, folder):
        self.case, self.folder = case, folder
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(sample_shape(case), generator=generator)
        self.y = torch.randint(0, classes, (case.batch,), generator=generator)

    @property
    def trains(self):
        return self.case.task != FORWARD


class Eager:
    """PyTorch as it is; with the fused optimizer, which is its fastest on a CPU."""

    def __init__(self, problem, dtype=torch.float32):
        self.problem = problem
        self.module = make_module(problem.case).to(dtype)
        self.x = problem.x.to(dtype)
        self.initial = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        self.compute = self.module
        if problem.trains:
            self.compute = lambda x, y: torch.nn.functional.cross_entropy(self.module(x), y)
            make = torch.optim.SGD if problem.case.task == SGD else torch.optim.Adam
            options = SGD_OPTIONS if problem.case.task == SGD else ADAM_OPTIONS
            self.optimizer = make(self.module.parameters(), fused=True, **options)
            self.update = self.optimizer.step
        self.run = self.step if problem.trains else self.forward

    @torch.inference_mode()
    def forward(self):
        self.result = self.compute(self.x)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.result = self.compute(self.x, self.problem.y)
        self.result.backward()
        self.update()

    def output(self):
        self.run()
        return self.result.detach().double().numpy()

    loss = output

    def parameters(self):
        return {name: tensor.detach().double().numpy() for name, tensor in self.module.named_parameters()}

    def reset(self):
        if self.problem.trains:
            restore(self.module, self.initial, self.optimizer)


@torch.no_grad()
def restore(module, initial, optimizer):
    """The parameters and buffers of `initial`, and an optimizer that has made no step; in place, so that what was
    compiled for these tensors stays valid."""
    for name, tensor in module.state_dict().items():
        tensor.copy_(initial[name])
    for state in optimizer.state.values():
        for value in state.values():
            if torch.is_tensor(value):
                value.zero_()


class Compiled(Eager):
    """torch.compile with Inductor: the model with its loss, and the optimizer's step."""

    def __init__(self, problem):
        if not shutil.which("g++"):
            raise Skip("torch.compile needs g++")
        super().__init__(problem)
        torch._dynamo.reset()
        if problem.trains:
            self.update = torch.compile(self.optimizer.step)
            self.compute = torch.compile(self.compute)
        else:
            self.compute = torch.compile(self.compute, options={"freezing": True})
        self.run()
        self.run()


class OnnxRuntime:
    def __init__(self, problem):
        if problem.trains:
            raise Skip("inference only")
        try:
            import onnxruntime
        except ImportError:
            raise Skip("onnxruntime is not installed") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(onnx_file(problem), options, providers=["CPUExecutionProvider"])
        self.x = onnxruntime.OrtValue.ortvalue_from_numpy(problem.x.numpy())
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        self.result = onnxruntime.OrtValue.ortvalue_from_numpy(
            self.session.run(None, {inputs[0].name: problem.x.numpy()})[0])
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input(inputs[0].name, self.x)
        self.binding.bind_ortvalue_output(outputs[0].name, self.result)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def output(self):
        self.run()
        return self.result.numpy().astype(float)

    def reset(self):
        pass


class OpenVino:
    def __init__(self, problem):
        if problem.trains:
            raise Skip("inference only")
        try:
            import openvino
        except ImportError:
            raise Skip("openvino is not installed") from None
        core = openvino.Core()
        # The process is pinned already; by itself OpenVINO may compute in bfloat16.
        options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
                   "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self.request = core.compile_model(core.read_model(onnx_file(problem)), "CPU", options).create_infer_request()
        self.x = openvino.Tensor(problem.x.numpy(), shared_memory=True)
        self.request.set_input_tensor(self.x)

    def run(self):
        self.request.infer(share_outputs=True)

    def output(self):
        self.run()
        return self.request.get_output_tensor(0).data.astype(float)

    def reset(self):
        pass


class _Tensor(ctypes.Structure):
    """nnc_tensor of the generated header."""

    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("dims", ctypes.c_int64 * 8)]

    def __init__(self, array):
        dtype = {"float32": 0, "int64": 2}[array.dtype.name]
        super().__init__(array.ctypes.data, dtype, array.ndim, (ctypes.c_int64 * 8)(*array.shape))


class Nnc:
    """A library of `nnc compile`, called in this process by NAME_call, as the peers are called from Python."""

    def __init__(self, problem, program):
        case = problem.case
        stem = os.path.join(problem.folder, "model")
        module = make_module(case)
        torch.export.save(torch.export.export(module, (problem.x,)), stem + ".pt2")
        command = [program, "compile", stem + ".pt2", "-o", stem]
        self.bench = [program, "bench", stem + ".pt2"]
        if problem.trains:
            options = SGD_OPTIONS if case.task == SGD else ADAM_OPTIONS
            training = ["--loss", "cross_entropy", "--optimizer",
                        case.task + ":" + ",".join(f"{key}={value}" for key, value in options.items())]
            command += training
            self.bench += ["--train", *training]
        start = time.perf_counter()
        compiler = subprocess.run(command, capture_output=True, text=True)
        self.compile_seconds = time.perf_counter() - start
        if compiler.returncode != 0:
            raise Skip(f"nnc compile ended with {compiler.returncode}: {' '.join(compiler.stderr.split())}")
        self.library = ctypes.CDLL(stem + ".so")
        self.library.model_last_error.restype = ctypes.c_char_p
        self.model = ctypes.c_void_p()
        error = ctypes.create_string_buffer(512)
        if self.library.model_create(None, ctypes.byref(self.model), error, ctypes.c_size_t(512)):
            raise Skip(error.value.decode())

        inputs = [problem.x.numpy()] + ([problem.y.numpy()] if problem.trains else [])
        with torch.no_grad():
            self.result = numpy.zeros(() if problem.trains else tuple(module(problem.x).shape), numpy.float32)
        self.arguments = (
            self.model, b"train_step" if problem.trains else b"forward",
            (_Tensor * len(inputs))(*map(_Tensor, inputs)), ctypes.c_size_t(len(inputs)),
            (_Tensor * 1)(_Tensor(self.result)), ctypes.c_size_t(1))
        self.kept = inputs  # the tensors above point into them
        self.call = self.library.model_call
        self.names = [name for name, _ in module.named_parameters()]
        self.shapes = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
        self.initial = (stem + ".safetensors").encode()
        self.trains = problem.trains
        if self.trains:
            self.check(self.library.model_save(self.model, self.initial))

    def check(self, status):
        if status:
            raise RuntimeError("nnc: " + self.library.model_last_error(self.model).decode())

    def run(self):
        if self.call(*self.arguments):
            self.check(1)

    def output(self):
        self.run()
        return self.result.astype(float)

    loss = output

    def parameters(self):
        values = {}
        for name in self.names:
            array = numpy.zeros(self.shapes[name], numpy.float32)
            self.check(self.library.model_parameter_get(
                self.model, name.encode(), ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)))
            values[name] = array.astype(float)
        return values

    def roofline_share(self):
        """How much of its time the kernels would take at the roofline that `nnc bench --kernels` measures."""
        command = [*self.bench, "--kernels", "--json"]
        kernels = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["kernels"]
        return sum(kernel["ms"] * kernel["share"] for kernel in kernels) / sum(kernel["ms"] for kernel in kernels)

    def reset(self):
        if self.trains:
            self.check(self.library.model_load(self.model, self.initial))


def onnx_file(problem):
    """The problem's model as ONNX, exported once."""
    path = os.path.join(problem.folder, "model.onnx")
    if not os.path.exists(path):
        try:
            torch.onnx.export(make_module(problem.case), (problem.x,), path, dynamo=True, verbose=False)
        except ImportError as error:
            raise Skip(f"PyTorch's ONNX export needs {error.name}") from None
    return path


PEERS = {"eager": Eager, "compile": Compiled, "ort": OnnxRuntime, "openvino": OpenVino}
