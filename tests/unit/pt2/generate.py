"""Writes the .pt2 files of this folder: small exported programs, one for each
thing that the reader or the importer must understand.

    python generate.py [NAME...]        (needs torch)
"""

import pathlib
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim, export, save

folder = pathlib.Path(__file__).resolve().parent


class Perceptron(nn.Module):
    """Dropout, an in-place activation, and a batch size between 2 and 512."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(16, 4))

    def forward(self, x):
        return self.net(x)


class Mutation(nn.Module):
    """Mutations of buffers, of a base through its views, and of views through the base."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(3))
        self.register_buffer("scale", torch.ones(3), persistent=False)

    def forward(self, x):
        self.count.add_(1)
        y = x.clone()
        y[:, 0] = 0
        y[1].add_(2.0)
        flat = y.view(-1)
        flat.mul_(3)
        y.masked_fill_(y > 2, 0.5)
        y.t()[0].copy_(torch.ones(x.shape[0]))
        y[1:, 1:].neg_()
        z = torch.zeros(2, 3)
        z[0] = 1
        return y + self.count, z * self.scale, flat.sum(), torch.tensor([1.0, 2.0])


class Sizes(nn.Module):
    """Sizes that are products and quotients of symbols."""

    def forward(self, x):
        n, c, h, w = x.shape
        pair = torch.cat([x, x * 2], 1).chunk(2, 1)[1]
        rows = pair.permute(0, 2, 3, 1).reshape(n * h * w, c)
        mean = x.mean((2, 3), keepdim=True).expand(n, c, h, w)
        return rows.reshape(n, -1), mean, torch.arange(n, dtype=torch.float32), x.view(n, c, h * w).transpose(1, 2)


class Tied(nn.Module):
    """One weight under two names, batch norm in training mode, a keyword input,
    a None and a number that are fixed at export, and a loss as the output."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.first = nn.Linear(4, 4, bias=False)
        self.second = nn.Linear(4, 4, bias=False)
        self.second.weight = self.first.weight
        self.second.weight.requires_grad_(True)

    def forward(self, x, mask=None, factor=2, *, target):
        x = F.relu(self.norm(self.conv(x)), inplace=True).mean((2, 3)) * factor
        return F.cross_entropy(self.second(self.first(x)), target, label_smoothing=0.1)


class Unsupported(nn.Module):
    """Operators that no compiler needs, to see how they are reported."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = torch.special.bessel_j0(self.linear(x))
        y = torch.special.bessel_j0(y)
        return torch.fft.fft(y).real


class Counter(nn.Module):
    """A buffer that is state although it is no part of the state_dict, and an
    integer result of it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64), persistent=False)
        self.register_buffer("table", torch.arange(3.0), persistent=False)

    def forward(self, x):
        self.calls += 1
        return x + self.table, self.calls.clone()


class Reshaped(nn.Module):
    """A reshape that shares memory, which its change in place shows, and one that
    cannot, because the axes were swapped."""

    def forward(self, x):
        y = x.clone()
        y.reshape(y.shape[0], -1).mul_(2)
        z = y.transpose(1, 2)
        rows = z.reshape(z.shape[0], -1)
        rows.mul_(3)
        return y, rows


class Strided(nn.Module):
    """A parameter that is stored transposed."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(6.0).reshape(2, 3).t())

    def forward(self, x):
        return x @ self.weight


class Modes(nn.Module):
    """Dropout, batch norm, a constant, and a head that only training has."""

    def __init__(self):
        super().__init__()
        self.fc, self.norm, self.drop = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)
        self.head, self.extra = nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x):
        h = self.drop(self.norm(self.fc(x)).relu())
        y = self.head(h) + torch.tensor([0.5, 1.0, 2.0])
        return y + self.extra(h) if self.training else y


class Tokens(nn.Module):
    """Two tables that read one input, through views; and positions that are computed."""

    def __init__(self):
        super().__init__()
        self.words, self.marks = nn.Embedding(7, 3), nn.Embedding(5, 3, padding_idx=0)

    def forward(self, tokens, position):
        return self.words(tokens) + self.marks(tokens.view(-1).view(2, 2)) + self.words(position % 2)


class Drifting(nn.Module):
    """What depends on a buffer that every call changes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.zeros(3))

    def forward(self, x):
        y = x * self.scale.exp()
        self.scale += 1
        return y


class LastState(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[1][0][-1]


def as_before_2_13(program):
    """The shapes that PyTorch gave lstm's states (https://github.com/pytorch/pytorch/issues/151200)."""
    for node in program.graph.nodes:
        if node.name == "lstm":
            output, *states = node.meta["val"]
            node.meta["val"] = (output, *(state.unsqueeze(1) for state in states))
        elif node.name.startswith("select"):
            node.meta["val"] = node.meta["val"].unsqueeze(0)


def fine_tuned():
    """The first convolution and its norm, statistics included, stay as they are."""
    first = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
    rest = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 25, 3))
    model = nn.Sequential(first, rest).train()
    first.requires_grad_(False).eval()
    return model


def write(name, model, arguments, keywords=None, dynamic=None, train=False, change=None):
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    program = export(model if train is None else model.train(train), arguments, keywords, dynamic_shapes=dynamic)
    program._example_inputs = None  # keeps the files small
    packages = str(pathlib.Path(torch.__file__).parent.parent.parent)
    for node in program.graph.nodes:  # the same file wherever it is made
        if trace := node.meta.get("stack_trace"):
            node.meta["stack_trace"] = trace.replace(f"{folder}/", "").replace(f"{packages}/", "")
    if change:
        change(program)
    save(program, folder / f"{name}.pt2")


torch.manual_seed(0)
batch = Dim("batch", min=2, max=512)
write("perceptron", Perceptron(), (torch.randn(3, 8),), dynamic={"x": {0: batch}}, train=True)
write("mutation", Mutation(), (torch.randn(4, 3),))
write("sizes", Sizes(), (torch.randn(4, 3, 6, 8),), dynamic={"x": {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}})
write("tied", Tied(), (torch.randn(3, 3, 8, 8), None, 3), {"target": torch.tensor([0, 1, 2])},
      dynamic={"x": {0: batch}, "mask": None, "factor": None, "target": {0: batch}}, train=True)
write("unsupported", Unsupported(), (torch.randn(2, 4),))
write("counter", Counter(), (torch.randn(3),))
write("reshaped", Reshaped(), (torch.randn(4, 3, 2),), dynamic={"x": {0: batch}})
write("strided", Strided(), (torch.randn(4, 3),))
modes = Modes()
write("modes_train", modes, (torch.randn(4, 6),), dynamic={"x": {0: batch}}, train=True)
write("modes_eval", modes, (torch.randn(4, 6),), dynamic={"x": {0: batch}})
write("modes_static", modes, (torch.randn(4, 6),))
write("modes_other", Modes(), (torch.randn(4, 6),), dynamic={"x": {0: batch}})
write("alpha_dropout", nn.Sequential(nn.Linear(6, 6), nn.AlphaDropout(0.2)), (torch.randn(4, 6),), train=True)
write("tokens", Tokens(), (torch.tensor([[1, 2], [0, 3]]), torch.tensor([1, 0])))
write("drifting", Drifting(), (torch.randn(3),))
write("fine_tuned", fine_tuned(), (torch.randn(4, 1, 5, 5),), dynamic={"input": {0: batch}}, train=None)
write("last_state", LastState(), (torch.randn(2, 5, 3),), change=as_before_2_13)
torch.jit.save(torch.jit.script(nn.Linear(1, 1)), folder / "torchscript.pt")
torch.save({"weight": torch.zeros(1)}, folder / "checkpoint.pt")
