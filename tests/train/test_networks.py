import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tintype.nn import losses
from tintype.nn.encoders import MobileNetV2
from tintype.nn.generators import MobileUNet

SHARED = Path(os.environ.get("TINTYPE_SHARED", Path(__file__).parents[3] / "shared"))
PRETRAINED = SHARED / "weights" / "mobilenet_v2_1.0_224.safetensors"


@pytest.mark.parametrize("size", [(32, 32), (64, 160)])
def test_the_generator_keeps_the_size_and_the_bound(size):
    torch.manual_seed(0)
    g = MobileUNet().eval()
    torch.nn.init.normal_(g.to_ab.weight, 0, 5)  # far into the tanh
    with torch.no_grad():
        color = g(torch.rand(2, 1, *size) * 2 - 1)
    assert color.shape == (2, 2, *size)
    assert 0.9 < color.abs().max() <= 1


def test_the_small_generator_is_small():
    parameters = sum(p.numel() for p in MobileUNet().parameters())
    assert 2_500_000 < parameters < 3_500_000


def test_the_whole_picture_speaks_for_its_parts():
    torch.manual_seed(0)
    g = MobileUNet().eval()
    torch.nn.init.normal_(g.whole.weight, 0, 1)
    gray = torch.rand(1, 1, 64, 512) * 2 - 1
    changed = gray.clone()
    changed[..., 448:] = 0
    with torch.no_grad():
        difference = (g(gray) - g(changed)).abs()
    assert difference[..., :64].max() > 0  # farther than any convolution reaches


def test_encoder_taps_halve_the_size():
    taps, pooled = MobileNetV2()(torch.zeros(1, 1, 64, 96))
    assert [tuple(t.shape[1:]) for t in taps] == [
        (16, 32, 48), (24, 16, 24), (32, 8, 12), (96, 4, 6), (320, 2, 3)
    ]  # fmt: skip
    assert pooled.shape == (1, 1280)


@pytest.mark.skipif(not PRETRAINED.is_file(), reason="the pretrained encoder's file is not here")
def test_pretrained_features_equal_an_rgb_network_on_gray():
    """The reference reads the file's three-channel weights with TensorFlow's padding, by hand."""
    from safetensors.torch import load_file

    weights = {k: v.float() for k, v in load_file(PRETRAINED).items()}
    encoder = MobileNetV2().eval()
    encoder.load_pretrained(weights)
    torch.manual_seed(0)
    gray = torch.rand(1, 1, 64, 64) * 2 - 1

    def same(x, name, stride=1, groups=1):
        w, b = weights[f"{name}.weight"], weights[f"{name}.bias"]
        k = w.shape[-1]
        n = x.shape[-1]
        total = max((-(-n // stride) - 1) * stride + k - n, 0)
        x = F.pad(x, (total // 2, total - total // 2) * 2)
        return F.conv2d(x, w, b, stride, groups=groups)

    x = F.relu6(same(gray.expand(-1, 3, -1, -1), "features.0", 2))
    x = F.relu6(same(x, "blocks.0.depthwise", groups=32))
    x = same(x, "blocks.0.project")
    y = F.relu6(same(x, "blocks.1.expand"))
    y = same(F.relu6(same(y, "blocks.1.depthwise", 2, 96)), "blocks.1.project")
    z = F.relu6(same(y, "blocks.2.expand"))
    z = y + same(F.relu6(same(z, "blocks.2.depthwise", 1, 144)), "blocks.2.project")
    with torch.no_grad():
        taps, _ = encoder(gray)
    torch.testing.assert_close(taps[0], x, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(taps[1], z, rtol=1e-4, atol=1e-4)


def test_hinge_pushes_both_ways_and_stops():
    real, fake = torch.tensor([2.0, 0.0]), torch.tensor([-2.0, 0.0])
    assert losses.hinge_discriminator(real, fake) == pytest.approx(0.5)
    assert losses.hinge_discriminator(real + 1, fake - 1) == 0
    assert losses.hinge_generator(torch.tensor([1.0, 3.0])) == -2


def test_vanilla_is_binary_cross_entropy():
    logits = torch.linspace(-6, 6, 7)
    ones, zeros = torch.ones(7), torch.zeros(7)
    bce = F.binary_cross_entropy_with_logits
    want = (bce(logits, ones) + bce(-logits, zeros)) / 2
    torch.testing.assert_close(losses.vanilla_discriminator(logits, -logits), want)
    torch.testing.assert_close(losses.vanilla_generator(logits), bce(logits, ones))


def test_huber_is_quadratic_then_linear():
    zero = torch.zeros(1)
    assert losses.huber(torch.tensor([2.0]), zero, beta=4) == pytest.approx(0.5)
    assert losses.huber(torch.tensor([10.0]), zero, beta=4) == pytest.approx(8)


def test_blotches_are_what_the_truth_has_not():
    rng = torch.Generator().manual_seed(0)
    smooth = torch.full((1, 2, 64, 64), 10.0)
    rough = smooth + 8 * torch.randn(smooth.shape, generator=rng)
    assert losses.blotches(rough, smooth).item() == pytest.approx(8 * 2**0.5, rel=0.05)
    assert losses.blotches(smooth, smooth).item() == 0
    assert losses.blotches(smooth, rough).item() == 0  # flatter than the truth, which is rough
    assert losses.blotches(rough + 30, rough).item() == 0


def test_colorfulness_is_that_of_the_whole_picture():
    rng = np.random.default_rng(0)
    ab = rng.normal((12, -5), (20, 9), (2, 48, 64, 2)).astype(np.float32)
    hasler = [np.sqrt(p.var((0, 1)).sum()) + 0.37 * np.hypot(*p.mean((0, 1))) for p in ab]
    truth = torch.from_numpy(ab).permute(0, 3, 1, 2)
    assert losses.colorfulness(truth * 0, truth).item() == pytest.approx(np.mean(hasler), abs=0.02)
    assert losses.colorfulness(truth / 2, truth).item() == pytest.approx(np.mean(hasler) / 2, 1e-3)
    assert losses.colorfulness(truth.flip(2), truth).item() == 0  # wherever the colors lie
    too_much = losses.colorfulness(torch.cat([truth[:1] * 1.5, truth[1:] / 2]), truth).item()
    assert too_much == pytest.approx(np.mean(hasler) / 2, 1e-3)  # the two do not make up


def test_blotches_can_be_unlearned():
    torch.manual_seed(0)
    made = torch.nn.Parameter(8 * torch.randn(1, 2, 64, 64))
    truth = torch.zeros_like(made.data)
    optimizer = torch.optim.SGD([made], 3000)
    before = losses.blotches(made, truth).item()
    for _ in range(20):
        optimizer.zero_grad()
        losses.blotches(made, truth).backward()
        optimizer.step()
    assert losses.blotches(made, truth).item() < 0.5 * before
