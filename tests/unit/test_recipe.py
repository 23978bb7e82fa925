from pathlib import Path

import pytest

from tintype.errors import RecipeError
from tintype.recipe import Recipe, load_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_reads_back_what_it_writes(name, tmp_path):
    recipe = load_recipe(name)
    (tmp_path / "r.yaml").write_text(recipe.to_yaml())
    assert load_recipe(str(tmp_path / "r.yaml")) == recipe


def test_settings_reach_stages_by_name():
    recipe = load_recipe("tintype-small", ["stages.gan.lr_g=1e-5", "seed=7"])
    assert recipe.stages[-1].lr_g == 1e-5
    assert recipe.seed == 7


def test_a_base_is_changed(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "base: tintype-small\nname: mine\ngenerator: {frozen_blocks: 1}\n"
    )
    recipe = load_recipe(str(tmp_path / "mine.yaml"))
    assert recipe.name == "mine"
    assert recipe.generator.frozen_blocks == 1
    assert recipe.generator.widths == load_recipe("tintype-small").generator.widths


def test_a_part_of_another_kind_replaces_the_one_below(tmp_path):
    text = "base: tintype-small\ndiscriminator: {kind: projected, weights: w.safetensors}\n"
    (tmp_path / "r.yaml").write_text(text)
    discriminator = load_recipe(str(tmp_path / "r.yaml")).discriminator
    assert discriminator.model_dump(exclude_defaults=True) == {
        "kind": "projected", "weights": "w.safetensors"
    }  # fmt: skip
    (tmp_path / "r.yaml").write_text(text.replace("projected", "patch"))
    with pytest.raises(RecipeError, match=r"discriminator\.(patch\.)?weights"):
        load_recipe(str(tmp_path / "r.yaml"))


def test_setting_a_kind_forgets_the_keys_of_the_other():
    settings = ["discriminator.kind=projected", "discriminator.weights=w.pth"]
    recipe = load_recipe("tintype-small", settings)
    assert recipe.discriminator.kind == "projected"
    assert recipe.stages == load_recipe("tintype-small").stages
    same = load_recipe("tintype-small", ["discriminator.kind=patch"])
    assert same == load_recipe("tintype-small")


def test_a_base_of_a_base_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("base: tintype-small\nname: a\n")
    (tmp_path / "b.yaml").write_text("base: a.yaml\nname: b\n")
    with pytest.raises(RecipeError, match="one level only"):
        load_recipe(str(tmp_path / "b.yaml"))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sed=1", "unknown key sed"),
        ("stages.gan.lr_x=1", r"unknown key stages\.gan\.lr_x\. Did you mean lr_"),
        ("stages.gam.lr_g=1", "Did you mean gan"),
        ("stages.gan.lr_g=-1", r"stages\.gan\.lr_g: .*greater than 0"),
        ("stages.gan.lr_g=.inf", "finite"),
        ("stages.gan.crop_px=100", "multiple of 32"),
        ("stages.gan.lr_g", "must read key=value"),
        ("seed.x=1", "seed is a value"),
        ("seed=[1", "not a YAML value"),
        ("stages.gan.name=full", "two stages have one name"),
        ("discriminator=null", "a gan stage needs one"),
        ("stages.gan.crop_px=32", "crop_px: 32 is too small for the discriminator, which needs 48"),
        ("generator.kind=big", "generator"),
        ("stages.gan.betas=[0.5, 1.5]", "stages.gan.*betas"),
        ("generator.widths=[-1, 8, 8, 8]", "widths"),
    ],
)
def test_what_is_wrong_is_named(setting, message):
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe("tintype-small", [setting])
    assert "\n" not in str(caught.value)


def test_unknown_recipes_name_the_closest():
    with pytest.raises(RecipeError, match="Did you mean tintype-small"):
        load_recipe("tintyp-small")
    with pytest.raises(RecipeError, match="no such file"):
        load_recipe("gone.yaml")


def test_broken_yaml_names_the_line(tmp_path: Path):
    (tmp_path / "r.yaml").write_text("schema: 1\nname: [x\n")
    with pytest.raises(RecipeError, match=r"line \d+"):
        load_recipe(str(tmp_path / "r.yaml"))
    (tmp_path / "r.yaml").write_bytes(b"schema: 1\nname: \xff\n")
    with pytest.raises(RecipeError, match="cannot be read as text"):
        load_recipe(str(tmp_path / "r.yaml"))
    (tmp_path / "r.yaml").write_text("base: tintype-small\nstages: [5]\n")
    with pytest.raises(RecipeError, match="no stage 'gan'"):
        load_recipe(str(tmp_path / "r.yaml"), ["stages.gan.lr_g=1"])
    with pytest.raises(RecipeError, match="stages"):
        load_recipe(str(tmp_path / "r.yaml"))
    (tmp_path / "r.yaml").write_text("just words")
    with pytest.raises(RecipeError, match="holds no keys"):
        load_recipe(str(tmp_path / "r.yaml"))


def test_a_recipe_needs_its_parts():
    with pytest.raises(ValueError, match="generator"):
        Recipe.model_validate({"schema": 1, "name": "x", "stages": []})
