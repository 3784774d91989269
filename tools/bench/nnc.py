"""nnc: the compiler as a program, and the library it makes as a contender."""

import ctypes
import json
import os
import re
import subprocess
import time
import weakref

import numpy

from cases import OPTIMIZERS
from problem import Skip, exported_file

ERROR_BYTES = 512


class Compiler:
    """The program `nnc` and the model it is given."""

    def __init__(self, problem, program):
        self.problem, self.program, self.model = problem, program, exported_file(problem)
        self.training = []
        if problem.case.trains:
            options = ",".join(f"{key}={value}" for key, value in OPTIMIZERS[problem.case.task].items())
            self.training = ["--loss", "cross_entropy", "--optimizer", f"{problem.case.task}:{options}"]

    def _run(self, verb, *flags):
        command = [self.program, verb, self.model, *self.training, *flags]
        process = subprocess.run(command, capture_output=True, text=True)
        if process.returncode != 0:
            raise Skip(f"nnc {verb} ended with {process.returncode}: {' '.join(process.stderr.split())}")
        return process.stdout

    def compile(self, name, *flags):
        """Writes the library NAME.so into the problem's folder. Returns how many seconds that took."""
        start = time.perf_counter()
        self._run("compile", "-o", self.problem.path(name), "--name", "model", *flags)
        return time.perf_counter() - start

    def uses_winograd(self):
        return "winograd" in self._run("compile", "--explain")

    def roofline_share(self):
        """How much of its time the kernels would take at the roofline that `nnc bench --kernels` measures."""
        train = ["--train"] if self.training else []
        kernels = json.loads(self._run("bench", *train, "--kernels", "--json"))["kernels"]
        return sum(kernel["ms"] * kernel["share"] for kernel in kernels) / sum(kernel["ms"] for kernel in kernels)


class _Options(ctypes.Structure):
    """model_options of the generated header."""

    _fields_ = [("struct_size", ctypes.c_uint64), ("abi_hash", ctypes.c_uint64), ("threads", ctypes.c_int64),
                ("max_batch", ctypes.c_int64), ("seed", ctypes.c_int64), ("parallel_for", ctypes.c_void_p),
                ("parallel_for_context", ctypes.c_void_p), ("max_workers", ctypes.c_int64)]


class _Tensor(ctypes.Structure):
    """nnc_tensor of the generated header."""

    _fields_ = [("data", ctypes.c_void_p), ("dtype", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("dims", ctypes.c_int64 * 8)]

    def __init__(self, array):
        dtype = {"float32": 0, "int64": 2}[array.dtype.name]
        super().__init__(array.ctypes.data, dtype, array.ndim, (ctypes.c_int64 * 8)(*array.shape))


class Nnc:
    """A library of `nnc compile`, called in this process by NAME_call, as the peers are called from Python."""

    def __init__(self, problem, name="model", threads=1):
        stem = problem.path(name)
        self.library = ctypes.CDLL(stem + ".so")
        self.library.model_last_error.restype = ctypes.c_char_p
        with open(stem + ".h") as header:
            abi_hash = int(re.search(r"_ABI_HASH 0x(\w+)u", header.read())[1], 16)
        self.model, error = ctypes.c_void_p(), ctypes.create_string_buffer(ERROR_BYTES)
        options = _Options(struct_size=ctypes.sizeof(_Options), abi_hash=abi_hash, threads=threads)
        if self.library.model_create(ctypes.byref(options), ctypes.byref(self.model), error, ctypes.c_size_t(ERROR_BYTES)):
            raise Skip(error.value.decode())
        weakref.finalize(self, self.library.model_destroy, self.model)

        self.kept = [problem.x, problem.y] if problem.case.trains else [problem.x]  # the tensors below point into them
        outputs = (_Tensor * 1)()
        self.arguments = (self.model, b"train_step" if problem.case.trains else b"forward",
                          (_Tensor * len(self.kept))(*map(_Tensor, self.kept)), ctypes.c_size_t(len(self.kept)),
                          outputs, ctypes.c_size_t(1))
        self.check(self.library.model_output_dims(*self.arguments))
        self.result = numpy.zeros(outputs[0].dims[:outputs[0].rank], numpy.float32)
        outputs[0] = _Tensor(self.result)
        self.call = self.library.model_call
        self.initial = (stem + ".safetensors").encode() if problem.case.trains else None
        if self.initial and not os.path.exists(self.initial):
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
        """As rows without their shapes."""
        name_of, bytes_of = self.library.model_parameter_name, self.library.model_parameter_bytes
        name_of.restype, bytes_of.restype = ctypes.c_char_p, ctypes.c_size_t
        values = {}
        for i in range(self.library.model_parameter_count()):
            name = name_of(ctypes.c_size_t(i))
            array = numpy.zeros(bytes_of(name) // 4, numpy.float32)
            self.check(self.library.model_parameter_get(
                self.model, name, ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)))
            values[name.decode()] = array.astype(float)
        return values

    def reset(self):
        if self.initial:
            self.check(self.library.model_load(self.model, self.initial))
