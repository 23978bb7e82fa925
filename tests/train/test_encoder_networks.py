"""ResNet over gray, and where its weights come from."""

import hashlib
import http.server
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tintype.errors import CheckpointError, RecipeError
from tintype.nn.build import build_generator
from tintype.nn.resnet import ResNet
from tintype.nn.resnet_unet import ResNetUNet
from tintype.recipe.networks import ResNetUNetSpec
from tintype.train.hub import resnet_weights
from tintype.train.weights import freeze, load_pretrained


@pytest.fixture(scope="module")
def weights():
    """Of a ResNet-18 over RGB, under torchvision's names, with statistics of their own."""
    torch.manual_seed(1)
    made = {}

    def conv(name, out, channels_in, k):
        made[f"{name}.weight"] = (
            torch.randn(out, channels_in, k, k) * (2 / (channels_in * k * k)) ** 0.5
        )

    def bn(name, n):
        made[f"{name}.weight"] = torch.rand(n) + 0.5
        made[f"{name}.bias"] = torch.randn(n) * 0.1
        made[f"{name}.running_mean"] = torch.randn(n) * 0.1
        made[f"{name}.running_var"] = torch.rand(n) + 0.5

    conv("conv1", 64, 3, 7)
    bn("bn1", 64)
    for layer, (before, n) in enumerate([(64, 64), (64, 128), (128, 256), (256, 512)], 1):
        for block in range(2):
            at = f"layer{layer}.{block}"
            conv(f"{at}.conv1", n, n if block else before, 3)
            bn(f"{at}.bn1", n)
            conv(f"{at}.conv2", n, n, 3)
            bn(f"{at}.bn2", n)
            if before != n and block == 0:
                conv(f"{at}.downsample.0", n, before, 1)
                bn(f"{at}.downsample.1", n)
    made["fc.weight"], made["fc.bias"] = torch.zeros(1000, 512), torch.zeros(1000)
    return made


def features_of_rgb(weights, rgb):
    """ResNet-18 (He et al. 2016, table 1) by hand, on a normalized RGB picture."""

    def bn(x, name):
        w = [weights[f"{name}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *w)

    x = F.relu(bn(F.conv2d(rgb, weights["conv1.weight"], None, 2, 3), "bn1"))
    taps, x = [x], F.max_pool2d(x, 3, 2, 1)
    for layer in range(1, 5):
        for block in range(2):
            at, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            y = F.relu(bn(F.conv2d(x, weights[f"{at}.conv1.weight"], None, stride, 1), f"{at}.bn1"))
            y = bn(F.conv2d(y, weights[f"{at}.conv2.weight"], None, 1, 1), f"{at}.bn2")
            if stride == 2:
                x = bn(
                    F.conv2d(x, weights[f"{at}.downsample.0.weight"], None, 2), f"{at}.downsample.1"
                )
            x = F.relu(x + y)
        taps.append(x)
    return taps


def test_features_equal_those_of_an_rgb_network_on_the_gray_picture(weights):
    encoder = ResNet(18).eval()
    encoder.load_pretrained(weights)
    gray = torch.rand(2, 1, 64, 96)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    rgb = (gray - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        for own, want in zip(encoder(gray), features_of_rgb(weights, rgb), strict=True):
            torch.testing.assert_close(own, want, rtol=1e-4, atol=1e-4)


def test_the_encoder_sees_the_picture_whose_lightness_is_given():
    torch.manual_seed(0)
    g = ResNetUNet(18, widths=(8, 8, 8, 8, 8)).eval()
    seen = []
    g.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    srgb = torch.rand(1, 1, 32, 32)
    l = 116 * torch.where(
        srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4
    ).clamp(min=0.008857) ** (1 / 3) - 16  # fmt: skip
    bright = srgb > 0.1
    with torch.no_grad():
        g(l / 50 - 1)
    torch.testing.assert_close(seen[0][bright], srgb[bright], rtol=0, atol=1e-4)
    rgb = ResNetUNet(18, space="rgb", widths=(8, 8, 8, 8, 8)).eval()
    rgb.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    rgb(srgb)
    assert torch.equal(seen[1], srgb)


def test_frozen_norms_stay_when_all_else_moves(weights):
    g = ResNetUNet(18, widths=(8, 8, 8, 8, 8), frozen_norm=True)
    g.encoder.load_pretrained(weights)
    g.train().requires_grad_(True)  # as each stage begins
    freeze(g, ResNetUNetSpec(kind="resnet-unet", frozen_norm=True))
    before = {k: v.clone() for k, v in g.encoder.state_dict().items()}
    optimizer = torch.optim.Adam((p for p in g.parameters() if p.requires_grad), lr=0.01)
    g(torch.rand(2, 1, 32, 32)).sum().backward()
    optimizer.step()
    norms = {
        f"{name}.{k}" for name, m in g.encoder.named_modules() if isinstance(m, nn.BatchNorm2d)
        for k in m.state_dict()
    }  # fmt: skip
    moved = {k for k, v in g.encoder.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == set(before) - norms
    assert g.up[0].convs[1].training  # the way up has fresh norms, and trains them


def spec_of(source, depth=18):
    return ResNetUNetSpec(
        kind="resnet-unet", depth=depth, widths=(4, 4, 4, 4, 4), encoder_weights=str(source)
    )


def start(source, depth=18):
    spec = spec_of(source, depth)
    g = build_generator(spec)
    load_pretrained(g, spec)
    return g.encoder


def save_safetensors(weights, path):
    from safetensors.torch import save_file

    save_file(weights, path)
    return path


def test_weights_come_from_files_and_folders(weights, tmp_path):
    file = save_safetensors(weights, tmp_path / "model.safetensors")
    torch.save(weights, tmp_path / "resnet18.pth")
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "trained.pth")
    for source in (file, tmp_path, tmp_path / "resnet18.pth", tmp_path / "trained.pth"):
        encoder = start(source)
        assert torch.equal(encoder.layer4[1].bn2.running_var, weights["layer4.1.bn2.running_var"])
    assert not torch.equal(start("none").conv1.weight, weights["conv1.weight"])


class Surprise:
    def __reduce__(self):
        return (print, ("run",))


def test_what_is_no_weights_of_it_is_refused(weights, tmp_path, capfd):
    file = save_safetensors(weights, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="not the weights of this encoder"):
        start(file, depth=34)
    with pytest.raises(CheckpointError, match="not the weights of this encoder"):
        start(file, depth=50)
    more = {**weights, "layer1.2.conv1.weight": torch.zeros(64, 64, 3, 3)}
    save_safetensors(more, tmp_path / "more.safetensors")
    with pytest.raises(CheckpointError, match=r"layer1\.2\.conv1\.weight is not in this network"):
        start(tmp_path / "more.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="not a whole file of weights"):
        start(tmp_path / "cut.safetensors")
    torch.save(weights, tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="not a whole file of weights"):
        start(tmp_path / "cut.pth")
    torch.save({"a": Surprise()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="not a whole file of weights"):
        start(tmp_path / "evil.pth")
    assert "run" not in capfd.readouterr().out
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds no weights by name"):
        start(tmp_path / "list.pth")
    with pytest.raises(RecipeError, match="no such file"):
        start(tmp_path / "gone.pth")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A server that lays out files as the hub does."""
    root = tmp_path / "hub"
    folder = root / "timm" / "resnet18.tv_in1k" / "resolve" / "main"
    folder.mkdir(parents=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(root))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("TINTYPE_CACHE", str(tmp_path / "cache"))
    yield folder / "model.safetensors", server
    server.shutdown()
    server.server_close()


def test_the_hubs_file_is_fetched_once_and_pinned(hub, weights):
    remote, server = hub
    save_safetensors(weights, remote)
    encoder = start("hub")
    assert torch.equal(encoder.conv1.weight, weights["conv1.weight"])
    server.shutdown()
    file = resnet_weights(18)  # from the cache
    digest = hashlib.sha256(remote.read_bytes()).hexdigest()
    assert file.with_suffix(".safetensors.sha256").read_text() == f"{digest}  model.safetensors\n"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="not the file that was downloaded once"):
        resnet_weights(18)


def test_another_file_under_the_same_name_is_refused(hub, weights):
    remote, _ = hub
    save_safetensors(weights, remote)
    file = resnet_weights(18)
    file.unlink()
    save_safetensors({"a": torch.zeros(1)}, remote)
    with pytest.raises(CheckpointError, match=r"could not be fetched: .*hash"):
        resnet_weights(18)
    assert not file.exists()


def test_a_failed_download_leaves_nothing(hub, weights):
    remote, server = hub
    with pytest.raises(CheckpointError, match=r"404 .*encoder_weights=PATH"):
        resnet_weights(18)
    remote.write_text("<html>Please log in</html>")
    with pytest.raises(CheckpointError, match="what came is not a safetensors file"):
        resnet_weights(18)
    server.shutdown()
    server.server_close()
    with pytest.raises(CheckpointError, match="could not be fetched"):
        resnet_weights(18)
    save_safetensors(weights, remote)
    cache = remote.parents[5] / "cache"
    assert [p for p in cache.rglob("*") if p.is_file()] == []
