"""Looks: now and then the averaged generator colors held-out pictures, to be seen and scored."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tintype.data.color_torch import lab_from_rgb_u8, rgb_u8_from_lab
from tintype.data.loader import decode
from tintype.data.source import Source
from tintype.errors import DataError

SHEET_PICTURES = 24
LOOK_BATCH = 16


def look_set(source: Source, numbers: list[int], px: int) -> Tensor:
    """(N, 3, px, px) uint8: the middle of each picture that can be read."""
    views = []
    for index in numbers:
        try:
            image = decode(source.read(index), load_px=px, crop_px=px, name=source.name(index))
        except DataError:
            continue
        left, top = (image.width - px) // 2, (image.height - px) // 2
        views.append(np.asarray(image.crop((left, top, left + px, top + px))).transpose(2, 0, 1))
    if not views:
        raise DataError(f"{source.name(numbers[0])}: none of the pictures to look at can be read.")
    return torch.from_numpy(np.stack(views))


@torch.no_grad()
def look(
    g: nn.Module, rgb: Tensor, sheet: Path, autocast: Callable[[], AbstractContextManager[Any]]
) -> dict[str, float]:
    """Color `rgb`'s luminance, write a sheet (gray, made, true), give the scores.

    Only the network runs under `autocast`: Lab in bfloat16 would be off by half a unit.

    `l1`: mean absolute error of a and b, in Lab units. `chroma`: mean chroma made over mean chroma
    true: below 1 is grayer than the truth.
    """
    was_training = g.training
    g.eval()
    made = []
    l, ab = lab_from_rgb_u8(rgb)
    for first in range(0, len(l), LOOK_BATCH):
        with autocast():
            made.append(g(l[first : first + LOOK_BATCH]).float())
    made_ab = torch.cat(made)
    g.train(was_training)
    n = min(SHEET_PICTURES, len(rgb))
    gray = rgb_u8_from_lab(l[:n], torch.zeros_like(ab[:n]))
    write_sheet(sheet, [gray, rgb_u8_from_lab(l[:n], made_ab[:n]), rgb[:n]])
    chroma = made_ab.norm(dim=1).mean() / ab.norm(dim=1).mean()
    return {"l1": float((made_ab - ab).abs().mean()), "chroma": float(chroma)}


def write_sheet(path: Path, rows: list[Tensor], columns: int = 8) -> None:
    """A contact sheet: for each picture its views one below the other, `columns` pictures wide."""
    views = torch.stack(rows, 1).permute(0, 1, 3, 4, 2).cpu().numpy()  # picture, view, H, W, 3
    count, kinds, height, width, _ = views.shape
    lines = -(-count // columns)
    sheet = np.full((lines * (kinds * height + 6), columns * width, 3), 255, np.uint8)
    for i in range(count):
        top, left = (i // columns) * (kinds * height + 6), (i % columns) * width
        sheet[top : top + kinds * height, left : left + width] = views[i].reshape(-1, width, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path, quality=88)
