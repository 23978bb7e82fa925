"""Show what a self-stopping run chose: `python docs/stopping.py RUN_FOLDER`.

`images/self-stop-curves.png` is the run's own; `images/self-stop-sheet.jpg` shows the photographs
that come with scikit-image: gray, by the model that the run started from, by its best look, by its
last look, and true.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pictures import IMAGES, KNOWN, below, beside
from PIL import Image
from skimage import color, data

from tintype import Colorizer
from tintype.export import export


def main(run: Path) -> None:
    shutil.copy(run / "curves.png", IMAGES / "self-stop-curves.png")
    checkpoints = run / "checkpoints"
    last = sorted(checkpoints.glob("look-*.pt"))[-1]
    with TemporaryDirectory() as folder:
        models = [Colorizer("tintype-small")]
        for source in (checkpoints / "best.pt", last):
            out = Path(folder) / f"{source.stem}.onnx"
            export(source, out)
            models.append(Colorizer(out))
        rows = []
        for name in KNOWN:
            true = getattr(data, name)()
            lab = color.rgb2lab(true)
            gray = Image.fromarray((color.lab2rgb(lab * [1, 0, 0]) * 255 + 0.5).astype(np.uint8))
            rows.append(beside([gray, *(model(gray) for model in models), Image.fromarray(true)]))
        below(rows, IMAGES / "self-stop-sheet.jpg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
