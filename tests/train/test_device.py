from pathlib import Path

import pytest

from tintype.train.device import make_fabric, precision_of


def test_bfloat16_only_where_the_processor_has_it(small_recipe):
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        pytest.skip("the flags of the processor are read from Linux")
    flags = set(cpuinfo.read_text("utf-8").split())
    has_it = bool(flags & {"avx512_bf16", "amx_bf16", "amx_tile"})
    recipe = small_recipe("precision=auto", "machine.accelerator=cpu")
    assert precision_of(recipe) == ("bf16-mixed" if has_it else "32-true")


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
def test_a_precision_that_is_asked_for_is_taken(small_recipe, precision):
    recipe = small_recipe(f"precision={precision}", "machine.accelerator=cpu")
    assert make_fabric(recipe)._precision.precision == precision
