"""What can be opened, and what is said of what cannot."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from tintype import Photo, PhotoError, PhotoTooLarge, TintypeError, UnsupportedFormat
from tintype.image import is_picture
from tintype.image.vips import pyvips


@pytest.fixture(params=["jpeg", "png", "tiff", "webp", "gif", "bmp", "jpeg2000", "ppm"])
def any_file(request, file_of, gray_scan):
    return file_of(gray_scan, request.param)


def test_kinds_are_told_by_content(any_file, tmp_path, gray_scan):
    path = tmp_path / "holiday.txt"
    path.write_bytes(any_file)
    assert is_picture(path)
    photo = Photo.open(path)
    assert (photo.width, photo.height, photo.name) == (256, 256, str(path))
    off = photo.to_array().astype(int)[..., 0] - gray_scan
    assert np.abs(off).mean() < 4


@pytest.mark.parametrize("content", [b"", b"P", b"hello, world" * 9, b"%PDF-1.7", b"<svg/>"])
def test_what_is_no_picture(content, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert not is_picture(path)
    with pytest.raises(UnsupportedFormat, match=r"photo\.jpg"):
        Photo.open(path)
    with pytest.raises(UnsupportedFormat):
        Photo.open(content)


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(PhotoError, match="No such file"):
        Photo.open(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match="is a folder"):
        Photo.open(tmp_path)
    assert not is_picture(tmp_path)
    assert not is_picture(tmp_path / "none.jpg")
    with pytest.raises(TypeError, match="path, bytes"):
        Photo.open(3)


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.98])
@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp"])
def test_truncated_files_are_refused_whole(format, kept, file_of, tinted_scan, strong_ab, tmp_path):
    content = file_of(tinted_scan, format)
    path = tmp_path / "cut.file"
    path.write_bytes(content[: int(len(content) * kept)])
    for written in ("out.jpg", "out.png"):
        with pytest.raises(PhotoError, match=r"cut\.file: .*(ends before|damaged)") as caught:
            Photo.open(path).with_chroma(strong_ab).save(tmp_path / written)
        assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["cut.file"]


def test_a_progressive_jpeg_cut_short(file_of, gray_scan, strong_ab):
    content = file_of(gray_scan, "jpeg", progressive=True)
    assert Photo.open(content).with_chroma(strong_ab).to_bytes()
    with pytest.raises(PhotoError, match="ends before"):
        Photo.open(content[: len(content) // 2]).with_chroma(strong_ab).to_bytes()


def test_the_public_message_holds_no_path(tmp_path):
    path = tmp_path / "secret.jpg"
    path.write_bytes(b"no")
    with pytest.raises(TintypeError) as caught:
        Photo.open(path)
    assert "secret" not in caught.value.public_message


def test_the_limit_of_pixels(monkeypatch, gray_scan, file_of):
    monkeypatch.setenv("TINTYPE_MAX_PIXELS", "65535")
    with pytest.raises(PhotoTooLarge, match="256 x 256 is more than the limit of 65535"):
        Photo.open(file_of(gray_scan, "png"))
    monkeypatch.setenv("TINTYPE_MAX_PIXELS", "65536")
    assert Photo.open(file_of(gray_scan, "png")).width == 256
    monkeypatch.setenv("TINTYPE_MAX_PIXELS", "many")
    with pytest.raises(TintypeError, match="TINTYPE_MAX_PIXELS='many'"):
        Photo.open(file_of(gray_scan, "png"))


@pytest.mark.parametrize("format", ["bmp", "jpeg2000", "ppm"])
def test_the_limit_of_pixels_is_ours_alone(monkeypatch, gray_scan, file_of, format):
    content = file_of(gray_scan, format)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow's own, by far too low
    assert Photo.open(content).width == 256
    monkeypatch.setenv("TINTYPE_MAX_PIXELS", "65535")
    # told before its pixels are decoded: they are not even there
    with pytest.raises(PhotoTooLarge, match="256 x 256 is more than the limit of 65535"):
        Photo.open(content[:700])


def no_picture(_):
    return b"no picture"


def cut(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()[:3000]


def cut_header(_):
    return b"P5\n256"


def cut_pixels(_):
    return b"P5\n256 256\n255\n" + bytes(100)


def of_floats(picture):
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.float32)).save(file, "tiff")
    return file.getvalue()


def of_integers(picture):
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.int32)).save(file, "tiff")
    return file.getvalue()


@pytest.mark.parametrize(
    "failing", [no_picture, cut, cut_header, cut_pixels, of_floats, of_integers]
)
def test_every_failure_names_its_file(failing, gray_scan, strong_ab, tmp_path):
    path = tmp_path / "photo"
    path.write_bytes(failing(gray_scan))
    with pytest.raises(PhotoError) as caught:
        Photo.open(path).with_chroma(strong_ab).to_bytes()
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_pil_images_without_a_range_are_named(gray_scan):
    with pytest.raises(PhotoError, match=r"^scan: a PIL image of mode F has no range"):
        Photo.open(Image.fromarray(gray_scan).convert("F"), name="scan")


@pytest.mark.parametrize("space", ["lab", "labs"])  # of floats, of 16 bits
def test_lab_tiff(space, tinted_scan, strong_ab, lightness_of):
    lab = pyvips.Image.new_from_array(tinted_scan).colourspace(space)
    photo = Photo.open(lab.tiffsave_buffer())
    colored = photo.with_chroma(strong_ab).to_array()
    assert colored.dtype == np.uint16
    assert np.abs(lightness_of(colored / 257) - lightness_of(tinted_scan)).max() < 1


@pytest.mark.parametrize("name", ["é ö 写真.jpg", "photo[1].jpg", "a[b]", "-x.jpg", "a%20b.jpg"])
def test_names(name, tmp_path, file_of, gray_scan, strong_ab):
    path = tmp_path / name
    path.write_bytes(file_of(gray_scan, "jpeg"))
    result = Photo.open(path).with_chroma(strong_ab).save(tmp_path / f"{name}.color.jpg")
    assert Photo.open(result).width == 256


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX only")
def test_names_that_are_not_unicode(tmp_path, file_of, gray_scan, strong_ab):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(file_of(gray_scan, "png"))
    assert Photo.open(path).with_chroma(strong_ab).save(path.with_suffix(".tif")).exists()


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "La", "RGBa"]
)
def test_pil_modes(mode, tinted_scan, strong_ab):
    image = Image.fromarray(tinted_scan)
    by_way_of = {"PA": "RGBA", "La": "LA", "RGBa": "RGBA"}.get(mode, mode)
    image = image.convert(by_way_of).convert(mode)
    bands = 4 if mode in ("LA", "PA", "RGBA", "La", "RGBa") else 3
    assert Photo.open(image).with_chroma(strong_ab).to_array().shape == (256, 256, bands)


def test_pil_images_of_16_bits(gray_scan):
    deep = gray_scan.astype(np.uint16) * 257
    image = Image.fromarray(deep)
    assert (Photo.open(image).to_array()[..., 0] == deep).all()
    assert (Photo.open(image.convert("I")).to_array()[..., 0] == deep).all()


def test_a_pil_image_of_a_broken_file(file_of, tinted_scan):
    content = file_of(tinted_scan, "jpeg")
    with (
        Image.open(io.BytesIO(content[:5000])) as image,
        pytest.raises(PhotoError, match="truncated"),
    ):
        Photo.open(image)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 3), np.int64), "int64"),
        (np.zeros(3, np.uint8), r"\(3,\)"),
        (np.zeros((3, 3, 5), np.uint8), r"\(3, 3, 5\)"),
        (np.zeros((0, 3), np.uint8), r"\(0, 3, 1\)"),
        (np.full((3, 3), 255.0), r"\[255, 255\]"),
        (np.full((3, 3), np.nan), "nan"),
    ],
)
def test_arrays_that_are_no_pictures(array, said):
    with pytest.raises(PhotoError, match=said):
        Photo.open(array)


def test_arrays_of_any_memory_layout(gray_scan):
    flipped = gray_scan[::-1, ::-1]
    assert (Photo.open(flipped).to_array()[..., 0] == flipped).all()
    assert (Photo.open(np.asfortranarray(gray_scan)).to_array()[..., 0] == gray_scan).all()


def test_cmyk(tinted_scan, strong_ab, pixels_of):
    file = io.BytesIO()
    Image.fromarray(tinted_scan).convert("CMYK").save(file, "jpeg", quality=95)
    photo = Photo.open(file.getvalue()).with_chroma(strong_ab)
    colored = pixels_of(photo.to_bytes())
    assert colored.shape == (256, 256, 3)
    before = Photo.open(file.getvalue()).luminance(64)
    assert np.abs(Photo.open(photo.to_bytes("png")).luminance(64) - before).mean() < 1
    with Image.open(io.BytesIO(photo.to_bytes())) as image:
        assert "icc_profile" not in image.info


def test_a_file_that_changes_is_read_anew(tmp_path, file_of, gray_scan):
    path = tmp_path / "a.png"
    path.write_bytes(file_of(gray_scan, "png"))
    assert Photo.open(path).width == 256
    path.write_bytes(file_of(gray_scan[:, :100], "png"))
    assert Photo.open(path).width == 100
