"""`tintype evaluate` from outside: its figures are those that anybody would compute."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import color, metrics

from tintype import contact
from tintype.colorizer import Colorizer
from tintype.errors import PhotoTooLarge
from tintype.evaluate.pictures import read_rgb, results_for, true_pictures
from tintype.evaluate.protocol import PROTOCOLS

Run = Callable[..., subprocess.CompletedProcess[str]]


def rgb(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def record(evaluate: Run, *arguments: object) -> dict[str, Any]:
    out = Path(str(arguments[0])).parent / "figures.json"
    done = evaluate(*arguments, "--json", out)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return found


def by_another_script(truth: Path, results: Path) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {"de00": [], "psnr": [], "ssim": []}
    for file in sorted(truth.iterdir()):
        true, made = rgb(file), rgb(results / f"{file.stem}.webp")
        labs = color.rgb2lab(true), color.rgb2lab(made)
        figures["de00"].append(float(color.deltaE_ciede2000(*labs).mean()))
        figures["psnr"].append(float(metrics.peak_signal_noise_ratio(true, made)))
        figures["ssim"].append(float(metrics.structural_similarity(true, made, channel_axis=-1)))
    return figures


def test_a_folder_of_a_foreign_tool(evaluate: Run, truth: Path, foreign: Path) -> None:
    found = record(evaluate, foreign, "--data", truth)
    expected = by_another_script(truth, foreign)
    for i, file in enumerate(sorted(truth.iterdir())):
        for key, values in expected.items():
            assert found["pictures"][file.stem]["foreign"][key] == pytest.approx(
                values[i], abs=1e-6
            )
    for key, values in expected.items():
        figure = found["groups"]["all"]["foreign"][key]
        assert figure["mean"] == pytest.approx(np.mean(values), abs=1e-6)
        assert figure["low"] is None  # nine pictures are too few for an interval


def test_rows_that_are_always_there(evaluate: Run, truth: Path, foreign: Path) -> None:
    rows = record(evaluate, foreign, "--data", truth)["groups"]["all"]
    assert list(rows) == ["foreign", "gray", "half", "truth"]
    assert rows["truth"]["de00"]["mean"] == rows["truth"]["cf_err"]["mean"] == 0
    assert rows["truth"]["psnr"]["mean"] is None  # infinite
    assert rows["gray"]["cf"]["mean"] < 0.5
    assert rows["gray"]["bleed"]["mean"] is None
    order = [rows[name]["de00"]["mean"] for name in ("truth", "foreign", "half", "gray")]
    assert order == sorted(order)
    assert rows["half"]["cf_diff"]["mean"] < 0 < rows["half"]["cf_means"]["mean"]


def test_groups_by_prefix(evaluate: Run, truth: Path, foreign: Path) -> None:
    groups = record(evaluate, foreign, "--data", truth)["groups"]
    assert {name: rows["gray"]["n"] for name, rows in groups.items()} == {
        "all": 9,
        "cat": 3,
        "food": 3,
        "people": 3,
    }


def test_a_model_is_given_the_gray_picture(
    evaluate: Run, truth: Path, tiny_model: Path, tmp_path: Path
) -> None:
    colored = tmp_path / "colored"
    colored.mkdir()
    for file in truth.iterdir():
        lab = color.rgb2lab(rgb(file)) * [1, 0, 0]
        gray = (color.lab2rgb(lab) * 255 + 0.5).astype(np.uint8)[..., 1]
        made = Colorizer(tiny_model)(np.ascontiguousarray(gray))
        Image.fromarray(made).save(colored / f"{file.stem}.color.png")
    found = record(evaluate, colored, tiny_model, "--data", truth)["pictures"]
    for rows in found.values():
        assert rows["tiny.onnx"] == rows["colored"]


def test_judge_adds_its_figures(evaluate: Run, truth: Path, foreign: Path, judge: Path) -> None:
    without = evaluate(foreign, "--data", truth)
    assert "recognized" not in without.stdout
    done = evaluate(foreign, "--data", truth, "--judge", judge)
    assert done.returncode == 0
    assert "recognized" in done.stdout
    assert "FD" not in done.stdout  # of nine pictures there is none


def test_against(evaluate: Run, truth: Path, foreign: Path) -> None:
    found = record(evaluate, foreign, "--data", truth, "--against", "gray")
    wins = found["against"]["gray"]["foreign"]
    assert wins["de00"]["share"]["mean"] == 1
    assert 0.6 < wins["de00"]["share"]["low"] < 1
    assert wins["de00"]["is_different"]
    assert wins["de00"]["difference"]["mean"] < 0
    assert set(found["against"]["gray"]) == {"foreign", "half"}


def test_a_model_is_not_better_than_its_twin(
    evaluate: Run, truth: Path, tiny_model: Path, model_file: Callable[..., Path]
) -> None:
    # other files: one colors the same, and one differs by less than a code value
    renamed = Colorizer(tiny_model).card.model_copy(update={"name": "twin.v1"})
    twin = model_file("twin.onnx", card=renamed)
    near = model_file("near.onnx", a_b=(0.1, 0.300001))
    assert len({file.read_bytes() for file in (tiny_model, twin, near)}) == 3
    found = record(evaluate, tiny_model, twin, near, "--data", truth, "--against", "tiny.onnx")
    wins = found["against"]["tiny.onnx"]
    assert {win["share"]["mean"] for win in wins["twin.onnx"].values()} == {0.5}
    for win in [*wins["twin.onnx"].values(), *wins["near.onnx"].values()]:
        assert not win["is_different"]
        assert abs(win["difference"]["mean"]) < 1e-3
    assert wins["half"]["de00"]["is_different"]


def test_limit_takes_the_first_by_name(evaluate: Run, truth: Path, foreign: Path) -> None:
    found = record(evaluate, foreign, "--data", truth, "--limit", 2)
    assert list(found["pictures"]) == ["cat_0", "cat_1"]


def test_protocol_crops_truth_and_results(evaluate: Run, truth: Path, foreign: Path) -> None:
    arguments = (foreign, "--data", truth, "--protocol", "imagenet-val5k", "--limit", 2)
    done = evaluate(*arguments)
    assert done.returncode == 0
    assert "imagenet-val5k has 5000" in done.stderr
    for file in foreign.iterdir():  # results that are cropped already give the same
        with Image.open(file) as image:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = image.crop((left, top, left + side, top + side))
        square.resize((256, 256), Image.Resampling.BICUBIC).save(file, lossless=True)
    assert evaluate(*arguments).stdout == done.stdout


def test_pictures_in_folders_go_by_their_paths(
    evaluate: Run, truth: Path, foreign: Path, tmp_path: Path
) -> None:
    for folder, suffix in ((truth, ".jpg"), (foreign, ".webp")):
        for group in ("cat", "food"):
            (folder / group).mkdir()
            (folder / f"{group}_1{suffix}").rename(folder / group / f"same{suffix}")
    found = record(evaluate, foreign, "--data", truth)
    assert {"cat/same", "food/same"} < set(found["pictures"])
    assert tmp_path.is_dir()


def test_gray_truth_is_left_out_and_counted(evaluate: Run, truth: Path, foreign: Path) -> None:
    gray = Image.fromarray(rgb(truth / "cat_1.jpg")).convert("L")
    gray.save(truth / "cat_1.jpg")
    done = evaluate(foreign, "--data", truth)
    assert done.returncode == 0
    assert done.stdout.startswith("\nall, 8 pictures")
    assert "1 gray, with no color to compare with: cat_1." in done.stderr
    for file in truth.iterdir():
        Image.fromarray(rgb(file)).convert("L").save(file)
    assert_one_line(evaluate(foreign, "--data", truth), "of 9 pictures none has color")


def assert_one_line(done: subprocess.CompletedProcess[str], told: str, code: int = 1) -> None:
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("tintype: error: ")
    assert told in line


def test_missing_results_are_named(evaluate: Run, truth: Path, foreign: Path) -> None:
    for name in ("cat_0", "cat_1", "food_0", "people_2"):
        (foreign / f"{name}.webp").unlink()
    assert_one_line(
        evaluate(foreign, "--data", truth), "no result for cat_0, cat_1, food_0 and 1 more"
    )


def test_extra_results_are_named(evaluate: Run, truth: Path, foreign: Path) -> None:
    (foreign / "food_0.webp").rename(foreign / "food_0.color.webp")
    Image.new("RGB", (9, 9)).save(foreign / "grid.png")
    (foreign / "notes.txt").write_text("no picture")
    done = evaluate(foreign, "--data", truth)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.endswith("grid.png.")


def test_two_results_for_one_picture(evaluate: Run, truth: Path, foreign: Path) -> None:
    Image.new("RGB", (9, 9)).save(foreign / "cat_0.png")
    assert_one_line(evaluate(foreign, "--data", truth), "two results for cat_0")


def test_sizes_that_differ(evaluate: Run, truth: Path, foreign: Path) -> None:
    Image.new("RGB", (64, 63)).save(foreign / "food_1.webp")
    assert_one_line(
        evaluate(foreign, "--data", truth), "food_1.webp: is 64x63 px, and the truth 72x65"
    )


@pytest.mark.parametrize("where", ["truth", "foreign"])
def test_truncated_picture(evaluate: Run, truth: Path, foreign: Path, where: str) -> None:
    file = truth / "food_1.jpg" if where == "truth" else foreign / "food_1.webp"
    file.write_bytes(file.read_bytes()[:-300])
    assert_one_line(evaluate(foreign, "--data", truth), f"{file.name}: cannot be read")


def test_no_pictures(evaluate: Run, foreign: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    assert_one_line(evaluate(foreign, "--data", empty), "empty: no such folder")
    empty.mkdir()
    assert_one_line(evaluate(foreign, "--data", empty), "empty: holds no pictures")
    file = foreign / "cat_0.webp"
    assert_one_line(evaluate(foreign, "--data", file), "cat_0.webp: a file, and no folder")


def test_results_are_no_truth(evaluate: Run, truth: Path, foreign: Path) -> None:
    contact.save(Image.new("RGB", (64, 64), "red"), truth / "cat_0.color.jpg")
    done = evaluate(foreign, "--data", truth)
    assert done.returncode == 0
    assert "no truth: " in done.stderr
    assert "cat_0.color.jpg." in done.stderr
    for file in truth.iterdir():
        if file.name != "cat_0.color.jpg":
            file.unlink()
    assert_one_line(evaluate(foreign, "--data", truth), "truth: holds no true pictures, only")


def test_names_that_are_not_there(evaluate: Run, truth: Path, foreign: Path) -> None:
    assert_one_line(evaluate("tintype-smal", "--data", truth), "Did you mean tintype-small?")
    assert_one_line(
        evaluate(foreign, "--data", truth, "--against", "forein"), "Did you mean foreign?"
    )
    assert_one_line(evaluate(foreign, foreign, "--data", truth), "two rows of one name")
    assert_one_line(evaluate(foreign), "--data", code=2)


def test_what_is_no_judge(evaluate: Run, truth: Path, foreign: Path) -> None:
    assert_one_line(
        evaluate(foreign, "--data", truth, "--judge", "none.safetensors"), "no such file"
    )


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "CMYK"])
def test_results_of_any_mode(evaluate: Run, truth: Path, foreign: Path, mode: str) -> None:
    for file in foreign.iterdir():
        with Image.open(file) as image:
            image.convert(mode).save(file.with_suffix(".tif"))
        file.unlink()
    done = evaluate(foreign, "--data", truth, "--limit", 2)
    assert (done.returncode, done.stderr) == (0, "")


def test_results_that_are_turned_upright(evaluate: Run, truth: Path, foreign: Path) -> None:
    before = evaluate(foreign, "--data", truth).stdout
    for file in foreign.iterdir():
        with Image.open(file) as image:
            turned = image.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6  # to be shown turned clockwise
        turned.save(file, lossless=True, exif=exif)
    assert evaluate(foreign, "--data", truth).stdout == before


def test_names_that_are_not_text(evaluate: Run, truth: Path, foreign: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(b"cat_\xff")
    (truth / "cat_0.png").rename(truth / f"{odd}.png")
    (foreign / "cat_0.webp").rename(foreign / f"{odd}.webp")
    found = record(evaluate, foreign, "--data", truth, "--report", tmp_path / "report")
    assert "cat_?" in found["pictures"]


def test_terminal_shows_a_bar(truth: Path, foreign: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    done = subprocess.run(
        [sys.executable, "-m", "tintype", "evaluate", foreign, "--data", truth],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "measuring" in shown
    assert "/9 [" in shown


def test_sixteen_bits_of_gray_are_not_white(tmp_path: Path) -> None:
    ramp = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    read = read_rgb(tmp_path / "ramp.png")
    np.testing.assert_array_equal(read, np.repeat(np.arange(256).reshape(16, 16, 1), 3, axis=2))


def test_pictures_in_class_folders_are_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("a/3.png", "a/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert list(true_pictures(tmp_path)) == ["1", "2", "3"]


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")
    os.mkfifo(tmp_path / "2")
    os.mkfifo(tmp_path / "3.png")
    assert list(true_pictures(tmp_path)) == ["1"]


def test_a_link_gives_its_name(
    evaluate: Run, truth: Path, foreign: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.onnx").symlink_to(tiny_model)
    (tmp_path / "theirs").symlink_to(foreign, target_is_directory=True)
    found = record(evaluate, tmp_path / "mine.onnx", "theirs/", "--data", truth, "--limit", 1)
    assert list(found["groups"]["all"]) == ["mine.onnx", "theirs", "gray", "half", "truth"]


def test_a_true_picture_that_is_called_a_result(tmp_path: Path) -> None:
    every = {"a": Path("a.jpg"), "b.color": Path("b.color.jpg"), "c": Path("c.jpg")}
    for name in ("a.color.png", "b.color.png", "c.png", "c.color.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    found = results_for(every, every, tmp_path)
    assert {name: file.name for name, file in found.files.items()} == {
        "a": "a.color.png",
        "b.color": "b.color.png",
        "c": "c.color.png",
    }
    (tmp_path / "c.png").rename(tmp_path / "b.color.color.png")
    assert results_for(every, every, tmp_path).files["b.color"].name == "b.color.color.png"


def test_the_limit_of_pixels_is_that_of_the_settings(
    truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow would warn, or refuse
    square = PROTOCOLS["ade20k"].cut(read_rgb(truth / "cat_0.png"))
    assert square.shape == (256, 256, 3)
    assert Image.MAX_IMAGE_PIXELS == 1000
    monkeypatch.setenv("TINTYPE_MAX_PIXELS", "5000")
    with pytest.raises(PhotoTooLarge, match=r"cat_0\.png: 72 x 72 .* TINTYPE_MAX_PIXELS"):
        read_rgb(truth / "cat_0.png")
