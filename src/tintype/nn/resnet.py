"""ResNet over gray pictures (He et al. 2016), under the names that torchvision and timm give."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tintype.recipe.networks import ResNetDepth

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
BLOCKS: dict[ResNetDepth, tuple[int, int, int, int]] = {
    18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3),
}  # fmt: skip
"""Blocks of each of the four layers; from 50 on they are bottlenecks."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the way around them."""

    expansion = 1

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _around(channels_in, width * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """Narrow, filter at the block's stride (as torchvision, "v1.5"), widen; the way around."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        wide = width * self.expansion
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.downsample = _around(channels_in, wide, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """ResNet without its classifier, over gray pictures.

    Takes the picture (N, 1, H, W) as sRGB gray in [0, 1]; gives five feature maps, at 1/2 to 1/32
    of the size (`channels` wide). The gray enters as three equal channels with ImageNet's
    normalization, inside: folding it into one channel would leave a frame around the features,
    because the convolution's zeros at the border are zeros after normalization.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, depth: ResNetDepth, *, frozen_norm: bool = False) -> None:
        super().__init__()
        block = BasicBlock if depth < 50 else Bottleneck
        self.frozen_norm = frozen_norm
        self.channels = (64, *(64 * 2**i * block.expansion for i in range(4)))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        layers, channels_in = [], 64
        for i, count in enumerate(BLOCKS[depth]):
            blocks = []
            for j in range(count):
                blocks.append(block(channels_in, 64 * 2**i, 2 if i > 0 and j == 0 else 1))
                channels_in = 64 * 2**i * block.expansion
            layers.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = layers
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if frozen_norm:
            self.freeze_norm()

    def freeze_norm(self) -> None:
        """Weights and biases of all batch norms take no gradient."""
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.requires_grad_(False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        x = F.relu(self.bn1(self.conv1((picture - self.mean) / self.std)))
        taps = [x]
        x = F.max_pool2d(x, 3, 2, 1)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            taps.append(x)
        return taps

    def train(self, mode: bool = True) -> ResNet:
        """Frozen norms keep their statistics: those of a small batch are noise."""
        super().train(mode)
        if self.frozen_norm:
            for module in self.modules():
                if isinstance(module, _BatchNorm):  # the synchronized kind too
                    module.eval()
        return self

    def load_pretrained(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the weights of torchvision's or timm's ResNet by name, its classifier aside.

        Raises KeyError or RuntimeError where a tensor is missing, too many, or of another shape.
        """
        own = dict(self.state_dict())
        for name in weights:
            if name not in own and not name.startswith("fc."):
                raise KeyError(f"{name} is not in this network")
        for name in own:
            if name in weights or not name.endswith("num_batches_tracked"):  # old files lack it
                own[name] = weights[name].to(own[name].dtype)
        self.load_state_dict(own)


def _around(channels_in: int, channels_out: int, stride: int) -> nn.Sequential | None:
    """The way around a block that changes the shape."""
    if stride == 1 and channels_in == channels_out:
        return None
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
    )
