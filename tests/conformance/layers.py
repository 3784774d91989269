"""Cases of torch.nn's layers beyond products, convolutions and pools, and their generator:
`python layers.py [GROUP...]` writes one zip a group as generate.py does."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

from cases import Lambda, image
from sequences import case as add_case, main


def cases(group, functions, *inputs, **options):
    """One case a function or module, over the same inputs."""
    options = {"static": False} | options
    for name, function in functions.items():
        add_case(group, name, function if isinstance(function, nn.Module) else Lambda(lambda _, *x, f=function: f(*x)),
                 *inputs, **options)


def affine(layer):
    """A layer whose weights are not the ones and zeros that it starts with."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return layer


def normalisation():
    cases("normalisation", {
        "batch_norm_eval": affine(nn.BatchNorm2d(6)), "group_norm": affine(nn.GroupNorm(3, 6)),
        "group_norm_one": affine(nn.GroupNorm(1, 6)), "group_norm_each": affine(nn.GroupNorm(6, 6)),
        "group_norm_plain": nn.GroupNorm(2, 6, affine=False),
        "instance_norm": nn.InstanceNorm2d(6), "instance_norm_affine": affine(nn.InstanceNorm2d(6, affine=True)),
        "layer_norm": affine(nn.LayerNorm(5)), "layer_norm_axes": affine(nn.LayerNorm((6, 7, 5))),
        "layer_norm_no_bias": affine(nn.LayerNorm(5, bias=False)), "layer_norm_plain": nn.LayerNorm(5, elementwise_affine=False),
        "rms_norm": affine(nn.RMSNorm(5)), "rms_norm_axes": affine(nn.RMSNorm((7, 5), eps=1e-3)),
        "local_response_norm": nn.LocalResponseNorm(3, alpha=0.1),
        "normalize": lambda x: F.normalize(x, dim=1), "normalize_1": lambda x: F.normalize(x, p=1.0, dim=-1),
    }, image(3, 6, 7, 5))
    cases("normalisation", {"batch_norm_train": affine(nn.BatchNorm2d(6)), "batch_norm_cumulative": affine(nn.BatchNorm2d(6, momentum=None)),
                            "batch_norm_untracked": affine(nn.BatchNorm2d(6, track_running_stats=False)),
                            "instance_norm_tracked": affine(nn.InstanceNorm2d(6, affine=True, track_running_stats=True))},
          image(3, 6, 4, 5), train=True)
    cases("normalisation", {"batch_norm_1d": affine(nn.BatchNorm1d(6))}, torch.randn(4, 6))
    cases("normalisation", {"instance_norm_tracked_eval": affine(nn.InstanceNorm2d(6, track_running_stats=True))}, image(3, 6, 4, 5))


def padding():
    x = image(2, 3, 6, 5)
    cases("padding", {
        "reflect": nn.ReflectionPad2d((1, 2, 3, 0)), "replicate": nn.ReplicationPad2d((1, 2, 0, 3)),
        "circular": nn.CircularPad2d((1, 2, 3, 0)), "zero": nn.ZeroPad2d((1, -1, 0, 2)), "constant": nn.ConstantPad2d(1, 0.7),
        "conv_reflect": nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
        "conv_replicate": nn.Conv2d(3, 4, 3, padding=(2, 1), padding_mode="replicate", stride=2),
        "conv_circular": nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"),
        "conv_reflect_same": nn.Conv2d(3, 4, 4, padding="same", padding_mode="reflect"),
    }, x)
    line = torch.randn(2, 3, 7)
    cases("padding", {"reflect_1d": nn.ReflectionPad1d((3, 2)), "replicate_1d": nn.ReplicationPad1d((3, 2)),
                      "circular_1d": nn.CircularPad1d((3, 2)),
                      "conv1d_circular": nn.Conv1d(3, 4, 3, padding=2, padding_mode="circular")}, line)
    cases("padding", {"reflect_3d": nn.ReflectionPad3d(1), "replicate_3d": nn.ReplicationPad3d(1)}, torch.randn(2, 2, 3, 4, 3))


def adaptive_pools():
    cases("adaptive_pools", {
        "avg": nn.AdaptiveAvgPool2d((3, 2)), "avg_larger": nn.AdaptiveAvgPool2d((9, 4)), "avg_none": nn.AdaptiveAvgPool2d((None, 3)),
        "avg_one": nn.AdaptiveAvgPool2d(1), "avg_same": nn.AdaptiveAvgPool2d((7, 5)), "max": nn.AdaptiveMaxPool2d((3, 2)),
        "max_one": nn.AdaptiveMaxPool2d(1), "max_larger": nn.AdaptiveMaxPool2d((9, 4)),
        "lp": nn.LPPool2d(2, 2),
    }, image(2, 3, 7, 5))
    cases("adaptive_pools", {"avg_1d": nn.AdaptiveAvgPool1d(4), "max_1d": nn.AdaptiveMaxPool1d(4)}, torch.randn(2, 3, 7))
    cases("adaptive_pools", {"avg_divides": nn.AdaptiveAvgPool2d((3, 2)), "max_divides": nn.AdaptiveMaxPool2d((3, 2))}, image(2, 3, 6, 4))
    cases("adaptive_pools", {"avg_3d": nn.AdaptiveAvgPool3d((2, 3, 2))}, torch.randn(2, 2, 3, 5, 4))


def rearrangement():
    x = image(2, 8, 3, 4)
    cases("rearrangement", {
        "pixel_shuffle": nn.PixelShuffle(2), "pixel_unshuffle": Lambda(lambda m, x: m.u(x[:, :, :2]), u=nn.PixelUnshuffle(2)),
        "channel_shuffle": nn.ChannelShuffle(4), "flip": lambda x: x.flip((1, 3)), "roll": lambda x: x.roll((1, -2), (2, 3)),
        "roll_flat": lambda x: x[0].roll(5) + x.sum(), "repeat": lambda x: x.repeat(1, 2, 1, 3) * 2,
        "repeat_new_axis": lambda x: x.repeat(3, 1, 1, 1, 2), "repeat_interleave": lambda x: x.repeat_interleave(3, dim=2),
        "tile": lambda x: x.tile((1, 2, 1, 1)), "expand_as": lambda x: x[:, :1].expand_as(x) * x,
        "broadcast_to": lambda x: x[:, :1].broadcast_to(x.shape) * x, "tril": lambda x: x.tril(), "triu": lambda x: x.triu(1),
        "tril_below": lambda x: x.tril(-1), "unfold_axis": lambda x: x.unfold(3, 2, 1) * 2, "unflatten": nn.Unflatten(1, (2, 4)),
        "movedim": lambda x: x.movedim(1, 3) * 2, "rot90": lambda x: x.rot90(1, (2, 3)), "diagonal": lambda x: x.diagonal(0, 2, 3) * 2,
        "unbind": lambda x: torch.stack(x.unbind(1)[:3], 1), "hstack": lambda x: torch.hstack([x, x * 2]),
        "tensor_split": lambda x: x.tensor_split(3, 1)[1] * 2, "narrow": lambda x: x.narrow(1, 2, 3) * 2,
        "swapaxes": lambda x: x.swapaxes(1, 2) * 2, "squeeze_all": lambda x: x[:, :1].squeeze() * 2,
        "masked_fill": lambda x: x.masked_fill(x > 0.5, -3.0), "where_scalar": lambda x: torch.where(x > 0, x, 0.5),
        "unfold_im2col": nn.Unfold(2, padding=1), "fold": Lambda(lambda m, x: m.f(m.u(x)), u=nn.Unfold(2), f=nn.Fold((3, 4), 2)),
    }, x)


def resampling():
    x = image(2, 3, 5, 4)
    cases("resampling", {
        "nearest": nn.Upsample(scale_factor=2), "nearest_size": nn.Upsample(size=(7, 9)), "nearest_down": nn.Upsample(size=(3, 2)),
        "nearest_exact": nn.Upsample(size=(7, 9), mode="nearest-exact"),
        "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"), "bilinear_size": nn.Upsample(size=(7, 9), mode="bilinear"),
        "bilinear_corners": nn.Upsample(size=(9, 7), mode="bilinear", align_corners=True),
        "bilinear_down": nn.Upsample(size=(3, 3), mode="bilinear"),
        "interpolate_fraction": lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"),
        "bicubic": nn.Upsample(scale_factor=2, mode="bicubic"),
    }, x)
    cases("resampling", {"linear_1d": nn.Upsample(scale_factor=2, mode="linear"), "nearest_1d": nn.Upsample(scale_factor=3)},
          torch.randn(2, 3, 5))
    cases("resampling", {"nearest_3d": nn.Upsample(scale_factor=2), "trilinear": nn.Upsample(scale_factor=2, mode="trilinear")},
          torch.randn(2, 2, 2, 3, 2))


def statistics():
    x = torch.randn(3, 4, 5)
    cases("statistics", {
        "max": lambda x: x.max(), "max_dim": lambda x: x.max(1)[0], "max_dim_both": lambda x: x.max(-1, keepdim=True),
        "min_dim_both": lambda x: x.min(1), "amax": lambda x: x.amax((1, 2)), "amin": lambda x: x.amin(1, keepdim=True),
        "argmax": lambda x: x.argmax(1), "argmax_flat": lambda x: (x[0].argmax(), x.sum()), "argmin": lambda x: x.argmin(2, keepdim=True),
        "var": lambda x: x.var(1), "var_all": lambda x: x[0].var() + x.sum() * 0, "std": lambda x: x.std((1, 2), keepdim=True),
        "std_population": lambda x: x.std(-1, correction=0), "var_mean": lambda x: torch.var_mean(x, 1),
        "norm": lambda x: x.norm(dim=1), "norm_1": lambda x: x.norm(p=1, dim=(1, 2)), "norm_3": lambda x: torch.linalg.vector_norm(x, 3, -1),
        "norm_infinity": lambda x: x.norm(p=float("inf"), dim=1), "prod": lambda x: x.prod(1), "logsumexp": lambda x: x.logsumexp(1),
        "cumsum": lambda x: x.cumsum(1), "cumsum_last": lambda x: x.cumsum(-1), "cumprod": lambda x: (x.abs() + 0.5).cumprod(1),
        "any_all": lambda x: ((x > 2).any(1), (x > -2).all(2), x * 2), "count": lambda x: ((x > 0).sum(1), x * 2),
        "median": lambda x: x.median(-1)[0],
        "topk": lambda x: x.topk(2, 1), "topk_smallest": lambda x: x.topk(3, -1, largest=False), "sort": lambda x: x.sort(1),
        "sort_descending": lambda x: x.sort(-1, descending=True), "argsort": lambda x: (x.argsort(1), x * 2),
        "nan_to_num": lambda x: torch.nan_to_num(x), "std_mean": lambda x: torch.std_mean(x, 2),
    }, x)


def attention():
    q, k, v = torch.randn(2, 3, 4, 8), torch.randn(2, 3, 5, 8), torch.randn(2, 3, 5, 6)
    cases("attention", {
        "plain": lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
        "scale": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.3),
        "causal": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        "mask": Lambda(lambda m, q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=m.bias), bias=nn.Parameter(torch.randn(4, 5))),
        "bool_mask": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=torch.ones(4, 5, dtype=torch.bool).tril(1)),
    }, q, k, v)

    class SelfAttention(nn.Module):
        def __init__(self, **options):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.options = options

        def forward(self, x):
            y, weights = self.attention(x, x, x, **self.options)
            return y if weights is None else (y, weights)

    x = torch.randn(2, 5, 8)
    causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    cases("attention", {
        "multihead": SelfAttention(), "multihead_no_weights": SelfAttention(need_weights=False),
        "multihead_causal": SelfAttention(attn_mask=causal),
        "multihead_cross": Lambda(lambda m, x: m.a(x[:, :2], x, x * 2)[0], a=nn.MultiheadAttention(8, 4, batch_first=True, kdim=8, vdim=8)),
        "encoder_layer": nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        "encoder_layer_norm_first": nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, activation="gelu"),
        "decoder_layer": Lambda(lambda m, x: m.d(x[:, :3], x), d=nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)),
    }, x)
    cases("attention", {"encoder_layer_train": nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)}, x, train=True)


def distances():
    x, y = torch.randn(4, 6), torch.randn(4, 6)
    cases("distances", {
        "cosine_similarity": nn.CosineSimilarity(), "pairwise_distance": nn.PairwiseDistance(),
        "pairwise_distance_1": nn.PairwiseDistance(p=1, keepdim=True),
        "bilinear": nn.Bilinear(6, 6, 3), "outer": lambda x, y: torch.einsum("bi,bj->bij", x, y),
        "einsum": lambda x, y: torch.einsum("bi,ci->bc", x, y), "dot": lambda x, y: torch.dot(x[0], y[1]) + x.sum(),
        "baddbmm": lambda x, y: torch.baddbmm(x[:, :, None], y[:, :, None], x[:, None, :1]),
        "hypot": lambda x, y: (x * x + y * y).sqrt(),
    }, x, y)


def more_losses():
    x, y = torch.randn(4, 6), torch.randn(4, 6)
    p, t = torch.rand(4, 6) * 0.9 + 0.05, torch.rand(4, 6)
    sign = torch.where(torch.randn(4) > 0, 1.0, -1.0)
    for reduction in ("mean", "sum", "none"):
        cases("more_losses", {f"{name}_{reduction}": loss(reduction=reduction) for name, loss in {
            "l1": nn.L1Loss, "smooth_l1": nn.SmoothL1Loss, "huber": nn.HuberLoss,
        }.items()}, x, y)
        cases("more_losses", {f"bce_{reduction}": nn.BCELoss(reduction=reduction)}, p, t)
        cases("more_losses", {f"bce_with_logits_{reduction}": nn.BCEWithLogitsLoss(reduction=reduction)}, x, t)
    cases("more_losses", {
        "smooth_l1_beta": nn.SmoothL1Loss(beta=0.3), "huber_delta": nn.HuberLoss(delta=0.4),
        "poisson": nn.PoissonNLLLoss(),
    }, x, y)
    cases("more_losses", {"bce_weight": nn.BCELoss(torch.rand(6)), }, p, t)
    cases("more_losses", {"bce_with_logits_pos_weight": nn.BCEWithLogitsLoss(pos_weight=torch.rand(6) + 0.5),
                          "bce_with_logits_weight": nn.BCEWithLogitsLoss(weight=torch.rand(6))}, x, t)
    cases("more_losses", {"kl": Lambda(lambda _, x, t: F.kl_div(x.log_softmax(1), t, reduction="batchmean")),
                          "kl_log": Lambda(lambda _, x, t: F.kl_div(x.log_softmax(1), t.log_softmax(1), log_target=True, reduction="sum"))}, x, t)
    cases("more_losses", {"hinge_embedding": Lambda(lambda _, x, s: F.hinge_embedding_loss(x[:, 0], s)),
                          "cosine_embedding": Lambda(lambda _, x, s: F.cosine_embedding_loss(x, x.roll(1, 0), s)),
                          "margin_ranking": Lambda(lambda _, x, s: F.margin_ranking_loss(x[:, 0], x[:, 1], s, margin=0.2))}, x, sign)
    cases("more_losses", {"triplet": Lambda(lambda _, x, y: F.triplet_margin_loss(x, y, x.flip(1)))}, x, y)
    cases("more_losses", {"soft_margin": Lambda(lambda _, x, y: F.soft_margin_loss(x, (y > 0) * 2.0 - 1))}, x, y)
    classes = torch.tensor([2, 0, 5, 1])
    cases("more_losses", {"multi_margin": nn.MultiMarginLoss(), "nll": Lambda(lambda _, x, c: F.nll_loss(x.log_softmax(1), c))}, x, classes)
    cases("more_losses", {"multilabel_soft_margin": nn.MultiLabelSoftMarginLoss()}, x, (t > 0.5).float())


GROUPS = {group.__name__: group for group in (normalisation, padding, adaptive_pools, rearrangement, resampling, statistics,
                                              attention, distances, more_losses)}

if __name__ == "__main__":
    main(GROUPS, sys.argv[1:])
