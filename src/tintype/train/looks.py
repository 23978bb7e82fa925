"""Looks: now and then the averaged generator colors held-out pictures, to be seen and scored."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tintype import files
from tintype.data.source import Source
from tintype.errors import DataError
from tintype.nn.generators import Generator
from tintype.nn.lab import rgb_u8_from_lab
from tintype.nn.spaces import Colors

SHEET_PICTURES = 24
SHEET_COLUMNS = 8
STRIP_LOOKS = 10
GAP_PX = 6
LOOK_BATCH = 16


def held_out(source: Source, numbers: list[int], px: int) -> Tensor:
    """(N, C, px, px) uint8: the middle of each picture that can be read, as the source has it."""
    views = []
    for index in numbers:
        try:
            view = source.view(index, load_px=px, crop_px=px)
        except (DataError, OSError):
            continue
        top, left = (view.shape[0] - px) // 2, (view.shape[1] - px) // 2
        views.append(view[top : top + px, left : left + px].transpose(2, 0, 1))
    if not views:
        raise DataError(f"{source.name(numbers[0])}: none of the pictures to look at can be read.")
    return torch.from_numpy(np.stack(views))


@torch.no_grad()
def color(g: Generator, l: Tensor, autocast: Callable[[], AbstractContextManager[Any]]) -> Tensor:
    """The `ab` (N, 2, H, W) that a generator makes of `l` (N, 1, H, W), in Lab units."""
    was_training = g.training
    g.eval()
    colors = Colors(g, g.space, autocast)
    made = [colors(part) for part in torch.split(l, LOOK_BATCH)]
    g.train(was_training)
    return torch.cat(made)


def write_look(folder: Path, images: int, l: Tensor, made_ab: Tensor, lab: Tensor) -> Path:
    """Write a look's sheet: gray, made and true, one below the other. Gives its path."""
    n = min(SHEET_PICTURES, len(l))
    gray = torch.cat([l[:n], torch.zeros_like(made_ab[:n])], 1)
    made = torch.cat([l[:n], made_ab[:n]], 1)
    path = folder / f"{images:09d}.jpg"
    write_sheet(path, [rgb_u8_from_lab(view) for view in (gray, made, lab[:n])])
    return path


def write_sheet(path: Path, rows: list[Tensor], columns: int = SHEET_COLUMNS) -> None:
    """A contact sheet: for each picture its views one below the other, `columns` pictures wide."""
    views = torch.stack(rows, 1).permute(0, 1, 3, 4, 2).cpu().numpy()  # picture, view, H, W, 3
    count, kinds, height, width, _ = views.shape
    lines = -(-count // columns)
    sheet = np.full((lines * (kinds * height + GAP_PX), columns * width, 3), 255, np.uint8)
    for i in range(count):
        top, left = (i // columns) * (kinds * height + GAP_PX), (i % columns) * width
        sheet[top : top + kinds * height, left : left + width] = views[i].reshape(-1, width, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    _save(Image.fromarray(sheet), path)


def forget_after(images: int, sheets: Path, checkpoints: Path) -> None:
    """Remove looks that a crash left behind: those of more than so many images."""
    for look in [*sheets.glob("*.jpg"), *checkpoints.glob("look-*.pt")]:
        number = look.stem.removeprefix("look-")
        if number.isdigit() and int(number) > images:
            look.unlink()


def write_strip(sheets: Path, path: Path, pictures: int) -> None:
    """How pictures changed: a line for each, the looks from left to right, the truth at the end.

    Reads the sheets that `write_look` wrote, some of them where there are many.
    """
    looks = sorted(p for p in sheets.glob("*.jpg") if re.fullmatch(r"\d+", p.stem))
    if len(looks) > STRIP_LOOKS:
        looks = [looks[i] for i in np.linspace(0, len(looks) - 1, STRIP_LOOKS).round().astype(int)]
    columns: list[Image.Image] = []
    for look in looks:
        with Image.open(look) as sheet:
            px = sheet.width // SHEET_COLUMNS
            columns.append(sheet.crop((0, px, sheet.width, 2 * px)))
            truth = sheet.crop((0, 2 * px, sheet.width, 3 * px))
    columns.append(truth)
    px, n = columns[0].height, min(pictures, SHEET_COLUMNS)
    strip = Image.new("RGB", (len(columns) * px + GAP_PX, n * px), "white")
    for x, column in enumerate(columns):
        left = x * px + (GAP_PX if x == len(columns) - 1 else 0)
        for y in range(n):
            strip.paste(column.crop((y * px, 0, (y + 1) * px, px)), (left, y * px))
    _save(strip, path)


def _save(image: Image.Image, path: Path) -> None:
    with (
        files.replacing(path, overwrite=True) as descriptor,
        os.fdopen(descriptor, "wb", closefd=False) as file,
    ):
        image.save(file, "PNG" if path.suffix == ".png" else "JPEG", quality=88)
