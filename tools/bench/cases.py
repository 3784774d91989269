"""What is compared: models, the batches and shapes they are fed, and the sets that compare.py --set names."""

import dataclasses
import typing

FORWARD, SGD, ADAM = "forward", "sgd", "adam"
OPTIMIZERS = {SGD: {"lr": 0.01, "momentum": 0.9}, ADAM: {"lr": 1e-3}}


@dataclasses.dataclass(frozen=True)
class Case:
    model: str
    batch: int
    task: str = FORWARD  # or a training step: forward, cross entropy, backward and that optimizer
    size: int = 0  # height and width of the images, where the model takes several

    @property
    def name(self):
        size = f" {self.size}x{self.size}" if self.size else ""
        return f"{self.model} b{self.batch}{size}"

    @property
    def trains(self):
        return self.task != FORWARD

    @property
    def what(self):
        return {FORWARD: "inference", SGD: "step, SGD momentum", ADAM: "step, Adam"}[self.task]


def _lenet():
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def _mlp():
    from torch import nn

    return nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))


def _recurrent(kind):
    from torch import nn

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = getattr(nn, kind)(128, 256, num_layers=2, batch_first=True)
            self.head = nn.Linear(256, 10)

        def forward(self, x):  # [N, 64, 128] -> [N, 10]
            return self.head(self.layers(x)[0][:, -1])

    return Classifier()


class Model(typing.NamedTuple):
    make: typing.Callable
    shape: tuple  # of one sample; None: [3, size, size]
    classes: int


MODELS = {
    "lenet": Model(_lenet, (1, 28, 28), 10),
    "mlp": Model(_mlp, (784,), 10),
    "lstm": Model(lambda: _recurrent("LSTM"), (64, 128), 10),
    "gru": Model(lambda: _recurrent("GRU"), (64, 128), 10),
}


def model_of(case):
    """The entry of MODELS, or torchvision's model of that name. Raises ImportError without torchvision."""
    if case.model in MODELS:
        return MODELS[case.model]
    import torchvision

    return Model(lambda: getattr(torchvision.models, case.model)(weights=None), None, 1000)


def sample_shape(case):
    return (case.batch, *(model_of(case).shape or (3, case.size, case.size)))


def make_module(case):
    """With weights from a fixed seed. Random layers are off in training, so that steps can be compared; the
    statistics of batch normalisation are made up, as those of a new model do nothing."""
    import torch

    torch.manual_seed(0)
    module = model_of(case).make()
    for layer in module.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return module.train(case.trains)


SETS = {
    "lenet": [Case("lenet", 1), Case("lenet", 64), Case("lenet", 64, SGD), Case("lenet", 64, ADAM)],
    "mlp": [Case("mlp", 1), Case("mlp", 128), Case("mlp", 128, SGD), Case("mlp", 128, ADAM)],
    "recurrent": [Case("lstm", 1), Case("lstm", 16), Case("lstm", 16, SGD), Case("lstm", 16, ADAM), Case("gru", 8, SGD)],
    "vision": [Case(name, 1, FORWARD, 224) for name in
               ("resnet18", "mobilenet_v2", "squeezenet1_1", "vgg11", "densenet121", "resnet50", "alexnet")]
    + [Case("resnet50", 8, FORWARD, 224), Case("resnet18", 8, SGD, 64), Case("resnet18", 8, ADAM, 64),
       Case("mobilenet_v2", 8, SGD, 64)],
}
THREADS = [Case("resnet50", 1, FORWARD, 224), Case("mobilenet_v2", 1, FORWARD, 224), Case("lenet", 64), Case("lstm", 16)]
RECIPE = "lenet"  # the set that also trains LeNet on the digits from beginning to end
