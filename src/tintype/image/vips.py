"""libvips, set up once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tintype.settings import Settings

# libvips reads its number of threads when it is loaded, and never again
os.environ.setdefault("VIPS_CONCURRENCY", str(Settings.from_environment().threads))
# what it warns of is told in its errors too
os.environ.setdefault("VIPS_WARNING", "0")
import pyvips

# its log would call back into Python, where cffi swallows the exception of a Ctrl-C
pyvips._remove_log_handler()

# a file that was overwritten meanwhile must not be answered from memory
pyvips.cache_set_max(0)

# the package has no types
VipsImage = Any


def block_untrusted() -> None:
    """For the rest of this process: only loaders that libvips holds to be safe with any file."""
    pyvips.block_untrusted_set(True)


Progress = Callable[[float], None]
"""Called with the share that is done, from 0 to 1."""


def watch(image: VipsImage, progress: Progress | None, part: int = 0, parts: int = 1) -> None:
    """Call `progress` while a pipeline runs, which is a part of all that is to be done."""
    if progress:
        image.set_progress(True)
        image.signal_connect("eval", lambda _, told: progress((part + told.percent / 100) / parts))
        # the last that "eval" tells may be well short of the end
        image.signal_connect("posteval", lambda *_: progress((part + 1) / parts))


__all__ = ["Progress", "VipsImage", "block_untrusted", "pyvips", "watch"]
