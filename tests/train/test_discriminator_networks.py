import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tintype.errors import RecipeError
from tintype.nn.build import build_discriminator
from tintype.nn.discriminators import (
    ImageDiscriminator,
    PatchDiscriminator,
    ProjectedDiscriminator,
)
from tintype.nn.encoders import MobileNetV2
from tintype.nn.lab import rgb_from_lab
from tintype.recipe import load_recipe
from tintype.recipe.networks import ImageDiscriminatorSpec, PatchDiscriminatorSpec
from tintype.train import checkpoint
from tintype.train.loop import train
from tintype.train.run import new_networks


def parameters(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("layers", "shrink", "field_px"), [(3, 1, 70), (2, 1, 34), (1, 1, 16), (2, 2, 68)]
)
def test_patches_see_what_they_should(layers, shrink, field_px):
    """By gradients; without norms, since a norm over the picture would see everything."""
    torch.manual_seed(0)
    d = PatchDiscriminator(2, width=4, layers=layers, norm="none", shrink=shrink)
    color = torch.rand(1, 2, 160, 160, requires_grad=True)
    logits = d(torch.rand(1, 1, 160, 160), color)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    seen = color.grad.abs().sum((0, 1)) > 0
    assert int(seen.any(0).sum()) == int(seen.any(1).sum()) == field_px


def test_the_tutorials_patch_discriminator():
    d = PatchDiscriminator(2)
    pix2pix = (  # weights of 4x4 convolutions, biases of the first and the last, batch norms
        16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512 * 1) + 64 + 1 + 2 * (128 + 256 + 512)
    )
    assert parameters(d) == pix2pix == 2_765_633
    assert d(torch.zeros(1, 1, 256, 256), torch.zeros(1, 2, 256, 256)).shape == (1, 1, 30, 30)
    assert isinstance(d.net[1], nn.LeakyReLU)  # no norm after the first


@pytest.mark.parametrize(
    ("norm", "kind"), [("batch", nn.BatchNorm2d), ("instance", nn.InstanceNorm2d), ("none", None)]
)
@pytest.mark.parametrize("network", [PatchDiscriminator, ImageDiscriminator])
def test_norms_are_as_asked(network, norm, kind):
    d = network(2, width=4, layers=3, norm=norm)
    norms = [type(m) for m in d.modules() if "Norm" in type(m).__name__]
    assert set(norms) == ({kind} if kind else set())
    assert len(norms) == (0 if kind is None else 3 if network is PatchDiscriminator else 2)
    biased = [m.bias is not None for m in d.modules() if isinstance(m, nn.Conv2d)]
    assert all(biased) == (norm == "none")


def test_weights_begin_as_the_paper_has_them():
    torch.manual_seed(0)
    d = PatchDiscriminator(2)
    assert float(d.net[5].weight.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert float(d.net[6].weight.detach().mean()) == pytest.approx(1, abs=0.01)
    assert not d.net[0].bias.detach().any()


def test_the_whole_picture_gets_one_verdict():
    torch.manual_seed(0)
    d = ImageDiscriminator(3, crop_px=64, width=4, layers=4, norm="none").eval()
    gray = torch.rand(2, 1, 64, 64)
    color = torch.rand(2, 3, 64, 64, requires_grad=True)
    logits = d(gray, color)
    assert logits.shape == (2, 1)
    logits[0].sum().backward()
    seen = color.grad.abs().sum(1) > 0
    assert seen[0, :4].any()  # each border
    assert seen[0, -4:].any()
    assert not seen[1].any()
    order = [type(m).__name__ for m in d.net]
    assert order == ["Conv2d", "LeakyReLU", "MaxPool2d"] * 4 + ["Flatten", "Linear"]


def test_logits_are_not_squeezed():
    """The sigmoid belongs to the loss."""
    torch.manual_seed(0)
    for d in (PatchDiscriminator(2, width=4), ImageDiscriminator(2, crop_px=64, width=4)):
        for p in d.parameters():
            p.data.mul_(20)
        logits = d(torch.randn(2, 1, 64, 64), torch.randn(2, 2, 64, 64))
        assert logits.min() < 0 or logits.max() > 1


def test_specs_become_networks():
    patch = PatchDiscriminatorSpec(kind="patch", width=8, layers=2, norm="batch", shrink=2)
    d = build_discriminator(patch, 3)
    assert d.shrink == 2
    assert d.net[0].weight.shape == (8, 4, 4, 4)
    image = ImageDiscriminatorSpec(kind="image", crop_px=64, width=8, layers=4, dropout=0.3)
    d = build_discriminator(image, 2)
    assert d.net[-1].in_features == 64 * 4 * 4
    assert d.net[-2].p == 0.3


@pytest.mark.parametrize("least_px", [24, 48])
def test_the_smallest_picture_is_the_smallest(least_px):
    spec = PatchDiscriminatorSpec(kind="patch", width=4, norm="none", shrink=least_px // 24)
    assert spec.least_px == least_px
    d = build_discriminator(spec, 2).eval()
    assert d(torch.zeros(1, 1, least_px, least_px), torch.zeros(1, 2, least_px, least_px)).numel()
    less = least_px - spec.shrink
    with pytest.raises(RuntimeError, match="size"):
        d(torch.zeros(1, 1, less, less), torch.zeros(1, 2, less, less))


IMAGE = "discriminator={kind: image, crop_px: %d, width: 8}"


def test_a_whole_image_discriminator_fits_its_stages():
    assert load_recipe("tintype-small", [IMAGE % 128]).discriminator.crop_px == 128
    with pytest.raises(RecipeError, match=r"crop_px: 64 is not stages\.gan\.crop_px, .* 128"):
        load_recipe("tintype-small", [IMAGE % 64])
    with pytest.raises(RecipeError, match="80 is no multiple of 32, which 5 layers need"):
        load_recipe("tintype-small", [IMAGE % 80])


def test_heads_see_features_of_the_colored_picture():
    torch.manual_seed(0)
    d = ProjectedDiscriminator(2, width=4).eval()
    gray, color = torch.rand(2, 1, 96, 64) * 2 - 1, torch.rand(2, 2, 96, 64) / 4
    color.requires_grad_()
    logits = d(gray, color)
    assert logits.shape == (2, 4, 3, 2)
    logits[0].sum().backward()
    assert color.grad[0].abs().max() > 0
    assert not color.grad[1].any()
    assert all(p.grad is None for p in d.encoder.parameters())
    assert all(p.grad is not None for p in d.heads.parameters())

    in_rgb = ProjectedDiscriminator(3, width=4).eval()
    in_rgb.load_state_dict(d.state_dict())
    lab = torch.cat([(gray + 1) * 50, color.detach() * 110], 1)
    assert torch.allclose(in_rgb(gray, rgb_from_lab(lab)), logits, atol=1e-5)


@pytest.mark.parametrize("side", [32, 48, 80])
def test_heads_take_every_size(side):
    d = ProjectedDiscriminator(2, width=4)
    assert d(torch.zeros(1, 1, side, side), torch.zeros(1, 2, side, side)).shape[1:2] == (4,)


def test_a_projected_discriminator_learns_and_its_encoder_stays(
    photo_folder, tmp_path, small_recipe
):
    torch.manual_seed(0)
    encoder = MobileNetV2(channels_in=3).state_dict()
    file = tmp_path / "rgb.safetensors"
    save_file(encoder, file)
    changes = f"discriminator={{kind: projected, weights: {file}, width: 4}}"
    with pytest.raises(RecipeError, match=r"discriminator\.weights: .*none\.pth: no such file"):
        train(small_recipe(changes.replace(str(file), "none.pth")), [photo_folder], tmp_path / "r")
    assert not (tmp_path / "r").exists()

    recipe = small_recipe(changes)
    train(recipe, [photo_folder], tmp_path / "r")
    state = checkpoint.load(tmp_path / "r" / "checkpoints" / "latest.pt")
    assert all(torch.equal(state["d"][f"encoder.{k}"], v) for k, v in encoder.items())
    _, fresh = new_networks(recipe)
    weights = [(k, v) for k, v in fresh.heads.named_parameters("heads") if not k.endswith("bias")]
    assert len(weights) == 4 + 4 + 3 + 2 + 1
    assert not any(torch.equal(state["d"][k], v) for k, v in weights)
