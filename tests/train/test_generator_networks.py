from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from tintype import export
from tintype.models.card import ModelCard
from tintype.nn.build import build_generator
from tintype.nn.layers import icnr_init
from tintype.nn.resnet_unet import ResNetUNet
from tintype.nn.spaces import Colors
from tintype.nn.unet import SimpleUNet, UNet
from tintype.recipe.networks import (
    MobileUNetSpec,
    ResNetUNetSpec,
    SimpleUNetSpec,
    UNetSpec,
)
from tintype.runtime import Session

TINY = {
    "unet": UNetSpec(kind="unet", width=4, levels=4),
    "unet-rgb": UNetSpec(kind="unet", space="rgb", width=4, levels=4, norm="instance"),
    "unet-dcgan": UNetSpec(
        kind="unet", width=4, levels=4, norm_at_ends=True, activation="leaky-relu"
    ),
    "simple-unet": SimpleUNetSpec(kind="simple-unet", width=4, levels=3, dropout=0.5),
    "simple-unet-rgb": SimpleUNetSpec(kind="simple-unet", space="rgb", width=4, norm="none"),
    "resnet-unet": ResNetUNetSpec(
        kind="resnet-unet", widths=(8, 8, 8, 4, 4), middle=16, norm="instance", dropout=0.5
    ),
    "resnet-unet-rgb": ResNetUNetSpec(kind="resnet-unet", space="rgb", widths=(8, 8, 8, 4, 4)),
    "mobile-unet": MobileUNetSpec(kind="mobile-unet", widths=(8, 8, 4, 4)),
}


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def gray_for(g, *size):
    gray = torch.rand(size[0], 1, *size[1:])
    return gray if g.space == "rgb" else gray * 2 - 1


def lively(g):
    """Statistics and gains as after some training, so that the picture shows in the color."""
    for m in g.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
        elif isinstance(m, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(m.weight)
    return g


@pytest.mark.parametrize("spec", TINY.values(), ids=TINY)
def test_colors_have_the_size_and_the_range(spec):
    torch.manual_seed(0)
    g = lively(build_generator(spec))
    assert g.multiple_of == spec.multiple_of
    step = g.multiple_of
    with torch.no_grad():
        color = g(gray_for(g, 2, 2 * step, 3 * step))
    assert color.shape == (2, g.color_channels, 2 * step, 3 * step)
    assert color.dtype == torch.float32
    low, high = (-1, 1) if g.space == "ab" else (0, 1)
    assert low <= color.min() < color.mean() < color.max() <= high
    assert float(color.std()) > 0.01


@pytest.mark.parametrize("spec", TINY.values(), ids=TINY)
def test_a_step_reaches_every_weight(spec):
    torch.manual_seed(0)
    g = lively(build_generator(spec)).to(memory_format=torch.channels_last)
    if spec.kind == "mobile-unet":
        nn.init.normal_(g.whole.weight)
    g(gray_for(g, 2, 2 * g.multiple_of, 2 * g.multiple_of)).square().sum().backward()
    assert [n for n, p in g.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("spec", TINY.values(), ids=TINY)
def test_nothing_is_drawn_when_coloring(spec):
    torch.manual_seed(0)
    g = lively(build_generator(spec)).eval()
    gray = gray_for(g, 2, 2 * g.multiple_of, 2 * g.multiple_of)
    with torch.no_grad():
        both = g(gray)
        torch.testing.assert_close(g(gray), both, rtol=0, atol=0)
        torch.testing.assert_close(g(gray[:1]), both[:1])  # of others in the batch it knows nothing
        if getattr(spec, "dropout", 0):
            g.train()
            assert not torch.equal(g(gray), g(gray))


def test_the_tutorials_unet():
    g = UNet()
    c = [1, 64, 128, 256, 512, 512, 512, 512, 512]  # after each convolution on the way down
    down = sum(16 * a * b for a, b in pairwise(c))
    bottom = 16 * 512 * 512
    up = sum(16 * 2 * c[i] * c[i - 1] for i in range(2, 8)) + 16 * 2 * 64 * 2 + 2
    norms = 2 * (sum(c[2:8]) + sum(c[1:8]))  # not after the first nor at the bottom; not at the end
    assert parameters(g) == down + bottom + up + norms == 54_409_858
    assert g.multiple_of == 256
    assert [isinstance(list(up)[-1], nn.Dropout) for up in g.up] == [False] + [True] * 3 + [
        False
    ] * 4
    g.eval()
    with torch.no_grad():
        assert g(torch.zeros(1, 1, 256, 256)).shape == (1, 2, 256, 256)


def test_one_pixel_at_the_bottom_can_be_trained():
    g = UNet(width=2)
    assert g(torch.rand(2, 1, 256, 256)).shape == (2, 2, 256, 256)
    for norm in ("batch", "instance"):
        g = UNet(width=4, levels=4, norm=norm, norm_at_ends=True)
        assert g(torch.rand(2, 1, 16, 16)).shape == (2, 2, 16, 16)
        assert SimpleUNet(width=2, norm=norm)(torch.rand(2, 1, 16, 16)).shape == (2, 2, 16, 16)
    g = ResNetUNet(widths=(2, 2, 2, 2, 2), middle=2, norm="instance", frozen_norm=True)
    assert g(torch.rand(2, 1, 32, 32)).shape == (2, 2, 32, 32)


def test_dcgan_norms_all_but_the_output():
    def normed(g, part):
        return [any(isinstance(m, nn.BatchNorm2d) for m in level) for level in getattr(g, part)]

    plain, dcgan = UNet(width=4, levels=5), UNet(width=4, levels=5, norm_at_ends=True)
    assert normed(plain, "down") == [False, True, True, True, False]
    assert normed(dcgan, "down") == [True] * 5
    assert normed(plain, "up") == normed(dcgan, "up") == [True] * 4 + [False]


def test_the_simple_unet_is_the_textbooks():
    g = SimpleUNet(width=64, norm="none")
    c = [1, 64, 128, 256, 512, 1024]
    down = sum(9 * (a * b + b * b) + 2 * b for a, b in pairwise(c))
    up = sum(4 * b * a + a + 9 * (2 * a * a + a * a) + 2 * a for a, b in pairwise(c[1:]))
    assert parameters(g) == down + up + 64 * 2 + 2
    with torch.no_grad():
        assert g(torch.zeros(1, 1, 64, 64)).shape == (1, 2, 64, 64)


@pytest.mark.parametrize(("depth", "trunk_m"), [(18, 11.18), (101, 42.50)])
def test_resnets_are_as_wide_as_published(depth, trunk_m):
    g = ResNetUNet(depth, widths=(16, 16, 16, 8, 8)).eval()
    assert parameters(g.encoder) / 1e6 == pytest.approx(trunk_m, abs=0.005)
    with torch.no_grad():
        assert g(torch.zeros(1, 1, 224, 224)).shape == (1, 2, 224, 224)


def test_a_pixel_shuffle_begins_smooth():
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 8, 1)
    icnr_init(conv)
    out = nn.functional.pixel_shuffle(conv(torch.rand(1, 3, 5, 5)), 2)
    small = out[..., ::2, ::2]
    assert small.std() > 0
    torch.testing.assert_close(out, nn.functional.interpolate(small, scale_factor=2.0))


@pytest.mark.parametrize("name", ["unet-rgb", "simple-unet", "resnet-unet"])
def test_models_say_in_onnx_what_they_say_in_torch(name, monkeypatch):
    """Lab to Lab, sizes free, as models are used."""
    monkeypatch.setattr(export, "FLOAT16_ABOVE", 10**9)
    torch.manual_seed(0)
    g = build_generator(TINY[name])
    colors, step = Colors(lively(g), g.space).eval(), g.multiple_of
    card = ModelCard(
        name="x", summary="x", weights_license="x", training_data_terms="x", recipe="x",
        parameters=1, multiple_of=step,
    )  # fmt: skip
    session = Session(export.to_onnx(g, card).SerializeToString())
    rng = np.random.default_rng(0)
    for n, height, width in ((1, 2 * step, 2 * step), (3, 2 * step, 5 * step)):
        l = (rng.random((n, 1, height, width)) * 100).astype(np.float32)
        with torch.no_grad():
            want = colors(torch.from_numpy(l)).numpy()
        assert np.ptp(want) > 1
        np.testing.assert_allclose(session.predict(l), want, atol=0.05)
