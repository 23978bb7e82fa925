"""What is sent comes back in color, as the command line colors it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from skimage import data

from tintype import Colorizer, Photo

Server = Any  # of conftest.py
SIXTEEN = (data.camera().astype(np.uint16) * 257)[:300, :400]


def encoded(array: np.ndarray[Any, Any], format: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, format)
    return file.getvalue()


def decoded(content: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def photographs(tall: bytes) -> dict[str, bytes]:
    return {
        "tall.jpeg": tall,
        "chelsea.png": encoded(data.chelsea()[..., 1], "PNG"),
        "deep.tif": encoded(SIXTEEN, "TIFF"),
        "coffee.webp": encoded(data.coffee(), "WEBP"),
        "page.gif": encoded(data.page(), "GIF"),
        "größe 写真.bmp": encoded(data.camera()[:100], "BMP"),
    }


def test_result_is_that_of_the_command_line(
    server: Server, tall: bytes, hint_model: Path, tmp_path: Path
) -> None:
    sent = photographs(tall)
    for name, content in sent.items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-m", "tintype", "colorize", *sent, "--model", str(hint_model)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for name, content in sent.items():
        response = server.colorize(content, name)
        assert response.status_code == 200, response.text
        result = unquote(response.headers["Content-Disposition"].partition("UTF-8''")[2])
        assert response.content == (tmp_path / result).read_bytes(), name


def test_a_raw_body_is_as_good_as_a_form(server: Server, camera: bytes) -> None:
    fields = {"strength": "1.5", "format": "png", "keep_tint": "true"}
    raw = server.client.post("/v1/colorize", params=fields, content=camera)
    form = server.colorize(camera, **fields)
    assert raw.content == form.content
    assert raw.headers["Content-Type"] == "image/png"
    assert raw.headers["Content-Disposition"].endswith("photo.jpg.color.png")


def test_answer_says_what_it_is(server: Server, tall: bytes) -> None:
    headers = server.colorize(tall, "tall.jpg").headers
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"tall.color.jpg\"; filename*=UTF-8''tall.color.jpg"
    )
    assert headers["X-Tintype-Model"] == "tiny-hints.v1"
    assert headers["X-Tintype-Size"] == "400x600"
    assert "X-Tintype-Note" not in headers


def test_what_a_result_cannot_be_is_noted(server: Server) -> None:
    response = server.colorize(encoded(data.page(), "GIF"), "page.gif")
    assert unquote(response.headers["X-Tintype-Note"]) == (
        "page.gif: a GIF holds 256 colors: the result is png."
    )


def test_preview_is_small_and_looks_the_same(server: Server, tall: bytes) -> None:
    small = server.colorize(tall, format="webp", preview_px=150)
    assert small.headers["X-Tintype-Size"] == "400x600"
    pixels = decoded(small.content)
    assert pixels.shape == (150, 100, 3)
    whole = Image.fromarray(decoded(server.colorize(tall, format="png").content).astype(np.uint8))
    same = np.asarray(whole.resize((100, 150), Image.Resampling.BOX)).astype(int)
    assert np.abs(pixels - same).mean() < 4


def test_strength_0_is_gray(server: Server, camera: bytes) -> None:
    pixels = decoded(server.colorize(camera, format="png", strength=0).content)
    assert np.ptp(pixels, axis=2).max() <= 1
    assert np.abs(pixels[..., 1] - decoded(camera)[..., 1]).max() <= 1


@pytest.mark.parametrize("preview_px", [{}, {"preview_px": 300}])
def test_hint_colors_its_place_in_pixels_of_the_whole(
    server: Server, tall: bytes, preview_px: dict[str, int]
) -> None:
    hints = {"points": [{"x": 100, "y": 450, "color": "#2030c0", "radius": 30}]}
    fields = {"format": "png"} | preview_px
    plain = decoded(server.colorize(tall, **fields).content)
    hinted = decoded(server.colorize(tall, hints=json.dumps(hints), **fields).content)
    changed = np.argwhere(np.abs(hinted - plain).max(axis=2) > 20)
    middle = changed.mean(axis=0) * 600 / len(plain)
    assert np.abs(middle - (450, 100)).max() < 12
    y, x = (changed.mean(axis=0)).astype(int)
    assert hinted[y, x, 2] > hinted[y, x, 0]


def test_a_variant_is_that_of_the_command_line(
    server: Server, camera: bytes, hint_model: Path
) -> None:
    made = [server.colorize(camera, variant=str(number)).content for number in range(3)]
    color = Colorizer(hint_model)
    for number, content in enumerate(made):
        expected = color(Photo.open(camera, name="photo.jpg"), variant=number).to_bytes("jpeg")
        np.testing.assert_array_equal(decoded(content), decoded(expected))
    reds = [decoded(content)[..., 0].mean() for content in made]
    assert reds[1] > reds[0] + 20 > reds[2] + 20


def test_model_is_chosen_by_name_with_or_without_tag(server: Server, camera: bytes) -> None:
    for name in ("tiny", "tiny.v1"):
        assert server.colorize(camera, model=name).headers["X-Tintype-Model"] == "tiny.v1"


def test_models_tell_their_cards(server: Server) -> None:
    told = server.client.get("/v1/models").json()
    assert told["default"] == "tiny-hints.v1"
    hinted, plain = told["models"]
    assert (hinted["takes_hints"], plain["takes_hints"]) == (True, False)
    assert plain["name"] == "tiny.v1"
    assert plain["weights_license"] == "CC0-1.0"


HINT = '{"points": [{"x": 600, "y": 1, "color": "#ff0000"}]}'


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"strength": "7"}, "strength is '7'"),
        ({"strength": "nan"}, "strength is 'nan'"),
        ({"quality": "0"}, "quality is '0'"),
        ({"variant": "9"}, "variant is '9'"),
        ({"variant": "1", "model": "tiny"}, "tiny.v1: this model does not tell how likely"),
        ({"format": "gif"}, "format is 'gif'"),
        ({"keep_tint": "perhaps"}, "keep_tint is 'perhaps'"),
        ({"preview_px": "1"}, "preview_px is '1'"),
        ({"strengh": "1"}, "'strengh'"),
        ({"model": "other"}, "model is 'other'; there are tiny-hints.v1, tiny.v1"),
        ({"model": "../../etc/passwd"}, "model is '../../etc/passwd'"),
        ({"hints": HINT}, "600,1 is outside the picture of 512x512"),
        ({"hints": HINT, "preview_px": "64"}, "600,1 is outside the picture of 512x512"),
        ({"hints": "{"}, "hints: "),
        ({"hints": HINT.replace("600", "6"), "model": "tiny"}, "tiny.v1: this model takes no"),
    ],
)
def test_bad_field_is_named_with_its_value(
    server: Server, camera: bytes, fields: dict[str, str], named: str
) -> None:
    problem = server.refused(server.colorize(camera, **fields), 422)
    assert named in problem["detail"]


def test_field_that_is_given_twice_is_refused(server: Server, camera: bytes) -> None:
    form = {"file": ("a.jpg", camera)}
    response = server.client.post("/v1/colorize?strength=1", files=form, data={"strength": "1"})
    assert server.refused(response, 422)["detail"] == "'strength' is given 2 times."


def test_what_is_no_picture_is_refused(server: Server, camera: bytes) -> None:
    page = server.refused(server.colorize(b"<html></html>", "page.html"), 415)
    assert "page.html" in page["detail"]
    assert server.refused(server.colorize(b"", "empty.jpg"), 422)["detail"] == "The file is empty."
    cut = server.refused(server.colorize(camera[:9000], "cut.jpg"), 422)
    assert "the file ends before the picture does" in cut["detail"]
    assert "copy or download" in cut["hint"]


def test_svg_and_other_loaders_that_fetch_are_not_reached(server: Server) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>'
    server.refused(server.colorize(svg, "photo.jpg"), 415)


def test_own_result_is_refused(server: Server, camera: bytes) -> None:
    result = server.colorize(camera).content
    assert "colored by tintype before" in server.refused(server.colorize(result), 422)["detail"]


def test_form_without_a_file_is_refused(server: Server) -> None:
    response = server.client.post("/v1/colorize", files={"photo": ("a.jpg", b"x")})
    assert "no 'file'" in server.refused(response, 422)["detail"]
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    server.refused(server.client.post("/v1/colorize", content=b"garbage", headers=broken), 400)
    no_boundary = {"Content-Type": "multipart/form-data"}
    server.refused(server.client.post("/v1/colorize", content=b"garbage", headers=no_boundary), 400)


@pytest.mark.parametrize("charset", ["undefined", "utf-7", "no-such"])
def test_form_in_another_charset_is_refused(server: Server, camera: bytes, charset: str) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="+2AA-.jpg"\r\n\r\n'
    kind = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    content = head + camera + b"\r\n--x--\r\n"
    problem = server.refused(server.client.post("/v1/colorize", content=content, headers=kind), 400)
    assert f"charset is {charset!r}" in problem["detail"]


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ("../../../etc/passwd.jpg", "passwd.color.jpg"),
        (r"C:\Users\me\scan.jpg", "scan.color.jpg"),
        ("a\r\nSet-Cookie: b.jpg", "a%0D%0ASet-Cookie b.color.jpg"),
        ("..", "photo.color.jpg"),
        ("größe.jpg", "größe.color.jpg"),
        ("x" * 400 + ".jpg", "x" * 196 + ".color.jpg"),
    ],
)
def test_name_of_a_file_is_never_a_path(
    server: Server, camera: bytes, sent: str, named: str
) -> None:
    headers = server.colorize(camera, sent).headers
    plain, encoded = headers["Content-Disposition"].split("; ")[1:]
    assert plain == f'filename="{re.sub("[^ -~]", "_", named)}"'
    assert unquote(encoded) == f"filename*=UTF-8''{named}"


def test_unknown_address_and_method(server: Server) -> None:
    server.refused(server.client.get("/v1/nothing"), 404)
    server.refused(server.client.put("/v1/colorize"), 405)
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/docs/../../settings.py"):
        assert server.client.get(path).status_code == 404
