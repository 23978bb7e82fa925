"""`tintype recipes`: every recipe by name, and what stands in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tintype.recipe import load_recipe, recipe_names

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_every_recipe_is_listed_with_its_networks(tintype: Run) -> None:
    done = tintype("recipes")
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if not line.startswith(" ")}
    assert set(rows) == {"name", *recipe_names()}
    assert rows["coco-pix2pix"].split() == ["coco-pix2pix", "unet", "patch", "256"]
    assert "96, 160, 224" in rows["resnet101-npy"]
    assert load_recipe("dcgan-lab").summary in done.stdout


def test_the_list_as_json(tintype: Run) -> None:
    found = [json.loads(line) for line in tintype("recipes", "--json").stdout.splitlines()]
    assert [facts["name"] for facts in found] == recipe_names()
    dcgan = next(facts for facts in found if facts["name"] == "dcgan-lab")
    assert (dcgan["generator"], dcgan["discriminator"]) == ("unet", "image")
    assert (dcgan["crop_px"], dcgan["stages"]) == ([128], ["gan"])


def test_what_is_shown_is_a_recipe_with_its_story(tintype: Run, tmp_path: Path) -> None:
    shown = tintype("recipes", "show", "landscape-pix2pix").stdout
    assert shown.startswith("# Where it comes from")
    (tmp_path / "mine.yaml").write_text(shown)
    assert load_recipe(str(tmp_path / "mine.yaml")) == load_recipe("landscape-pix2pix")


def test_a_name_that_nothing_goes_by(tintype: Run) -> None:
    done = tintype("recipes", "show", "coco-pixpix")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Did you mean coco-pix2pix?" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert tintype("recipes", "list").returncode == 2


def test_recipes_are_told_without_torch() -> None:
    program = (
        "import sys\n"
        "from tintype.cli import main\n"
        "try:\n"
        "    main(['recipes'])\n"
        "finally:\n"
        "    print('torch' in sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.split() == ["False"]
