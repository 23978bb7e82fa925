import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner

from tintype import export as export_module
from tintype.cli import main
from tintype.errors import CheckpointError, ModelError, OutputExists, RecipeError
from tintype.export import export
from tintype.likely import colors
from tintype.models.card import METADATA_KEY, ModelCard
from tintype.nn.generators import MobileUNet
from tintype.nn.spaces import Colors, hints_of
from tintype.runtime import Session
from tintype.train import checkpoint
from tintype.train.loop import train
from tintype.train.run import new_networks
from tintype.train.weights import weights_of


@pytest.fixture(scope="module")
def run_folder(photo_folder, tmp_path_factory, small_recipe) -> Path:
    out = tmp_path_factory.mktemp("run")
    torch.set_num_threads(1)
    told = ("generator.takes_hints=true", "stages.small.hints=1.0", "stages.gan.hints=1.0")
    likely = ("generator.tells_likely=true", "stages.small.likely_weight=0.1")
    train(small_recipe(*told, *likely), [photo_folder], out)
    return out


@pytest.fixture(scope="module")
def model_file(run_folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("model") / "m.onnx"
    export(run_folder, out)
    return out


@pytest.fixture(scope="module")
def own_file(run_folder, model_file, tmp_path_factory) -> tuple[Path, ModelCard]:
    """With float16 weights and a card of one's own, which is wrong about the network."""
    out = tmp_path_factory.mktemp("own") / "m.onnx"
    own = Session(model_file).card.model_copy(
        update={"name": "mine.v1", "parameters": 1, "multiple_of": 1, "takes_hints": False}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_module, "FLOAT16_ABOVE", 0)
        return out, export(run_folder, out, own)


def test_the_model_says_what_torch_says(run_folder, model_file):
    state = checkpoint.averaged(run_folder)
    g = MobileUNet((16, 16, 8, 8), takes_hints=True, tells_likely=True).eval()
    g.load_state_dict(state["ema"])
    rng = np.random.default_rng(5)
    l = (rng.random((2, 1, 96, 32)) * 100).astype(np.float32)
    ab = rng.uniform(-90, 90, (2, 2, 96, 32)).astype(np.float32)
    mask = (rng.random((2, 1, 96, 32)) < 0.01).astype(np.float32)
    gray, hints = torch.from_numpy(l) / 50 - 1, hints_of(*map(torch.from_numpy, (ab, mask)))
    with torch.no_grad():
        automatic, hinted = 110 * g(gray).numpy(), 110 * g(gray, hints).numpy()
    np.testing.assert_allclose(Session(model_file).predict(l), automatic, atol=0.01)
    np.testing.assert_allclose(Session(model_file).predict(l, (ab, mask)), hinted, atol=0.01)
    assert np.abs(hinted - automatic).max() > 0.1


def test_the_model_tells_how_likely_colors_are(run_folder, model_file):
    g = MobileUNet((16, 16, 8, 8), takes_hints=True, tells_likely=True).eval()
    g.load_state_dict(checkpoint.averaged(run_folder)["ema"])
    l = (np.random.default_rng(5).random((1, 1, 100, 60)) * 100).astype(np.float32)
    padded = np.pad(l, [(0, 0), (0, 0), (0, 28), (0, 4)], "reflect")
    with torch.no_grad():
        _, logits = g(torch.from_numpy(padded) / 50 - 1, likely=True)
    told = Session(model_file).likely(l)
    assert told.ab.shape == (2, 100, 60)
    np.testing.assert_allclose(told.shares, logits.softmax(1)[0, :, :13, :8], atol=1e-4)
    np.testing.assert_array_equal(told.colors, colors())


def test_what_was_exported_is_a_start_with_hints_and_without(model_file, small_recipe):
    l = (np.random.default_rng(5).random((1, 1, 64, 64)) * 100).astype(np.float32)
    want = Session(model_file).predict(l)
    for told in ("true", "false"):
        keys = (f"generator.takes_hints={told}", f"generator.tells_likely={told}")
        weight = "stages.small.likely_weight=" + ("1" if told == "true" else "0")
        g, _ = new_networks(small_recipe(*keys, weight, f"init={model_file}"))
        with torch.no_grad():
            made = Colors(g, g.space).eval()(torch.from_numpy(l)).numpy()
        np.testing.assert_allclose(made, want, atol=0.02)


def test_the_card_is_inside(model_file):
    card = Session(model_file).card
    assert card.name == "tintype-small"
    assert card.images_seen in (0, 8, 16, 24)  # the best of the looks
    assert card.multiple_of == 32
    assert card.working_px == 64  # the stages' crops
    assert card.takes_hints
    assert card.takes_reference
    assert card.gives_confidence
    assert "stages:" in card.recipe


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such model card"),
        ("{}".encode("utf-16"), "the model card is not text in UTF-8"),
        (b"{}", "the model card is not valid: name: Field required"),
    ],
)
def test_a_card_that_is_none(content, said, tmp_path):
    card, out = tmp_path / "card.json", tmp_path / "m.onnx"
    if content is not None:
        card.write_bytes(content)
    done = CliRunner().invoke(main, ["export", "runs/x", "-o", str(out), "--card", str(card)])
    assert done.exit_code == 1
    assert done.stderr == f"tintype: error: {card}: {said}.\n"
    assert not out.exists()


def test_a_card_of_ones_own(own_file):
    path, written = own_file
    assert written.name == "mine.v1"
    assert written.parameters > 1_000_000
    assert written.multiple_of == 32
    assert written.takes_hints
    assert Session(path).card == written


def test_the_file_knows_nothing_of_this_machine(model_file):
    content = model_file.read_bytes()
    for word in (b"/site-packages/", b"tintype/nn", b'File "', str(Path.home()).encode() + b"/"):
        assert word not in content


def test_operators_are_standard_and_old_enough(model_file):
    model = onnx.load(model_file)
    assert {(o.domain, o.version) for o in model.opset_import} == {("", 18)}


def test_the_mean_of_several(run_folder, tmp_path, small_recipe):
    looks = [run_folder / "checkpoints" / f"look-0000000{images}.pt" for images in ("00", "24")]
    parts = [checkpoint.load(look)["ema"] for look in looks]
    mean = checkpoint.mean_of([looks[0], looks[0], looks[1]])
    assert mean["images"] == 24
    moved = 0
    for name, tensor in mean["ema"].items():
        first, last = (part[name].double() for part in parts)
        moved += not torch.equal(first, last)
        torch.testing.assert_close(tensor, ((2 * first + last) / 3).to(tensor.dtype))
    assert moved > 50

    other = tmp_path / "other.pt"
    g, _ = new_networks(small_recipe("generator.widths=[16, 16, 8, 4]"))
    recipe = checkpoint.load(looks[0])["recipe"]
    checkpoint.save(other, {"recipe": recipe, "images": 0, "ema": g.state_dict()})
    with pytest.raises(CheckpointError, match=r"other\.pt: of another network than .*look-000"):
        export([looks[0], other], tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_an_existing_file_stays(run_folder, tmp_path):
    out = tmp_path / "m.onnx"
    out.write_bytes(b"mine")
    with pytest.raises(OutputExists):
        export(run_folder, out)
    assert out.read_bytes() == b"mine"


def test_a_difference_is_caught(run_folder, model_file):
    g = MobileUNet((16, 16, 8, 8), takes_hints=True, tells_likely=True).eval()
    g.load_state_dict(checkpoint.averaged(run_folder)["ema"])
    model = onnx.load(model_file)
    export_module.check(g, model, float16=False)
    torch.manual_seed(0)
    for moved, said in ((g.to_ab, "Lab units at 64x96;"), (g.likely, "how likely a color is")):
        before = copy.deepcopy(moved.state_dict())
        for p in moved.parameters():
            p.data.normal_()
        with pytest.raises(ModelError, match=f"differs from torch .* {said}"):
            export_module.check(g, model, float16=False)
        moved.load_state_dict(before)


def test_float16_weights_are_smaller_and_near(own_file, model_file):
    path, _ = own_file
    assert path.stat().st_size < 0.6 * model_file.stat().st_size
    l = (np.random.default_rng(5).random((1, 1, 64, 64)) * 100).astype(np.float32)
    whole, half = Session(model_file).predict(l), Session(path).predict(l)
    assert 0 < np.abs(whole - half).max() < 1


def test_the_encoder_comes_back_from_the_model(run_folder, model_file):
    state = checkpoint.load(run_folder / "checkpoints" / "latest.pt")["ema"]
    back = weights_of(model_file, prefix="encoder.")
    assert len(back) == sum(k.startswith("encoder.") for k in state)
    for name, tensor in back.items():
        assert torch.equal(tensor, state[f"encoder.{name}"])


def test_training_starts_from_a_file_of_weights(run_folder, tmp_path, small_recipe):
    from safetensors.torch import save_file

    state = checkpoint.load(run_folder / "checkpoints" / "latest.pt")["ema"]
    encoder = {
        name.removeprefix("encoder."): tensor.contiguous()
        for name, tensor in state.items()
        if name.startswith("encoder.")
    }
    file = tmp_path / "encoder.safetensors"
    save_file(encoder, file)
    g, _ = new_networks(small_recipe(f"generator.encoder_weights={file}"))
    assert torch.equal(g.encoder.head.weight, encoder["head.weight"])

    del encoder["head.bias"]
    save_file(encoder, file)
    with pytest.raises(CheckpointError, match="not the weights of this encoder"):
        new_networks(small_recipe(f"generator.encoder_weights={file}"))
    with pytest.raises(RecipeError, match="no such file"):
        new_networks(small_recipe("generator.encoder_weights=gone.safetensors"))


def test_the_bundled_encoder_is_a_start(small_recipe):
    g, _ = new_networks(small_recipe("generator.encoder_weights=bundled"))
    assert float(g.encoder.head.weight.detach().std()) > 0


def test_not_a_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        export(tmp_path, tmp_path / "m.onnx")
    (tmp_path / "x.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        export(tmp_path / "x.pt", tmp_path / "m.onnx")


def test_the_model_colors_where_there_is_no_torch(model_file):
    code = (
        "import sys, numpy as np, tintype\n"
        f"out = tintype.Colorizer({str(model_file)!r})(np.full((40, 60), 128, np.uint8))\n"
        "assert out.shape == (40, 60, 3), out.shape\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_card_is_read_back_from_metadata(model_file):
    model = onnx.load(model_file)
    text = {p.key: p.value for p in model.metadata_props}[METADATA_KEY]
    assert ModelCard.from_json(text, where="x").name == "tintype-small"
