"""libvips, set up once."""

from __future__ import annotations

import os
from typing import Any

from tintype.settings import Settings

# libvips reads its number of threads when it is loaded, and never again
os.environ.setdefault("VIPS_CONCURRENCY", str(Settings.from_environment().threads))
import pyvips

# a file that was overwritten meanwhile must not be answered from memory
pyvips.cache_set_max(0)

# the package has no types
VipsImage = Any

__all__ = ["VipsImage", "pyvips"]
