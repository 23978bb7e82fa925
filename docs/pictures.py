"""Make the pictures of these pages with the model in the package: `python docs/pictures.py`.

`images/before-after.jpg` shows old photographs, whose colors nobody knows; `images/known.jpg` shows
photographs whose colors are known (they come with scikit-image), all of them, the worst last.
`images/old-look.jpg` shows what training makes of photographs so that they look old, at the size
that a network sees, and old ones at that size below. `images/variants.jpg`, `images/reference.jpg`
and `images/hints.jpg` are those of the gallery.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps
from skimage import color, data

from tintype import Colorizer, Hints, Photo, Point
from tintype.data.old_look import ages, make_old
from tintype.nn.lab import gray_from_l, lab_from_rgb_u8

IMAGES = Path(__file__).with_name("images")
OLD = (
    "lange-nipomo-mother-1936",  # Dorothea Lange for the Farm Security Administration
    "adams-tetons-snake-river-1942",  # Ansel Adams for the National Park Service
    "saratoga-broadway-1900s",  # Detroit Publishing Co.
    "buffalo-bank-1908",  # Detroit Publishing Co.
)
KNOWN = ("astronaut", "chelsea", "coffee", "rocket")
HEIGHT_PX, GAP_PX = 360, 8
AGED_PX = 192


def beside(views: list[Image.Image]) -> Image.Image:
    """Pictures of one height in a row."""
    views = [v.resize((round(v.width * HEIGHT_PX / v.height), HEIGHT_PX)) for v in views]
    row = Image.new("RGB", (sum(v.width + GAP_PX for v in views) - GAP_PX, HEIGHT_PX), "white")
    left = 0
    for view in views:
        row.paste(view, (left, 0))
        left += view.width + GAP_PX
    return row


def below(rows: list[Image.Image], path: Path) -> None:
    """Rows into one file."""
    width = max(row.width for row in rows)
    sheet = Image.new("RGB", (width, len(rows) * (HEIGHT_PX + GAP_PX) - GAP_PX), "white")
    for i, row in enumerate(rows):
        sheet.paste(row, (0, i * (HEIGHT_PX + GAP_PX)))
    sheet.save(path, quality=88)


def old_photographs(colorize: Colorizer) -> None:
    """Originals above, colored below."""
    grays = [original(name) for name in OLD]
    below([beside(grays), beside([colorize(g) for g in grays])], IMAGES / "before-after.jpg")


def known_photographs(colorize: Colorizer) -> None:
    """Gray, colored, true; sorted by the mean CIEDE2000."""
    rows = []
    for name in KNOWN:
        true = getattr(data, name)()
        lab = color.rgb2lab(true)
        gray = (color.lab2rgb(lab * [1, 0, 0]) * 255 + 0.5).astype(np.uint8)
        made = colorize(gray)
        error = float(color.deltaE_ciede2000(lab, color.rgb2lab(made)).mean())
        row = beside([Image.fromarray(view) for view in (gray, made, true)])
        label = f"CIEDE2000 {error:.1f}"
        ImageDraw.Draw(row).text((8, 8), label, "white", stroke_width=2, stroke_fill="black")
        rows.append((error, row))
    below([row for _, row in sorted(rows, key=lambda pair: pair[0])], IMAGES / "known.jpg")


def old_look() -> None:
    """Photographs as they are and at four ages; the last row are old ones."""

    def small(image: Image.Image) -> Image.Image:
        return ImageOps.fit(image.convert("RGB"), (AGED_PX, AGED_PX), centering=(0.5, 0.2))

    rows = []
    for i, name in enumerate(KNOWN[:3]):
        view = np.asarray(small(Image.fromarray(getattr(data, name)())))
        lab = lab_from_rgb_u8(torch.from_numpy(view.copy()).permute(2, 0, 1)[None])
        lab = lab.expand(4, -1, -1, -1)
        aged = make_old(lab[:, :1], lab, ages(1, range(4 * i, 4 * i + 4)))
        grays = gray_from_l(torch.cat([lab[:1, :1], aged]))[:, 0].clamp(0, 1) * 255
        rows.append(beside([Image.fromarray(g) for g in grays.round().byte().numpy()]))
    originals = [small(original(name)) for name in OLD]
    below([*rows, beside(originals)], IMAGES / "old-look.jpg")


def original(name: str) -> Image.Image:
    """An old photograph."""
    return Image.open(IMAGES / "originals" / f"{name}.jpg").convert("RGB")


def gray_of(name: str) -> Image.Image:
    """A photograph of scikit-image without its color."""
    lab = color.rgb2lab(getattr(data, name)())
    return Image.fromarray((color.lab2rgb(lab * [1, 0, 0]) * 255 + 0.5).astype(np.uint8))


def labeled(view: Image.Image, text: str) -> Image.Image:
    """A picture of the rows' height with a word on it."""
    view = view.convert("RGB").resize((round(view.width * HEIGHT_PX / view.height), HEIGHT_PX))
    ImageDraw.Draw(view).text((8, 8), text, "white", stroke_width=2, stroke_fill="black")
    return view


def variants(colorize: Colorizer) -> None:
    """How sure the model is, its own coloring, and the next likely ones."""
    rows = []
    for gray in (gray_of("coffee"), original(OLD[0]), original(OLD[2])):
        sure = Image.fromarray((colorize.confidence(gray) * 255).astype(np.uint8))
        views = [labeled(sure.resize(gray.size), "how sure")]
        views += [labeled(colorize(gray, variant=n), f"{n + 1}") for n in range(4)]
        rows.append(beside(views))
    below(rows, IMAGES / "variants.jpg")


def references(colorize: Colorizer) -> None:
    """A photograph by itself, and by others' palettes."""
    rows = []
    for gray in (original(OLD[1]), gray_of("chelsea")):
        views = [labeled(colorize(gray), "by itself")]
        for name in ("rocket", "coffee"):
            reference = Image.fromarray(getattr(data, name)())
            views.append(labeled(reference, "reference"))
            views.append(labeled(colorize(gray, reference=Photo.open(reference)), "by it"))
        rows.append(beside(views))
    below(rows, IMAGES / "reference.jpg")


def hints(colorize: Colorizer) -> None:
    """Colors that somebody said, where the dots are."""
    rows = []
    orange, brick = "#c8602c", "#8a2f1f"  # of the suit and of the saucer, as they are in truth
    for name, color_, places in (
        ("astronaut", orange, [(150, 330), (70, 430), (260, 420), (300, 320)]),
        ("coffee", brick, [(115, 170), (265, 355), (445, 300), (330, 235)]),
    ):
        gray = gray_of(name)
        points = [Point(x=x, y=y, color=color_) for x, y in places]
        told = colorize(gray, hints=Hints(points=tuple(points)))
        dots = told.copy()
        for point in points:
            box = (point.x - 7, point.y - 7, point.x + 7, point.y + 7)
            ImageDraw.Draw(dots).ellipse(box, point.color, "white", 3)
        rows.append(beside([labeled(gray, ""), labeled(colorize(gray), "by itself"), dots]))
    below(rows, IMAGES / "hints.jpg")


if __name__ == "__main__":
    variants(Colorizer())
    references(Colorizer())
    hints(Colorizer())
    old_look()
    old_photographs(Colorizer())
    known_photographs(Colorizer())
