"""The networks of every recipe that comes with tintype, at the size it trains them at.

On torch's meta device, which knows shapes and does no arithmetic.
"""

import pytest
import torch

from tintype.nn.build import build_discriminator, build_generator
from tintype.recipe import load_recipe, recipe_names

MILLIONS = {
    "coco-simple": (31.04, 2.77),
    "landscape-pix2pix": (54.41, 2.77),
    "resnet101-npy": (59.91, 2.77),
    "coco-pix2pix": (54.41, 2.77),
    "coco-resnet18": (33.60, 2.77),
    "dcgan-lab": (16.66, 3.92),
    "tintype-base": (30.76, 2.77),
    "tintype-small": (3.33, 2.77),
}


@pytest.mark.parametrize("name", MILLIONS)
def test_they_are_as_large_as_their_recipe_says(name):
    recipe = load_recipe(name)
    with torch.device("meta"):
        g = build_generator(recipe.generator)
        d = build_discriminator(recipe.discriminator, g.color_channels)
    counts = tuple(sum(p.numel() for p in network.parameters()) / 1e6 for network in (g, d))
    assert counts == pytest.approx(MILLIONS[name], abs=0.005)


@pytest.mark.parametrize("name", recipe_names())
def test_their_shapes_fit_at_every_stage(name):
    recipe = load_recipe(name)
    with torch.device("meta"):
        g = build_generator(recipe.generator)
        d = build_discriminator(recipe.discriminator, g.color_channels)
        for stage in recipe.stages:
            gray = torch.empty(2, 1, stage.crop_px, stage.crop_px)
            color = g(gray)
            assert color.shape == (2, g.color_channels, stage.crop_px, stage.crop_px)
            if stage.kind in ("discriminator", "gan"):
                logits = d(gray, color)
                assert logits.shape[:2] == (2, 1)
                assert logits.dim() == (2 if recipe.discriminator.kind == "image" else 4)
