"""The networks that compare.py knows beside torchvision's, and how all of them get weights and inputs from a seed."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils import _pytree as pytree


class Classifier(nn.Module):
    """A recurrent layer over embedded words, read at its last step or, in two directions, by its final states."""

    def __init__(self, layer, bidirectional):
        super().__init__()
        self.words = nn.Embedding(50, 24, padding_idx=0)
        self.layer = layer(24, 20, num_layers=2, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(40 if bidirectional else 20, 5)

    def forward(self, words):  # [N, T] -> [N, 5]
        y, state = self.layer(self.words(words))
        if not self.layer.bidirectional:
            return self.head(y[:, -1])
        h = state[0] if isinstance(state, tuple) else state
        return self.head(torch.cat([h[-2], h[-1]], 1))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 12, 3, stride=2, padding=1), nn.BatchNorm2d(12), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(12, 20, 3, stride=2, padding=1), nn.GroupNorm(4, 20), nn.SiLU(), nn.Flatten(), nn.Linear(20 * 64, 16))
        self.decoder = nn.Sequential(
            nn.Linear(16, 20 * 64), nn.Unflatten(1, (20, 8, 8)), nn.ConvTranspose2d(20, 12, 3, stride=2, padding=1, output_padding=1),
            nn.BatchNorm2d(12), nn.ReLU(inplace=True), nn.ConvTranspose2d(12, 3, 4, stride=2, padding=1), nn.Sigmoid())

    def forward(self, x):
        code = self.encoder(x)
        return {"code": code, "image": self.decoder(code), "unused": None}


class UNet(nn.Module):
    def __init__(self):
        super().__init__()

        def twice(c, k):
            return nn.Sequential(nn.Conv2d(c, k, 3, padding=1, bias=False), nn.BatchNorm2d(k), nn.ReLU(inplace=True),
                                 nn.Conv2d(k, k, 3, padding=1, bias=False), nn.BatchNorm2d(k), nn.ReLU(inplace=True))

        self.down = nn.ModuleList([twice(3, 8), twice(8, 16), twice(16, 32)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(32, 16, 2, stride=2), nn.ConvTranspose2d(16, 8, 2, stride=2)])
        self.merge = nn.ModuleList([twice(32, 16), twice(16, 8)])
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        a = self.down[0](x)
        b = self.down[1](F.max_pool2d(a, 2))
        c = self.down[2](F.max_pool2d(b, 2))
        b = self.merge[0](torch.cat([self.up[0](c), b], 1))
        a = self.merge[1](torch.cat([self.up[1](b), a], 1))
        return self.head(a)


class Waves(nn.Module):
    """A 1d network with dilated causal convolutions, gates and residuals."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(2, 16, 1)
        self.convolutions = nn.ModuleList(nn.Conv1d(16, 32, 3, dilation=2**i) for i in range(4))
        self.norms = nn.ModuleList(nn.BatchNorm1d(16) for _ in range(4))
        self.head = nn.Conv1d(16, 7, 1)

    def forward(self, x):
        x = self.first(x)
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms)):
            value, gate = convolution(F.pad(x, (2 * 2**i, 0))).chunk(2, 1)
            x = norm(x + value.tanh() * gate.sigmoid())
        return F.adaptive_avg_pool1d(self.head(x), 1).squeeze(-1)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = (y.view(n, t, self.heads, c // self.heads).transpose(1, 2) for y in self.qkv(self.norm1(x)).split(c, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(y.transpose(1, 2).reshape(n, t, c))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Decoder with tied input and output embeddings."""

    def __init__(self, words=40, width=24, heads=3, context=16):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(3)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens):
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))
        return self.head(self.norm(self.blocks(x)))


class Encoder(nn.Module):
    """PyTorch's own transformer encoder with a padding mask, pooled over the words that are there."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(40, 24)
        layer = nn.TransformerEncoderLayer(24, 4, 48, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(24, 3)

    def forward(self, tokens):
        absent = tokens == 0
        y = self.encoder(self.words(tokens), src_key_padding_mask=absent)
        present = (~absent).unsqueeze(-1).to(y.dtype)
        return self.head((y * present).sum(1) / present.sum(1))


def tokens(batch, count, below):
    return torch.randint(1, below, (batch, count))


OWN = {
    **{f"{name}{'_bidirectional' if both else ''}":
       (lambda layer=layer, both=both: Classifier(layer, both), lambda n: tokens(n, 11, 50))
       for name, layer in (("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)) for both in (False, True)},
    "autoencoder": (Autoencoder, lambda n: torch.randn(n, 3, 32, 32)),
    "unet": (UNet, lambda n: torch.randn(n, 3, 36, 28)),
    "waves": (Waves, lambda n: torch.randn(n, 2, 53)),
    "gpt": (GPT, lambda n: tokens(n, 13, 40)),
    "encoder": (Encoder, lambda n: F.pad(tokens(n, 9, 40), (0, 3))),
}

VISION = """alexnet vgg11_bn resnet18 resnet50 squeezenet1_1 densenet121 mobilenet_v2 mobilenet_v3_small googlenet
inception_v3 shufflenet_v2_x1_0 efficientnet_b0 mnasnet1_0 regnet_y_400mf resnext50_32x4d wide_resnet50_2 convnext_tiny vit_b_16
swin_t swin_v2_t maxvit_t fcn_resnet50 deeplabv3_mobilenet_v3_large lraspp_mobilenet_v3_large""".split()
SIZES = {"inception_v3": (299, 299), "vit_b_16": (224, 224), "maxvit_t": (224, 224)}  # full and small
SEGMENTATION = ("fcn", "deeplab", "lraspp")


def _vision(name):
    import torchvision

    for outputs in (torchvision.models.GoogLeNetOutputs, torchvision.models.InceptionOutputs):
        if outputs not in pytree.SUPPORTED_NODES:
            pytree._register_namedtuple(outputs, serialized_type_name=outputs.__name__)  # else torch cannot save the export
    if name.startswith(SEGMENTATION):
        return getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None)
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return getattr(torchvision.models, name)(weights=None, **options)


def make(name, small, seed=0):
    """The module, with random weights and statistics, and a function from a batch size to an input."""
    torch.manual_seed(seed)
    if name in OWN:
        build, sample = OWN[name]
        module = build()
    else:
        module = _vision(name)
        size = SIZES.get(name, (96 if name.startswith(SEGMENTATION) else 224, 64))[small]
        sample = lambda n: torch.randn(n, 3, size, size)  # noqa: E731
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.1)
        if isinstance(layer, nn.Linear) and not layer.weight.any():  # such as the head of a vision transformer
            nn.init.normal_(layer.weight, 0, 0.02)
        # What is random in training cannot be compared.
        if isinstance(layer, nn.Dropout) or type(layer).__name__ == "StochasticDepth":
            layer.p = 0.0
    return module, sample
