"""PyTorch as a contender, as it is and with torch.compile."""

import shutil

import torch

from cases import OPTIMIZERS, SGD, make_module
from problem import Skip, weights_file


class Eager:
    """PyTorch as it is; with the fused optimizer, which is its fastest on a CPU."""

    def __init__(self, problem, dtype=torch.float32):
        self.trains = problem.case.trains
        # Without values of its own, so that the parameters are in memory once.
        with torch.device("meta"):
            self.module = make_module(problem.case)
        self.module.load_state_dict(torch.load(weights_file(problem), mmap=True), assign=True)
        self.module.to(dtype)
        self.x, self.y = torch.from_numpy(problem.x).to(dtype), torch.from_numpy(problem.y)
        self.compute = self.module
        if self.trains:
            self.initial = torch.load(weights_file(problem), mmap=True)
            self.compute = lambda x, y: torch.nn.functional.cross_entropy(self.module(x), y)
            make = torch.optim.SGD if problem.case.task == SGD else torch.optim.Adam
            self.optimizer = make(self.module.parameters(), fused=True, **OPTIMIZERS[problem.case.task])
            self.update = self.optimizer.step
        self.run = self.step if self.trains else self.forward

    @torch.inference_mode()
    def forward(self):
        self.result = self.compute(self.x)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.result = self.compute(self.x, self.y)
        self.result.backward()
        self.update()

    def output(self):
        self.run()
        return self.result.detach().double().numpy()

    loss = output

    def parameters(self):
        return {name: tensor.detach().double().numpy() for name, tensor in self.module.named_parameters()}

    def reset(self):
        if self.trains:
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
        if self.trains:
            self.update = torch.compile(self.optimizer.step)
            self.compute = torch.compile(self.compute)
        else:
            self.compute = torch.compile(self.compute, options={"freezing": True})
        self.run()
        self.run()
