"""Cases of tensors that share memory and of what crosses a model's boundary, and their generator:
`python aliasing.py [GROUP...]` writes one zip a group as generate.py does."""

import torch
import torch.nn.functional as F
from torch import nn

from cases import Lambda, image
from layers import affine
from sequences import case, main


def functions(group, table, *inputs, static=(), **options):
    """One case a function of the inputs; those named in `static` are also exported with fixed sizes."""
    for name, function in table.items():
        case(group, name, Lambda(lambda _, *x, f=function: f(*x)), *inputs, static=name in static, **options)


def aliasing():
    """Mutations through views: each function changes what some other tensor sees."""

    def column(x):
        y = x * 2
        y[:, 0] += 1
        return y * x

    def flat(x):
        y = x * 2
        y.view(-1).add_(0.5)
        return y * x

    def steps(x):
        y = x * 2
        y[:, 1::2].mul_(x[:, 1::2])
        return y

    def steps_of_steps(x):
        y = x * 2
        y[:, ::2][:, 1:].sigmoid_()
        return y * x

    def transposed_row(x):
        y = x * 2
        y.t()[1].mul_(3)
        return y * x

    def permuted_slice(x):
        y = (x * 2).view(-1, 2, 3)
        y.permute(2, 0, 1)[1:].tanh_()
        return y * 1.5

    def base_and_alias(x):
        y = x.sin()
        a, b = y[:, :4], y[:, 2:]  # overlap
        a.mul_(2)
        y.add_(x)
        b.mul_(3)
        return a * b, y

    def two_parts(x):
        y = x * 2
        a, b = y.narrow(1, 0, 3), y.narrow(1, 3, 3)
        a.mul_(b.clone())
        b.copy_(a + 1)
        return y

    def self_overlap(x):
        y = x * 2
        y[:, 1:] = y[:, :-1].clone()
        return y * x

    def assign(x):
        y = torch.zeros_like(x)
        y[:, 2] = x[:, 1] * 3
        y[:, 3:5] = x[:, :2]
        return y * x

    def assign_scalar(x):
        y = x * 2
        y[:, -2:] = 0.25
        return y * x

    def assign_broadcast(x):
        y = x * 2
        y[:, 1:4] = x.mean(1, keepdim=True)
        return y * x

    def ellipsis(x):
        y = (x * 2).view(-1, 2, 3)
        y[..., 0] *= 2
        y[:, :, -1:].neg_()
        return y * 1.5

    def unsqueezed(x):
        y = x * 2
        y.unsqueeze(1).unsqueeze(-1).mul_(0.5)
        y.unsqueeze(0).squeeze(0)[:, 1].exp_()
        return y * x

    def masked(x):
        y = x * 2
        y.masked_fill_(x > 0.3, 0.5)
        y[x < -0.5] = -1.0
        return y * x

    def put(x):
        y = x * 2
        y[:, torch.tensor([0, 3])] = x[:, torch.tensor([1, 2])]
        return y * x

    def put_added(x):
        y = x * 2
        y.index_put_((torch.tensor([0, 1, 0]), torch.tensor([2, -2, 2])), x[:3, 0] * 3, accumulate=True)
        return y * x

    def index_added(x):
        y = x * 2
        y.index_add_(1, torch.tensor([0, 2, 0]), x[:, :3], alpha=2)
        y.index_fill_(1, torch.tensor([4]), 0.5)
        return y * x

    def scattered(x):
        y = x * 2
        y.scatter_(1, torch.tensor([[0, 2], [1, 3], [5, 4]]), 0.5)
        y.scatter_add_(1, torch.tensor([[0, 2], [1, 1], [5, 4]]), x[:, 2:4])
        return y * x

    def lerped(x):
        y = x * 2
        y[:, :3].lerp_(x[:, 3:], 0.3)
        y[:, 3:].addcmul_(x[:, :3], x[:, 3:], value=0.5).clamp_(-1, 1)
        return y * x

    def detached(x):
        y = x * 2
        z = y.detach()
        z.mul_(3)  # the same memory, no gradient
        return y + x

    def in_order(x):
        y = x * 2
        before = y + x
        y.add_(1)
        return before * y

    def expanded_base(x):
        y = x.mean(1, keepdim=True)
        z = y.expand(-1, 6)
        y.add_(1)  # z sees it
        return z * x

    def returned_alias(x):
        y = x * 2
        z = y[:, 1:3]
        y.mul_(x)
        return y, z, y.t()

    def rows(x):
        y = x.clone()
        for i in range(1, 6):
            y[:, i] = y[:, i] + 0.5 * y[:, i - 1]
        return y

    def diagonal_filled(x):
        y = x[:, :, None] * x[:, None, :]
        y.diagonal(dim1=1, dim2=2).fill_(0.0)
        return y

    def changed_shape(x):
        y = x * 2
        y.unsqueeze_(1).transpose_(0, 1)
        y.mul_(2)
        return y.squeeze_(0) * x

    def zeroed(x):
        y = x * 2
        y[:, 1].zero_()
        F.hardtanh(y.t(), inplace=True)
        return y * x

    def reshaped_copy(x):
        y = x * 2
        z = y.t().reshape(-1)  # a copy
        z.add_(1)
        y.mul_(2)
        return y, z

    def strided(x):
        y = x * 2
        z = y.view(-1, 3, 2).transpose(1, 2)
        z[:, 1, ::2] += 1
        return y.view_as(x) * x, z

    def batch_rows(x):
        y = x * 2
        y[0] = 0.5
        y[-1].mul_(3)
        y[1:].add_(x[1:])
        return y * x

    table = {name: value for name, value in locals().items() if callable(value)}
    fixed = [table.pop(name) for name in ("scattered", "put_added", "batch_rows")]
    functions("aliasing", table, torch.randn(3, 6), static=("column", "base_and_alias"), further_batch=5)
    functions("aliasing", {f.__name__: f for f in fixed}, torch.randn(3, 6), static=("scattered", "put_added", "batch_rows"), dynamic=False)


class Accumulator(nn.Module):
    """State that forward changes: through a method, a view and an assignment."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 4)
        self.register_buffer("total", torch.randn(4))
        self.register_buffer("count", torch.tensor(3))
        self.register_buffer("history", torch.randn(3, 4))

    def forward(self, x):
        y = self.fc(x)
        self.count += 1
        self.total.mul_(0.9).add_(y.detach().mean(0), alpha=0.1)
        self.history[1:] = self.history[:-1].clone()
        self.history[0] = self.total
        return y + self.total + self.history.sum(0) / self.count


class Reassigned(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.randn(6))

    def forward(self, x):
        self.mean = 0.5 * self.mean + 0.5 * x.detach().mean(0)
        return x - self.mean


def changed_state():
    case("changed_state", "accumulator", Accumulator(), torch.randn(3, 6))
    case("changed_state", "reassigned", Reassigned(), torch.randn(3, 6))
    x = image(4, 5, 4, 3)
    norms = {
        "batch_norm": nn.BatchNorm2d(5), "batch_norm_momentum": nn.BatchNorm2d(5, momentum=0.3, eps=1e-2),
        "batch_norm_plain": nn.BatchNorm2d(5, affine=False), "batch_norm_untracked": nn.BatchNorm2d(5, track_running_stats=False),
        "instance_norm": nn.InstanceNorm2d(5, affine=True, track_running_stats=True),
    }
    for name, layer in norms.items():
        if layer.running_mean is not None:
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
        case("changed_state", name, Lambda(lambda m, x: m.norm(m.conv(x)), conv=nn.Conv2d(5, 5, 1), norm=affine(layer)), x,
             train=True, static=False, further_batch=2)
    twice = affine(nn.BatchNorm1d(6))
    case("changed_state", "batch_norm_twice", Lambda(lambda m, x: m.norm(m.norm(x) * 2 + 1), norm=twice), torch.randn(4, 6),
         train=True, static=False)
    frozen = nn.Sequential(nn.Linear(6, 5), affine(nn.BatchNorm1d(5)), nn.ReLU(), nn.Linear(5, 3), affine(nn.BatchNorm1d(3)))
    for parameter in frozen[:2].parameters():
        parameter.requires_grad_(False)
    case("changed_state", "batch_norm_frozen_affine", frozen, torch.randn(4, 6), train=True, static=False)


class Strided(nn.Module):
    """Weights that are transposed, sliced and shared."""

    def __init__(self):
        super().__init__()
        self.transposed = nn.Parameter(torch.randn(4, 6).t())
        self.sliced = nn.Parameter(torch.randn(9, 5)[2:8, 1::2])
        self.channels_last = nn.Parameter(torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last))
        self.register_buffer("expanded", torch.randn(4, 1).expand(4, 6))

    def forward(self, x):  # [N, 6]
        y = (x @ self.sliced).repeat(1, 27).view(-1, 3, 3, 6)[..., :3]
        return x @ self.transposed + F.conv2d(y, self.channels_last).flatten(1) + x @ self.expanded.t()


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Embedding(7, 6), nn.Linear(6, 7, bias=False)
        self.decoder.weight = self.encoder.weight
        self.again = self.encoder.weight
        self.inner = nn.Linear(6, 6)
        self.same_inner = self.inner

    def forward(self, words):
        y = self.same_inner(self.inner(self.encoder(words)).tanh())
        return self.decoder(y) + (y * self.again[0]).sum(-1, keepdim=True)


class Returns(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 4)

    def forward(self, x, *, scale, shift):
        y = self.fc(x) * scale
        return {"y": y, "nothing": None, "pair": (y + shift, [y.relu(), x])}


class TakesStructures(nn.Module):
    def forward(self, pair, named):
        return pair[0] * named["b"] + pair[1][0] - named["a"]


def sizes():
    def flatten(x):
        return x.view(x.shape[0], -1)

    def double(x):
        n = x.shape[0]
        return x.repeat(2, 1, 1).view(n * 2, -1).view(2, n, 12).sum(0) / (n + 1)

    def scaled(x):
        return x.sum() / x.shape[0] + x * (x.shape[0] * 2) + x.numel()

    def made(x):
        n, a, b = x.shape
        return torch.cat([x, torch.zeros(n, a, 1), torch.full((n, a, b), 0.5), x.new_ones(n, a, 2)], 2)

    def positions(x):
        return x * torch.arange(x.shape[0]).view(-1, 1, 1) + torch.arange(x.shape[0], dtype=x.dtype)[:, None, None] ** 2

    def merged(x):
        return x.reshape(x.shape[0] * x.shape[1], x.shape[2]).softmax(1).view(x.shape).transpose(0, 1).flatten(1)

    def expanded(x):
        return x[:, :1].expand(x.size(0), 5, -1) * torch.ones(x.size(0), 1, 1).expand(-1, 5, 4)

    def outer(x):
        y = x.flatten(1)
        return y @ y.t(), torch.eye(x.shape[0]) * 2, F.one_hot(torch.arange(x.shape[0]) % 3, 3)

    def rows(x):
        y = x * 2
        y[0] = 1
        y.view(-1)[::2] *= 3
        return y

    def folded(x):
        return x.flatten(0, 1).unflatten(0, (x.shape[0], 3))

    return {name: value for name, value in locals().items() if callable(value)}


def boundary():
    functions("boundary", sizes(), torch.randn(4, 3, 4), static=("made",), further_batch=6)
    case("boundary", "strided_weights", Strided(), torch.randn(3, 6))
    case("boundary", "tied_names", Tied(), torch.randint(0, 7, (3, 4)))
    case("boundary", "keywords_and_structures", Returns(), torch.randn(3, 6), torch.randn(4), torch.randn(3, 4), keywords=("scale", "shift"),
         dynamic=False)
    case("boundary", "nested_inputs", TakesStructures(), torch.randn(3, 6), torch.randn(3, 6), torch.randn(3, 6), torch.randn(3, 6),
         structure=lambda a, b, c, d: ((a, [b]), {"a": c, "b": d}), static=False)
    table = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.25, 1.0]])
    case("boundary", "constants", Lambda(lambda _, x: x[:, :1] * table[0] - x[:, 1:] * table.sum(0) + torch.tensor(2.5) + torch.tensor([1, 2, 3])), torch.randn(4, 2),
         static=False)
    case("boundary", "output_twice", Lambda(lambda m, x: (m.fc(x), x, x, m.fc.bias, m.fc(x).detach()), fc=nn.Linear(6, 4)),
         torch.randn(3, 6), static=False)
    case("boundary", "scalar_output", Lambda(lambda m, x: (x.square().mean(), (x > 0).sum(), x.argmax(1))), torch.randn(3, 6),
         static=False)


GROUPS = {"aliasing": aliasing, "changed_state": changed_state, "boundary": boundary}

if __name__ == "__main__":
    import sys

    main(GROUPS, sys.argv[1:])
