"""Who is compared: each contender computes one case on one thread, from the same parameters.

A contender has run() (one call or training step), reset() (back to the initial parameters and optimizer state),
and for the check before timing output() or loss(), and parameters(). Building one may take long; whoever cannot
raises Skip. This imports no framework but that of the contender made."""

import functools

from nnc import Nnc
from problem import Skip, onnx_file, openvino_file

PEERS = ["eager", "compile", "ort", "openvino"]


def make(name, problem):
    """One of PEERS, or "nnc" or "frozen", whose libraries are in the problem's folder."""
    if name in ("eager", "compile"):
        import pytorch

        return (pytorch.Eager if name == "eager" else pytorch.Compiled)(problem)
    frozen = functools.partial(Nnc, name="frozen")
    return {"nnc": Nnc, "frozen": frozen, "ort": OnnxRuntime, "openvino": OpenVino}[name](problem)


class OnnxRuntime:
    def __init__(self, problem, threads=1):
        if problem.case.trains:
            raise Skip("inference only")
        try:
            import onnxruntime
        except ImportError:
            raise Skip("onnxruntime is not installed") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(onnx_file(problem), options, providers=["CPUExecutionProvider"])
        self.x = onnxruntime.OrtValue.ortvalue_from_numpy(problem.x)
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        self.result = onnxruntime.OrtValue.ortvalue_from_numpy(
            self.session.run(None, {inputs[0].name: problem.x})[0])
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
        if problem.case.trains:
            raise Skip("inference only")
        try:
            import openvino
        except ImportError:
            raise Skip("openvino is not installed") from None
        core = openvino.Core()
        # The process is pinned already; by itself OpenVINO may compute in bfloat16.
        options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
                   "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self.request = core.compile_model(openvino_file(problem), "CPU", options).create_infer_request()
        self.x = openvino.Tensor(problem.x, shared_memory=True)
        self.request.set_input_tensor(self.x)

    def run(self):
        self.request.infer(share_outputs=True)

    def output(self):
        self.run()
        return self.request.get_output_tensor(0).data.astype(float)

    def reset(self):
        pass
