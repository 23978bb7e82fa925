"""What a run tells while it runs: `log.jsonl` and TensorBoard. Only the first process tells."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import TracebackType
from typing import TextIO

from torch.utils.tensorboard import SummaryWriter


class Log:
    """Rows of a run's log, each with the number of images seen; its numbers go to TensorBoard."""

    def __init__(self, rows: TextIO, tensorboard: Path, images: int) -> None:
        self._rows = rows
        # what a crash left behind `images` is dropped, as from the log
        self._board = SummaryWriter(str(tensorboard), purge_step=images + 1)

    def write(self, images: int, /, **row: object) -> None:
        """One line; nested figures and plain ones are drawn, texts are not."""
        self._rows.write(json.dumps({"images": images, **row}) + "\n")
        self._rows.flush()
        for name, value in row.items():
            for key, figure in (value if isinstance(value, dict) else {"": value}).items():
                if isinstance(figure, int | float) and math.isfinite(figure):
                    tag = f"{name}/{key}".rstrip("/")
                    self._board.add_scalar(tag, figure, images)

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._board.close()
