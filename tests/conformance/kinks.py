#!/usr/bin/env python3
"""Writes kinks.csv: what PyTorch computes, in f64, where elementwise functions have kinks.

Every function of dialects/nn/Expr/Functions.cpp at +-0, its bounds and their neighbours, ties,
+-1e3, infinities and NaN: value and gradients. Central differences can see none of that.
A line is  function; parameters; dy; operands; value; gradients  with lists separated by blanks
and `-` for a gradient that PyTorch does not define. Run it with PyTorch installed:
    python3 kinks.py > kinks.csv
"""
import itertools
import math
import random

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
inf, nan = math.inf, math.nan
EVERYWHERE = [-inf, -1e3, -1.0, -0.0, 0.0, 0.7, 1.0, 1e3, inf, nan]
PAIRS = [-inf, -1e3, -1.0, -0.0, 0.0, 1.0, 2.5, inf, nan]
FINITE = [-1e3, -2.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.5, 2.5, 1e3]


def around(*bounds):
    """The bounds and the doubles next to them."""
    return [x for b in bounds for x in (math.nextafter(b, -inf), b, math.nextafter(b, inf))]


def unary(name, function, at=(), values=EVERYWHERE, **parameters):
    emit(name, lambda x: function(x, **parameters), [[x] for x in [*values, *at]], parameters)


def binary(name, function, first=PAIRS, second=PAIRS, fixed=(), **parameters):
    emit(name, function, list(itertools.product(first, second)), parameters, fixed)


def ternary(name, function, *values, fixed=(), **parameters):
    points = list(itertools.product(*values))
    random.Random(name).shuffle(points)
    emit(name, function, points[:64], parameters, fixed)


def number(x):
    return "-" if x is None else repr(float(x)).removesuffix(".0")


def emit(name, function, points, parameters, fixed=()):
    """Points are tuples of operands; the operands in `fixed` have no gradient."""
    settings = " ".join(f"{key}={number(value)}" for key, value in parameters.items())
    # What arrives from above reaches no branch whose gradient is zero, not even infinity.
    for dy in (1.0, inf) if len(points[0]) == 1 else (1.0,):
        operands = [torch.tensor(column, requires_grad=i not in fixed)
                    for i, column in enumerate(zip(*points))]
        value = function(*operands)
        gradients = [None] * len(operands)
        if value.requires_grad:
            wanted = [x for x in operands if x.requires_grad]
            got = iter(torch.autograd.grad(value, wanted, torch.full_like(value, dy),
                                           allow_unused=True))
            gradients = [next(got) if x.requires_grad else None for x in operands]
        for k, point in enumerate(points):
            print(name, settings, number(dy), " ".join(map(number, point)), number(value[k].detach()),
                  " ".join("-" if g is None else number(g[k]) for g in gradients), sep=";")


def activations():
    unary("elu", F.elu)
    unary("elu", F.elu, alpha=2.0)
    unary("selu", F.selu)
    unary("celu", F.celu)
    unary("celu", F.celu, alpha=2.0)
    unary("relu", F.relu, at=around(0))
    unary("relu6", F.relu6, at=around(6))
    unary("leaky_relu", F.leaky_relu, at=around(0))
    unary("leaky_relu", F.leaky_relu, negative_slope=-0.5)
    unary("rrelu", F.rrelu)
    binary("prelu", lambda x, w: torch.stack([F.prelu(a, b) for a, b in zip(x, w)]))
    unary("hardtanh", F.hardtanh, at=around(-1, 1))
    unary("hardtanh", F.hardtanh, at=around(-2, 0.7), min_val=-2.0, max_val=0.7)
    unary("hardsigmoid", F.hardsigmoid, at=around(-3, 3))
    unary("hardswish", F.hardswish, at=around(-3, 3))
    unary("hardshrink", F.hardshrink, at=around(-0.5, 0.5))
    unary("hardshrink", F.hardshrink, lambd=1.0)
    unary("softshrink", F.softshrink, at=around(-0.5, 0.5))
    unary("softshrink", F.softshrink, lambd=1.0)
    unary("tanhshrink", F.tanhshrink)
    unary("threshold", F.threshold, threshold=1.0, value=7.0)
    unary("threshold", F.threshold, threshold=0.0, value=0.0)
    unary("sigmoid", torch.sigmoid, at=[-40, 40])
    unary("log_sigmoid", F.logsigmoid, at=[-40, 40])
    unary("tanh", torch.tanh, at=[-20, 20])
    unary("silu", F.silu)
    unary("mish", F.mish, at=[-30, 30])
    unary("gelu", F.gelu, at=[-6, 6])
    unary("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), at=[-6, 6])
    unary("softplus", F.softplus, at=around(20))
    unary("softplus", F.softplus, at=around(2), beta=2.0, threshold=4.0)
    unary("softsign", F.softsign)


def arithmetic():
    binary("add", torch.add)
    binary("add", lambda a, b: torch.add(a, b, alpha=0.5), alpha=0.5)
    binary("sub", torch.sub)
    binary("sub", lambda a, b: torch.sub(a, b, alpha=0.5), alpha=0.5)
    binary("mul", torch.mul)
    binary("div", torch.div)
    binary("floor_divide", torch.floor_divide, fixed=(0, 1))
    binary("floor_divide", torch.floor_divide, first=[-7.5, 0.6, 7.5, 1.0], second=[-2.5, 0.1, 0.2, 2.5],
           fixed=(0, 1))
    binary("fmod", torch.fmod)
    binary("fmod", torch.fmod, first=[-7.5, 7.5], second=[-2.0, 2.0])
    binary("remainder", torch.remainder)
    binary("remainder", torch.remainder, first=[-7.5, 7.5], second=[-2.0, 2.0])
    binary("pow", torch.pow, second=[*PAIRS, 0.5])
    for exponent in (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.7, 2.0, 3.0, 4.0):
        unary("pow_scalar", torch.pow, exponent=exponent)
    for name in "neg abs sign exp expm1 log log1p sqrt rsqrt square reciprocal sin cos erf".split():
        unary(name, getattr(torch, name), at=[1e-9, -1e-9])
    for name in "floor ceil round trunc".split():
        unary(name, getattr(torch, name), at=[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, *around(0.5)])
    binary("maximum", torch.maximum)
    binary("minimum", torch.minimum)
    unary("clamp", torch.clamp, at=around(-1, 1), min=-1.0, max=1.0)
    unary("clamp_min", torch.clamp_min, at=around(1), min=1.0)
    unary("clamp_max", torch.clamp_max, at=around(1), max=1.0)
    ternary("clamp_tensor", torch.clamp, PAIRS, [-1.0, 0.0, nan], [0.5, 1.0, 2.5])
    ternary("where", lambda c, a, b: torch.where(c != 0, a, b), [0.0, 1.0], PAIRS, PAIRS, fixed=(0,))
    ternary("lerp", torch.lerp, PAIRS, PAIRS, [0.0, 0.25, 0.5, 1.0, -1.0, nan])
    ternary("addcmul", torch.addcmul, PAIRS, PAIRS, PAIRS)
    ternary("addcdiv", lambda a, b, c: torch.addcdiv(a, b, c, value=0.5), PAIRS, PAIRS, PAIRS, value=0.5)


def comparisons():
    for name in "eq ne lt le gt ge logical_and logical_or".split():
        binary(name, getattr(torch, name), first=[-inf, -1.0, -0.0, 0.0, 1.0, nan],
               second=[-1.0, 0.0, inf, nan], fixed=(0, 1))
    for name in "logical_not isnan isinf".split():
        unary(name, getattr(torch, name))
    unary("to_float32", lambda x: x.float().double(), at=[0.1, 1e300])
    unary("to_float64", lambda x: x.double())
    unary("to_int64", lambda x: x.long(), values=FINITE)
    unary("to_int32", lambda x: x.int(), values=FINITE)
    unary("to_bool", lambda x: x.bool())


def losses():
    def plain(loss, **arguments):
        return lambda *operands: loss(*operands, reduction="none", **arguments)

    probabilities = [0.0, 1e-300, 1e-13, 0.25, 1 - 1e-13, 1.0]
    binary("mse_loss", plain(F.mse_loss))
    binary("l1_loss", plain(F.l1_loss))
    for beta in (1.0, 2.5):
        binary("smooth_l1_loss", plain(F.smooth_l1_loss, beta=beta), beta=beta)
        binary("huber_loss", plain(F.huber_loss, delta=beta), delta=beta)
    binary("binary_cross_entropy", plain(F.binary_cross_entropy), probabilities, probabilities)
    with_logits = F.binary_cross_entropy_with_logits
    binary("binary_cross_entropy_with_logits", plain(with_logits), second=[0.0, 0.25, 1.0])
    ternary("binary_cross_entropy_with_logits_pos_weight",
            lambda x, t, w: with_logits(x, t, pos_weight=w, reduction="none"),
            PAIRS, [0.0, 0.25, 1.0], [0.0, 1.0, 3.0], fixed=(2,))
    rates = [0.0, 0.5, 1.0, math.nextafter(1, 2), 2.5, 1e3]
    binary("poisson_nll_loss", plain(F.poisson_nll_loss), second=rates)
    binary("poisson_nll_loss", plain(F.poisson_nll_loss, log_input=False), rates, rates, log_input=0)
    binary("poisson_nll_loss", plain(F.poisson_nll_loss, full=True), second=rates, fixed=(1,), full=1)
    variances = [0.0, 1e-7, 1e-6, 0.5, 1e3]
    for full in (0, 1):
        ternary("gaussian_nll_loss", plain(F.gaussian_nll_loss, full=bool(full)), PAIRS, PAIRS,
                variances, full=full)
    binary("kl_div", plain(F.kl_div), second=[0.0, 1e-300, 0.5, 1.0, inf, nan])
    binary("kl_div", plain(F.kl_div, log_target=True), log_target=1)
    binary("soft_margin_loss", plain(F.soft_margin_loss), second=[-1.0, 1.0], fixed=(1,))
    binary("hinge_embedding_loss", plain(F.hinge_embedding_loss), second=[-1.0, 1.0], fixed=(1,))
    ternary("margin_ranking_loss", plain(F.margin_ranking_loss), PAIRS, PAIRS, [-1.0, 1.0], fixed=(2,))
    ternary("margin_ranking_loss", plain(F.margin_ranking_loss, margin=1.0), PAIRS, PAIRS,
            [-1.0, 1.0], fixed=(2,), margin=1.0)


if __name__ == "__main__":
    print(f"# torch {torch.__version__}: function; parameters; dy; operands; value; gradients")
    activations()
    arithmetic()
    comparisons()
    losses()
