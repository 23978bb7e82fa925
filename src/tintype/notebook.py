"""For notebooks: pictures, the GAN and a look at the result, under the names of the tutorials.

The networks, the pictures and the units are those of `tintype train`, which also resumes, measures
and exports. Here every line of the training can be seen and changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from tintype.data.files import FileSource
from tintype.data.loader import Crops
from tintype.data.open import open_sources
from tintype.errors import DataError, TrainingDiverged
from tintype.nn.discriminators import PatchDiscriminator
from tintype.nn.lab import lab_from_rgb, rgb_u8_from_lab
from tintype.nn.spaces import Space, chroma_of, color_of, gray_of
from tintype.nn.unet import SimpleUNet
from tintype.train.views import l_and_lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "DataGenerator",
    "PatchDiscriminator",
    "SimpleUNet",
    "get_nth_image",
    "train_gan",
    "visualize_nth_image",
]

Pair = tuple[Tensor, Tensor]


class _InOrder(Crops):
    """Crops by position, of the pictures as they stand: the loader does the shuffling."""

    def index(self, position: int, attempt: int = 0) -> int:
        return int(self.keep[(position + attempt) % len(self.keep)])


class DataGenerator(Dataset[Pair]):
    """Pictures as (gray, color), for a DataLoader.

    `pictures` is a folder, or whatever else `tintype train --data` takes, or a list of picture
    files. Each is shrunk to a short side of `size_px`, cropped to a square at random and mirrored
    or not; `set_epoch` draws anew, and the same seed gives the same pictures. `space` is the
    generator's: for `ab`, gray (1, size, size) is L / 50 - 1 and color (2, size, size) is ab / 110;
    for `rgb` they are the gray picture and RGB (3, size, size), in [0, 1].

    Raises DataError where there are no pictures, or none that can be read.
    """

    def __init__(
        self,
        pictures: str | Path | Sequence[str | Path],
        size_px: int = 256,
        *,
        space: Space = "ab",
        seed: int = 0,
    ) -> None:
        if isinstance(pictures, str | Path):
            source = open_sources([Path(pictures)])
        elif pictures:
            source = FileSource([Path(file) for file in pictures])
        else:
            raise DataError("The list of pictures is empty.")
        self.space = space
        self._form = source.form
        self._epoch = 0
        keep = np.arange(len(source))
        self._crops = _InOrder(source, keep, seed=seed, load_px=size_px, crop_px=size_px)

    def __len__(self) -> int:
        return len(self._crops.keep)

    def __getitem__(self, index: int) -> Pair:
        if not 0 <= index < len(self):
            raise IndexError(f"there is no picture {index}: there are {len(self)}, from 0 on")
        crop, _ = self._crops[self._epoch * len(self) + index]
        l, lab = l_and_lab(self._form, crop[None])
        return gray_of(self.space, l)[0], color_of(self.space, lab)[0]

    def set_epoch(self, epoch: int) -> None:
        """Draw crops and mirrorings anew; `train_gan` does so by itself."""
        self._epoch = epoch


def train_gan(
    generator: nn.Module,
    discriminator: nn.Module,
    train_dl: DataLoader[Pair],
    opt_G: Optimizer,  # noqa: N803
    opt_D: Optimizer,  # noqa: N803
    criterion_GAN: nn.Module,  # noqa: N803
    criterion_L1: nn.Module,  # noqa: N803
    device: torch.device | str,
    epochs: int = 20,
    lambda_L1: float = 100,  # noqa: N803
) -> dict[str, list[float]]:
    """Train a conditional GAN (Isola et al. 2017); gives the mean losses of every epoch.

    The discriminator is called with (gray, color) and its verdict goes into `criterion_GAN` with
    ones or zeros of the same shape: logits and `nn.BCEWithLogitsLoss()`, for the networks here. The
    losses are `d`, `adversarial` and `l1`, the last without its weight. Raises DataError where the
    loader gives no batch, TrainingDiverged where a loss is no longer a number.
    """
    generator.to(device).train()
    discriminator.to(device).train()
    history: dict[str, list[float]] = {"d": [], "adversarial": [], "l1": []}
    for epoch in range(epochs):
        if isinstance(train_dl.dataset, DataGenerator):
            train_dl.dataset.set_epoch(epoch)
        of_epoch: dict[str, list[float]] = {name: [] for name in history}
        for batch in tqdm(train_dl, desc=f"epoch {epoch + 1} of {epochs}", leave=False):
            gray, real = (part.to(device) for part in batch)
            fake = generator(gray)

            # the discriminator learns to tell real pairs from made ones
            discriminator.requires_grad_(True)
            on_real, on_fake = discriminator(gray, real), discriminator(gray, fake.detach())
            loss_d = 0.5 * (
                criterion_GAN(on_real, torch.ones_like(on_real))
                + criterion_GAN(on_fake, torch.zeros_like(on_fake))
            )
            opt_D.zero_grad()
            loss_d.backward()
            opt_D.step()

            # the generator learns to pass for real, and to stay near the truth
            discriminator.requires_grad_(False)
            verdict = discriminator(gray, fake)
            loss_adversarial = criterion_GAN(verdict, torch.ones_like(verdict))
            loss_l1 = criterion_L1(fake, real)
            loss_g = loss_adversarial + lambda_L1 * loss_l1
            opt_G.zero_grad()
            loss_g.backward()
            opt_G.step()

            losses = {"d": loss_d, "adversarial": loss_adversarial, "l1": loss_l1}
            for name, loss in losses.items():
                of_epoch[name].append(float(loss.detach()))
                if not math.isfinite(of_epoch[name][-1]):
                    raise TrainingDiverged(
                        f"The loss {name} became {of_epoch[name][-1]} in epoch {epoch + 1}.",
                        hint="Lower the learning rates.",
                    )
        if not of_epoch["d"]:
            raise DataError(
                "The loader gives no batch.",
                hint="With drop_last there must be as many pictures as a batch holds.",
            )
        for name, values in of_epoch.items():
            history[name].append(sum(values) / len(values))
    discriminator.requires_grad_(True)
    return history


def get_nth_image(data_loader: DataLoader[Pair], n: int) -> Pair:
    """The n-th pair of a loader's pictures, from 0 on: gray (1, H, W) and color (C, H, W).

    Raises DataError where there are fewer.
    """
    pictures = data_loader.dataset
    count = len(pictures)  # type: ignore[arg-type]
    if not 0 <= n < count:
        raise DataError(f"There is no picture {n}: there are {count}, from 0 on.")
    return pictures[n]


def visualize_nth_image(
    generator: nn.Module, data_loader: DataLoader[Pair], n: int, device: torch.device | str
) -> Figure:
    """The n-th picture in gray, in truth and as generated, side by side.

    The generated colors lie over the light of the gray picture, as in `tintype colorize`. Raises
    DataError where there are fewer pictures.
    """
    from matplotlib import pyplot

    gray, truth = (part[None].to(device) for part in get_nth_image(data_loader, n))
    space: Space = "ab" if truth.shape[1] == 2 else "rgb"
    training = generator.training
    generator.to(device).eval()
    with torch.no_grad():
        made = generator(gray)
    generator.train(training)

    l = 50 * (gray + 1) if space == "ab" else lab_from_rgb(gray.expand(-1, 3, -1, -1))[:, :1]
    shown = {
        "gray": torch.zeros_like(l).expand(-1, 2, -1, -1),
        "truth": chroma_of(space, truth),
        "generated": chroma_of(space, made.float()),
    }
    figure, axes = pyplot.subplots(
        1, len(shown), figsize=(4 * len(shown), 4.4), layout="constrained"
    )
    for axis, (title, ab) in zip(axes, shown.items(), strict=True):
        picture = rgb_u8_from_lab(torch.cat([l, ab], 1))[0]
        axis.imshow(picture.permute(1, 2, 0).cpu().numpy())
        axis.set_title(title)
        axis.axis("off")
    pyplot.close(figure)  # a notebook shows what a cell gives; open, it would show it twice
    return figure
