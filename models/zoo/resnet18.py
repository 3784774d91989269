"""torchvision's ResNet-18 for 28x28 digits, exported in train mode with a batch of any size from 1 to 256.

  python resnet18.py FILE.pt2 [FROZEN...]        (needs torch and torchvision)

FROZEN names parts that training leaves alone, running statistics included: conv1 bn1 layer1 layer2 layer3 layer4.
"""

import sys

import torch
from torchvision.models.resnet import BasicBlock, ResNet

from export import save


class ResNet18(ResNet):
    def __init__(self):
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=10)

    def forward(self, x):  # [N, 1, 28, 28] -> logits [N, 10]
        return super().forward(x.expand(-1, 3, -1, -1))


def main(path, *frozen):
    torch.manual_seed(0)
    model = ResNet18().train()
    for part in frozen:
        model.get_submodule(part).requires_grad_(False).eval()
    batch = torch.export.Dim("N", min=1, max=256)
    program = torch.export.export(model, (torch.zeros(2, 1, 28, 28),), dynamic_shapes=({0: batch},))
    save(program, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
