"""Arrays larger than what they may cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PICTURES, PX = 40_000, 224  # 6 GB, of which the disk holds none

READ = """
import sys
from pathlib import Path
import numpy as np
from tintype.data.open import open_sources

def resident_mb():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmRSS"].split()[0]) / 1024

source = open_sources([Path(sys.argv[1])])
source.view(0, load_px=64, crop_px=64)
before = resident_mb()
for index in np.random.default_rng(0).integers(len(source), size=1000):
    source.view(int(index), load_px=224, crop_px=64)
print(len(source), resident_mb() - before)
"""


def sparse(path: Path, shape: tuple[int, ...]) -> None:
    """An array of zeros that takes no place on the disk."""
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape, dtype=np.int64)))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells resident memory")
def test_resident_memory_does_not_grow_with_what_was_read(tmp_path):
    sparse(tmp_path / "l.npy", (PICTURES, PX, PX))
    sparse(tmp_path / "ab.npy", (PICTURES, PX, PX, 2))
    command = [sys.executable, "-c", READ, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, grown_mb = done.stdout.split()
    assert int(count) == PICTURES
    assert float(grown_mb) < 15  # 1,000 pictures are 150 MB
