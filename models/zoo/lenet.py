"""LeNet for 28x28 digits, exported to lenet.pt2 with a batch of any size from 1 to 1024.

  python lenet.py [lenet.pt2]
"""

import sys

import torch
from torch import nn

from export import save


class LeNet(nn.Module):
    """LeCun et al., Gradient-based learning applied to document recognition, 1998, with relu and max pooling."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):  # [N, 1, 28, 28] -> logits [N, 10]
        x = self.pool(self.relu(self.conv1(x)))  # [N, 6, 14, 14]
        x = self.pool(self.relu(self.conv2(x)))  # [N, 16, 5, 5]
        x = self.flatten(x)
        x = self.relu(self.fc1(x))
        x = self.relu(self.fc2(x))
        return self.fc3(x)


def main(path="lenet.pt2"):
    torch.manual_seed(0)
    batch = torch.export.Dim("N", min=1, max=1024)
    program = torch.export.export(LeNet(), (torch.zeros(2, 1, 28, 28),), dynamic_shapes=({0: batch},))
    save(program, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
