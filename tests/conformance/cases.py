"""The conformance cases: small networks, one idea each. A case is
`case(group, name, module, *inputs, ...)`; see generate.py for what is made of it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Case:
    group: str
    name: str
    module: nn.Module
    inputs: tuple
    train: bool = False  # export in training mode
    static: bool = True  # export with fixed sizes
    dynamic: bool = True  # export with the first axis of every input named N
    double: bool = False  # a float64 model
    further_batch: int = 0  # golden values for this batch, too (dynamic only)
    keywords: tuple = ()  # names of the last inputs, where forward takes them by keyword
    structure: Callable = None  # the positional arguments from the flat inputs, where they are nested


CASES = []


def case(group, name, module, *inputs, **options):
    CASES.append(Case(group, name, module, inputs, **options))


class Lambda(nn.Module):
    """A function of its inputs, after optional submodules that it may use."""

    def __init__(self, function, **modules):
        super().__init__()
        for key, module in modules.items():
            setattr(self, key, module)
        self.function = function

    def forward(self, *inputs):
        return self.function(self, *inputs)


def image(n, c, h, w):
    return torch.randn(n, c, h, w)


def activations():
    layers = {
        "elu": nn.ELU(0.7), "hardshrink": nn.Hardshrink(0.4), "hardsigmoid": nn.Hardsigmoid(),
        "hardtanh": nn.Hardtanh(-0.8, 1.2), "hardswish": nn.Hardswish(), "leaky_relu": nn.LeakyReLU(0.1),
        "log_sigmoid": nn.LogSigmoid(), "prelu": nn.PReLU(), "prelu_channels": nn.PReLU(5, 0.3),
        "relu": nn.ReLU(), "relu6": nn.ReLU6(), "rrelu_eval": nn.RReLU(), "selu": nn.SELU(), "celu": nn.CELU(1.3),
        "gelu": nn.GELU(), "gelu_tanh": nn.GELU("tanh"), "sigmoid": nn.Sigmoid(), "silu": nn.SiLU(),
        "mish": nn.Mish(), "softplus": nn.Softplus(1.5, 5.0), "softshrink": nn.Softshrink(0.3),
        "softsign": nn.Softsign(), "tanh": nn.Tanh(), "tanhshrink": nn.Tanhshrink(),
        "threshold": nn.Threshold(0.1, -2.0), "glu": nn.GLU(2), "softmin": nn.Softmin(1), "softmax": nn.Softmax(1),
        "log_softmax": nn.LogSoftmax(2), "relu_inplace": nn.ReLU(inplace=True),
        "silu_inplace": nn.SiLU(inplace=True), "elu_inplace": nn.ELU(inplace=True),
    }
    for name, layer in layers.items():
        # A linear layer before it: its input gradient then passes through a product, too.
        case("activations", name, nn.Sequential(nn.Linear(6, 6), layer), 2 * torch.randn(3, 5, 6), static=False)
    case("activations", "softmax2d", nn.Softmax2d(), image(2, 5, 3, 4), static=False)
    case("activations", "gelu_double", nn.Sequential(nn.Linear(6, 6), nn.GELU()), torch.randn(3, 6), double=True)
    case("activations", "tanh_double", nn.Sequential(nn.Linear(6, 6), nn.Tanh()), torch.randn(3, 6), double=True)


def pointwise():
    x, y = torch.randn(3, 4, 5), torch.randn(3, 4, 5)
    positive = torch.rand(3, 4, 5) + 0.5
    unary = {
        "exp": torch.exp, "sin": torch.sin, "cos": torch.cos, "erf": torch.erf, "abs": torch.abs, "neg": torch.neg,
        "square": torch.square, "expm1": torch.expm1,
    }
    for name, function in unary.items():
        case("pointwise", name, Lambda(lambda _, x, f=function: f(x)), x, static=False)
    for name, function in {"log": torch.log, "log1p": torch.log1p, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
                           "reciprocal": torch.reciprocal}.items():
        case("pointwise", name, Lambda(lambda _, x, f=function: f(x)), positive, static=False)
    case("pointwise", "arithmetic", Lambda(lambda _, x, y: (x + y) * (x - 2 * y) / (y * y + 1) - 0.5), x, y)
    case("pointwise", "alpha", Lambda(lambda _, x, y: torch.add(x, y, alpha=0.3) + torch.sub(y, x, alpha=2)), x, y,
         static=False)
    case("pointwise", "reversed_scalars", Lambda(lambda _, x: (1 - x) + 2 / (x * x + 1) + (x + 3)), x, static=False)
    case("pointwise", "pow", Lambda(lambda _, x, y: x**2 + x**3 + y**0.5 + y**-1.5), x, positive, static=False)
    case("pointwise", "pow_tensor", Lambda(lambda _, x, y: x**y), positive, y, static=False)
    case("pointwise", "minimum_maximum", Lambda(lambda _, x, y: torch.minimum(x, y) + 2 * torch.maximum(x, 0.5 * y)),
         x, y, static=False)
    case("pointwise", "clamp", Lambda(lambda _, x: x.clamp(-0.5, 0.7) + x.clamp(min=0.2) + x.clamp(max=-0.1)), x,
         static=False)
    case("pointwise", "where", Lambda(lambda _, x, y: torch.where(x > y, x * y, x - y)), x, y, static=False)
    case("pointwise", "mask_product", Lambda(lambda _, x: x * (x > 0.3) + x * (x <= -0.2)), x, static=False)
    scale, shift = nn.Parameter(torch.randn(4, 1)), nn.Parameter(torch.randn(5))
    case("pointwise", "broadcast", Lambda(lambda m, x: x * m.scale + m.shift, scale=scale, shift=shift), x)
    case("pointwise", "broadcast_both", Lambda(lambda _, x, y: x * y), torch.randn(3, 1, 5), torch.randn(3, 4, 1),
         static=False)


def convolutions():
    def conv(name, *args, size=(7, 5), batch=3, further_batch=0, **kwargs):
        layer = nn.Conv2d(*args, **kwargs)
        case("convolution", name, layer, image(batch, args[0], *size), further_batch=further_batch)

    conv("conv2d_3x3", 3, 4, 3, further_batch=1)
    conv("conv2d_padding", 3, 5, 3, padding=1)
    conv("conv2d_stride", 4, 6, 3, stride=2, padding=1)
    conv("conv2d_stride_uneven", 2, 3, (3, 2), stride=(2, 3), padding=(1, 0), size=(9, 8))
    conv("conv2d_dilation", 3, 4, 3, padding=2, dilation=2)
    conv("conv2d_groups", 6, 9, 3, padding=1, groups=3)
    conv("conv2d_depthwise", 13, 13, 3, padding=1, groups=13)
    conv("conv2d_depthwise_multiplier", 5, 10, 3, stride=2, groups=5)
    conv("conv2d_1x1", 13, 17, 1)
    conv("conv2d_1x1_stride", 8, 4, 1, stride=2)
    conv("conv2d_no_bias", 3, 4, 3, bias=False)
    conv("conv2d_same", 3, 4, (3, 4), padding="same")
    conv("conv2d_same_dilated", 2, 3, 3, padding="same", dilation=2)
    conv("conv2d_valid", 2, 3, 3, padding="valid")
    conv("conv2d_5x5", 1, 6, 5, padding=2, size=(14, 14), batch=2)
    conv("conv2d_channels", 16, 32, 3, padding=1, size=(6, 6), batch=2)
    conv("conv2d_channels_odd", 13, 19, 3, padding=1, size=(7, 5), batch=1)
    conv("conv2d_whole_image", 4, 5, (7, 5))
    case("convolution", "conv2d_double", nn.Conv2d(3, 4, 3, padding=1), image(2, 3, 5, 6), double=True)
    case("convolution", "conv2d_unbatched", nn.Conv2d(3, 4, 3), torch.randn(3, 7, 5), dynamic=False)
    case("convolution", "conv2d_chain",
         nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU(),
                       nn.Conv2d(8, 4, 1)), image(2, 3, 9, 7), further_batch=5)


def winograd():
    """3x3 convolutions large enough to be filtered in Winograd's domain, in both directions."""

    def residual(m, x):
        y = m.norm(m.first(x)).relu()
        return (m.second(y) + y).relu()

    case("winograd", "conv2d_uneven", nn.Conv2d(20, 33, 3, padding=(1, 0)), image(3, 20, 14, 11), further_batch=1)
    case("winograd", "conv2d_wide_padding", nn.Conv2d(16, 24, 3, padding=2), image(1, 16, 9, 10))
    case("winograd", "residual_block", Lambda(residual, first=nn.Conv2d(16, 16, 3, padding=1), norm=nn.BatchNorm2d(16),
                                              second=nn.Conv2d(16, 16, 3, padding=1)), image(2, 16, 12, 12))


def products():
    case("products", "linear", nn.Linear(7, 5), torch.randn(3, 7), further_batch=1)
    case("products", "linear_no_bias", nn.Linear(13, 9, bias=False), torch.randn(4, 13))
    case("products", "linear_3d", nn.Linear(6, 4), torch.randn(3, 5, 6))
    case("products", "linear_large", nn.Linear(65, 49), torch.randn(33, 65), further_batch=17)
    case("products", "linear_one_row", nn.Linear(37, 21), torch.randn(1, 37), dynamic=False)
    case("products", "linear_double", nn.Linear(9, 17), torch.randn(5, 9), double=True)
    weight = nn.Parameter(torch.randn(6, 4))
    case("products", "matmul_parameter", Lambda(lambda m, x: x @ m.weight, weight=weight), torch.randn(3, 5, 6))
    case("products", "mm", Lambda(lambda m, x: torch.mm(x, m.weight), weight=nn.Parameter(torch.randn(6, 4))),
         torch.randn(3, 6))
    case("products", "addmm", Lambda(lambda m, x: torch.addmm(m.bias, x, m.weight),
                                     weight=nn.Parameter(torch.randn(6, 4)), bias=nn.Parameter(torch.randn(4))),
         torch.randn(3, 6), static=False)
    case("products", "bmm", Lambda(lambda _, x, y: torch.bmm(x, y)), torch.randn(3, 4, 5), torch.randn(3, 5, 7))
    case("products", "matmul_batched", Lambda(lambda _, x, y: x @ y.transpose(-1, -2)), torch.randn(3, 2, 4, 5),
         torch.randn(3, 2, 6, 5))
    case("products", "matmul_vector", Lambda(lambda m, x: x @ m.v, v=nn.Parameter(torch.randn(6))),
         torch.randn(3, 4, 6), static=False)
    case("products", "gram", Lambda(lambda _, x: x.transpose(1, 2) @ x), torch.randn(3, 4, 5))


def pools():
    for name, layer in {
        "max_pool2d": nn.MaxPool2d(2), "max_pool2d_3_stride_2": nn.MaxPool2d(3, 2, padding=1),
        "max_pool2d_uneven": nn.MaxPool2d((2, 3), (1, 2)), "max_pool2d_ceil": nn.MaxPool2d(2, ceil_mode=True),
        "max_pool2d_dilation": nn.MaxPool2d(2, 1, dilation=2), "max_pool2d_overlap": nn.MaxPool2d(3, 1, padding=1),
        "avg_pool2d": nn.AvgPool2d(2), "avg_pool2d_padding": nn.AvgPool2d(3, 2, padding=1),
        "avg_pool2d_no_pad_count": nn.AvgPool2d(3, 2, padding=1, count_include_pad=False),
        "avg_pool2d_ceil": nn.AvgPool2d(2, ceil_mode=True),
        "avg_pool2d_divisor": nn.AvgPool2d(2, divisor_override=3),
    }.items():
        case("pools", name, layer, image(3, 5, 7, 5))
    case("pools", "conv_pool", nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 3, 2),
                                             nn.AvgPool2d(2)), image(2, 2, 11, 13), further_batch=3)


def shapes():
    x = torch.randn(3, 4, 6)
    functions = {
        "flatten": lambda _, x: x.flatten(1) * 2,
        "flatten_middle": lambda _, x: x[:, :, None, :].flatten(1, 2) * 2,
        "reshape": lambda _, x: x.reshape(x.size(0), 2, 12).sin(),
        "view_minus_one": lambda _, x: x.view(x.size(0), -1).cos(),
        "reshape_batch": lambda _, x: x.reshape(-1, 6).sin(),
        "permute": lambda _, x: x.permute(0, 2, 1).sin(),
        "permute_reshape": lambda _, x: x.permute(0, 2, 1).reshape(x.size(0), 24).sin(),
        "transpose_batch": lambda _, x: x.transpose(0, 1) * 3,
        "unsqueeze_squeeze": lambda _, x: x.unsqueeze(1).sin().squeeze(1) + x,
        "cat": lambda _, x: torch.cat([x, 2 * x, x.sin()], 1),
        "cat_last": lambda _, x: torch.cat([x, x * x], -1),
        "slice": lambda _, x: x[:, 1:3, ::2] * 2,
        "slice_overlap": lambda _, x: x[:, :, :4] * x[:, :, 2:],
        "select": lambda _, x: x[:, 2] * x[:, 1],
        "split": lambda _, x: torch.mul(*x.split(3, 2)),
        "chunk": lambda _, x: torch.mul(*x.chunk(2, 1)),
        "stack": lambda _, x: torch.stack([x, x.sin()], 1),
        "expand": lambda _, x: x[:, :1].expand(-1, 5, -1) * 2,
        "several_outputs": lambda _, x: (x.sin(), x[:, 1], x.sum()),
    }
    for name, function in functions.items():
        case("shapes", name, Lambda(function), x, static=name in ("flatten", "permute_reshape", "cat", "slice"))


def reductions():
    x = torch.randn(3, 4, 5)
    functions = {
        "sum": lambda _, x: (x * x).sum(), "sum_dim": lambda _, x: (x * x).sum(1),
        "sum_dims_keep": lambda _, x: (x * x).sum((0, 2), keepdim=True),
        "sum_batch": lambda _, x: (x * x).sum(0), "mean": lambda _, x: (x * x).mean(),
        "mean_dims": lambda _, x: (x * x).mean((1, 2)), "mean_last": lambda _, x: (x * x).mean(-1, keepdim=True),
        "centred": lambda _, x: x - x.mean(1, keepdim=True),
        "standardised": lambda _, x: (x - x.mean(-1, keepdim=True))
        / ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1, keepdim=True).add(1e-5).sqrt(),
        "softmax_dims": lambda _, x: x.softmax(-1) + x.softmax(1),
        "log_softmax_weighted": lambda _, x: x.log_softmax(-1) * x,
    }
    for name, function in functions.items():
        case("reductions", name, Lambda(function), x, static=name in ("sum_dim", "mean", "standardised"))
    case("reductions", "sum_long_rows", Lambda(lambda _, x: (x * x).sum(1)), torch.randn(3, 1000), static=False)
    case("reductions", "softmax_long_rows", Lambda(lambda _, x: x.softmax(1)), 3 * torch.randn(3, 257), static=False)


def losses():
    classes, probabilities = torch.tensor([2, 0, 5, 1]), torch.rand(4, 6).softmax(1)
    weight = torch.rand(6) + 0.5
    ignored = torch.tensor([2, -100, 5, 1])
    for name, loss, target in (
        ("cross_entropy", nn.CrossEntropyLoss(), classes),
        ("cross_entropy_sum", nn.CrossEntropyLoss(reduction="sum"), classes),
        ("cross_entropy_none", nn.CrossEntropyLoss(reduction="none"), classes),
        ("cross_entropy_weight", nn.CrossEntropyLoss(weight), classes),
        ("cross_entropy_ignore", nn.CrossEntropyLoss(), ignored),
        ("cross_entropy_ignore_weight", nn.CrossEntropyLoss(weight, ignore_index=1), classes),
        ("cross_entropy_smoothing", nn.CrossEntropyLoss(label_smoothing=0.1), classes),
        ("cross_entropy_smoothing_weight", nn.CrossEntropyLoss(weight, label_smoothing=0.2), ignored),
        ("cross_entropy_probabilities", nn.CrossEntropyLoss(), probabilities),
    ):
        module = Lambda(lambda m, x, y: m.loss(m.fc(x), y), fc=nn.Linear(5, 6), loss=loss)
        case("losses", name, module, torch.randn(4, 5), target, static=name == "cross_entropy")
    case("losses", "cross_entropy_image", Lambda(lambda m, x, y: m.loss(m.conv(x), y), conv=nn.Conv2d(2, 4, 3, padding=1),
                                                 loss=nn.CrossEntropyLoss()),
         image(2, 2, 5, 3), torch.randint(0, 4, (2, 5, 3)), static=False)
    for name, loss in (("nll", nn.NLLLoss()), ("nll_sum", nn.NLLLoss(reduction="sum")),
                       ("nll_weight", nn.NLLLoss(weight, ignore_index=2))):
        module = Lambda(lambda m, x, y: m.loss(m.fc(x).log_softmax(1), y), fc=nn.Linear(5, 6), loss=loss)
        case("losses", name, module, torch.randn(4, 5), classes, static=False)
    for reduction in ("mean", "sum", "none"):
        module = Lambda(lambda m, x, y: m.loss(m.fc(x), y), fc=nn.Linear(5, 6), loss=nn.MSELoss(reduction=reduction))
        case("losses", "mse_" + reduction, module, torch.randn(4, 5), torch.randn(4, 6), static=reduction == "mean")


def structure():
    def residual(m, x):
        y = m.conv1(x).relu()
        return (x + m.conv2(y)).relu() + y

    case("structure", "residual", Lambda(residual, conv1=nn.Conv2d(4, 4, 3, padding=1),
                                         conv2=nn.Conv2d(4, 4, 3, padding=1)), image(2, 4, 6, 5))
    case("structure", "residual_relu_inplace",
         Lambda(lambda m, x: F.relu(x + m.conv(x), inplace=True), conv=nn.Conv2d(3, 3, 3, padding=1)), image(2, 3, 5, 4),
         static=False)
    case("structure", "shared_layer", Lambda(lambda m, x: m.fc(m.fc(x).tanh()), fc=nn.Linear(6, 6)), torch.randn(3, 6))
    tied = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    tied[2].weight = tied[0].weight
    case("structure", "tied_weights", tied, torch.randn(3, 6), static=False)
    frozen = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    frozen[0].weight.requires_grad_(False)
    case("structure", "frozen_weight", frozen, torch.randn(3, 6), static=False)
    case("structure", "detach", Lambda(lambda m, x: m.fc(x) * m.fc(x).detach(), fc=nn.Linear(6, 5)), torch.randn(3, 6),
         static=False)
    case("structure", "branches_concatenated",
         Lambda(lambda m, x: torch.cat([m.a(x), m.b(x).relu(), x], 1), a=nn.Conv2d(3, 4, 1),
                b=nn.Conv2d(3, 2, 3, padding=1)), image(2, 3, 5, 4))
    case("structure", "unused_input", Lambda(lambda m, x, y: m.fc(x), fc=nn.Linear(6, 5)), torch.randn(3, 6),
         torch.randn(3, 2), static=False)
    case("structure", "returns_input", Lambda(lambda _, x: (x, x * 2)), torch.randn(3, 6), static=False)
    buffered = Lambda(lambda m, x: x * m.scale)
    buffered.register_buffer("scale", torch.randn(6))
    case("structure", "buffer", buffered, torch.randn(3, 6), static=False)
    case("structure", "lifted_constant", Lambda(lambda _, x: x * torch.tensor([1.0, -2.0, 3.0])), torch.randn(4, 3),
         static=False)
    case("structure", "scalar_parameter", Lambda(lambda m, x: x * m.scale, scale=nn.Parameter(torch.tensor(0.7))),
         torch.randn(4, 3), static=False)


def mutations():
    def add_(_, x):
        y = x * 2
        y.add_(x, alpha=3)
        return y.mul_(x)

    def view_of_base(_, x):
        y = x * 2
        y[:, 1:3].mul_(x[:, 1:3])  # writes a part of y through a view
        return y + 1

    def base_after_view(_, x):
        y = x.sin()
        flat = y.view(-1)
        y.mul_(2.0)  # flat sees it
        return flat * flat

    def fill_view(_, x):
        y = x * 3
        y[:, 0].fill_(0.5)  # the view has no user; the base is read later
        return y * x

    def copy_(_, x):
        y = torch.zeros_like(x)
        y[:, 2:].copy_(x[:, :4])
        return y * x

    def relu_of_transpose(_, x):
        y = x + 0.25
        y.transpose(0, 1).relu_()
        return y

    for name, function in (("add_", add_), ("view_of_base", view_of_base), ("base_after_view", base_after_view),
                           ("fill_view", fill_view), ("copy_", copy_), ("relu_of_transpose", relu_of_transpose)):
        case("mutations", name, Lambda(function), torch.randn(3, 6), static=name == "view_of_base")


def dropouts():
    net = lambda layer: nn.Sequential(nn.Linear(6, 8), layer, nn.ReLU(), nn.Linear(8, 4))
    case("dropout", "dropout_eval", net(nn.Dropout(0.5)), torch.randn(3, 6))
    case("dropout", "dropout_train_p0", net(nn.Dropout(0.0)), torch.randn(3, 6), train=True, static=False)
    case("dropout", "dropout_train_p1", net(nn.Dropout(1.0)), torch.randn(3, 6), train=True, static=False)
    case("dropout", "dropout_eval_inplace", net(nn.Dropout(0.5, inplace=True)), torch.randn(3, 6), static=False)


def networks():
    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(16 * 5 * 5, 24)
            self.fc2 = nn.Linear(24, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            return self.fc2(F.relu(self.fc1(x.view(x.size(0), -1))))

    # The full LeNet, with 120 and 84 units, is models/zoo/lenet.pt2; this has its convolutions at full size.
    case("networks", "lenet", LeNet(), image(3, 1, 28, 28), further_batch=1)
    case("networks", "mlp", nn.Sequential(nn.Flatten(), nn.Linear(49, 33), nn.ReLU(), nn.Linear(33, 17), nn.ReLU(),
                                          nn.Linear(17, 10)), image(5, 1, 7, 7), further_batch=2)
    case("networks", "mlp_double", nn.Sequential(nn.Linear(12, 9), nn.Tanh(), nn.Linear(9, 4)), torch.randn(3, 12),
         double=True)
    for seed in range(12):
        module, x = random_network(seed)
        case("networks", f"random_{seed}", module, x, static=seed % 2 == 0)


def random_network(seed):
    """A chain of random layers with random options on a small image of odd size."""
    generator = torch.Generator().manual_seed(seed)

    def pick(*choices):
        return choices[torch.randint(len(choices), (), generator=generator).item()]

    channels, height, width = pick(1, 3, 4), pick(9, 12, 13), pick(8, 10, 11)
    x = image(2, channels, height, width)
    layers, shape = [], x
    for _ in range(5):
        c = shape.shape[1]
        kind = pick("conv", "conv", "depthwise", "pool", "activation", "softmax")
        if min(shape.shape[2:]) < 4:  # too small for a window
            kind = "activation"
        if kind == "conv":
            layer = nn.Conv2d(c, pick(2, 5, 8), pick(1, 3), stride=pick(1, 1, 2), padding=pick(0, 1),
                              bias=pick(True, False))
        elif kind == "depthwise":
            layer = nn.Conv2d(c, c, 3, padding=1, groups=c)
        elif kind == "pool":
            layer = pick(nn.MaxPool2d(2, 1), nn.AvgPool2d(2), nn.MaxPool2d(3, 2, padding=1))
        elif kind == "activation":
            layer = pick(nn.ReLU(), nn.SiLU(), nn.GELU(), nn.Tanh(), nn.ELU(), nn.Sigmoid())
        else:
            layer = nn.Softmax(1) if c > 1 else nn.Tanh()
        layers.append(layer)
        shape = layer(shape)
    layers += [nn.Flatten(), nn.Linear(shape.flatten(1).shape[1], 7), nn.LogSoftmax(1)]
    return nn.Sequential(*layers), x


def all_cases():
    for group in (activations, pointwise, convolutions, winograd, products, pools, shapes, reductions, losses, structure,
                  mutations, dropouts, networks):
        torch.manual_seed(0)  # a group does not depend on those before it
        group()
    return CASES
