"""Files of every format, mode, depth and oddity, colored: light by pixel, metadata tag by tag."""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from corpus import CMYK_AND_LAB, LOSSY, ONE_BIT, UNREADABLE, corpus, gray_of
from PIL import Image

from tintype import Photo, UnsupportedFormat
from tintype.formats import EXTENSIONS, kind_of, written_for
from tintype.provenance import ENHANCED, is_our_result

CASES = {case.name: case for case in corpus()}
READABLE = sorted(CASES.keys() - UNREADABLE)

TAGGED = {
    "EXIF:ImageDescription": "Harbor, größe",
    "EXIF:Artist": "A. Nonymous",
    "EXIF:Copyright": "CC0",
    "EXIF:Make": "Leitz",
    "EXIF:Model": "IIIa",
    "EXIF:DateTimeOriginal": "1931:05:06 07:08:09",
    "EXIF:LensModel": "Elmar",
    "EXIF:UserComment": "seen",
    "EXIF:GPSLatitude": "48.1",
    "EXIF:GPSLatitudeRef": "N",
    "EXIF:XResolution": "300",
    "EXIF:YResolution": "300",
    "EXIF:ResolutionUnit": "inches",
    "XMP-dc:Title": "Box 7",
    "XMP-dc:Subject": "harbor",
    "XMP-photoshop:City": "Kiel",
    "IPTC:Caption-Abstract": "Harbor",
    "IPTC:City": "Kiel",
    "PNG:Title": "Harbor",
    "PNG:CreationTime": "1931:05:06 07:08:09",
    "Comment": "A note",
}

RIGHTLY_CHANGED = {
    r"(System|ExifTool|Composite|SourceFile|QuickTime|Jpeg2000|GIF|RIFF|VP8.*)\b": "the file",
    r"File\b(?!:Comment)": "the file and how it is built, not what it says",
    r"IFD\d:(BitsPerSample|Compression|PhotometricInterpretation|SamplesPerPixel|SampleFormat"
    r"|(Strip|Tile)(Offsets|ByteCounts)|RowsPerStrip|ColorMap|Predictor|FillOrder|T[46]Options"
    r"|PlanarConfiguration|ExtraSamples|JPEGTables|PreviewImage.*|YCbCr.*|ReferenceBlackWhite"
    r"|InkSet|NumberofInks)": "how the pixels are stored: now three channels, compressed anew",
    r"IFD\d:Software": "names what wrote this file",
    r"IFD\d:Orientation": "the picture is upright",
    r"IFD0:PageNumber": "written by libtiff of each page anew",
    r"PNG:(BitDepth|ColorType|Palette|Transparency|Interlace|ProfileName|Compression)": (
        "how the pixels are stored"
    ),
    r"PNG-pHYs:.*": "that of EXIF, where they differed",
    r"ExifIFD:(ColorSpace|ExifImageWidth|ExifImageHeight)": "of the result: sRGB, its size",
    r"ExifIFD:(ExifVersion|FlashpixVersion)": "of what wrote the block",
    r"JFIF:.*": "left out where EXIF says the same",
    r"Adobe:.*": "how CMYK or RGB is stored; the result is YCbCr",
    r"ICC(-header|_Profile|-.*):.*": "that of Lab or CMYK; an RGB profile is compared in test_icc",
    r"XMP-x:XMPToolkit": "names what wrote the packet",
}
NO_PLACE = {  # what a kind of result has no place for
    "webp": r"IPTC:.*",
    "avif": r"IPTC:.*",
}


@pytest.fixture(scope="module")
def chroma():
    """(2, 24, 32): smooth color as strong as any."""
    rng = np.random.default_rng(7)
    planes = rng.uniform(-70, 70, (2, 6, 8)).astype(np.float32)
    return np.stack([np.asarray(Image.fromarray(p).resize((32, 24), 3)) for p in planes])


def colored(photo, ab):
    """A photograph in color, all its pages."""

    def color_page(page):
        return page.with_chroma(ab, model="tiny.v1")

    return color_page(photo).with_pages(color_page)


def test_there_are_enough():
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_what_is_not_read_is_told(name):
    with pytest.raises(UnsupportedFormat, match=rf"{name}: {UNREADABLE[name]}"):
        Photo.open(CASES[name].content, name=name)


@pytest.mark.parametrize("name", READABLE)
def test_the_light_of_every_page_is_kept(name, chroma, lightness_of):
    case = CASES[name]
    photo = Photo.open(case.content, name=name)
    result = Photo.open(colored(photo, chroma).to_bytes())
    assert len(photo.pages) == len(result.pages) == case.pages
    for before, after in zip(photo.pages, result.pages, strict=True):
        given, made = before.to_array(), after.to_array()
        assert made.dtype == given.dtype
        assert made.shape[:2] == given.shape[:2]
        spread = np.ptp(made[..., :3].astype(float), axis=2).mean()
        assert (spread > np.ptp(made) / 50) == (name not in ONE_BIT)
        top = 65535 if made.dtype == np.float32 else np.iinfo(made.dtype).max
        deep = [gray_of(array[..., 0] if array.shape[2] < 3 else array) for array in (given, made)]
        off = np.abs(deep[1] - deep[0])
        if name in LOSSY:
            assert np.median(off) < 0.01
        else:
            assert off.max() * top < 1 + 1e-6
        if given.shape[2] in (2, 4) and name not in LOSSY:
            assert (made[..., 3] == given[..., -1]).all()


@pytest.mark.parametrize("name", sorted(n for n in READABLE if CASES[n].gray is not None))
def test_light_is_that_of_what_was_written(name, chroma):
    """What was given to another program, against what comes out of ours."""
    case = CASES[name]
    made = colored(Photo.open(case.content), chroma).to_array()
    visible = made[..., 3] > 0 if made.shape[2] == 4 else np.ones(made.shape[:2], bool)
    top = 65535 if made.dtype == np.float32 else np.iinfo(made.dtype).max
    assert (np.abs(gray_of(made) - case.gray)[visible] * top).max() < 1


@pytest.mark.parametrize("name", READABLE)
def test_a_result_of_another_kind_is_told_in_one_line(name):
    content = CASES[name].content
    photo, kind = Photo.open(content, name=name), kind_of(content)
    note = photo.note(written_for(kind))
    assert "\n" not in note
    same = kind == written_for(kind)
    assert bool(note) == (not same or name in ONE_BIT | CMYK_AND_LAB)
    assert ("hold no color" in note) == (name in ONE_BIT)
    if note:
        assert note.startswith(f"{name}: ")


@pytest.fixture(scope="module")
def tagged(tmp_path_factory, chroma):
    """What exiftool finds in each file, and in its result: {name: (before, after)}."""
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool (Debian: libimage-exiftool-perl)")
    given, made = (tmp_path_factory.mktemp(name) for name in ("given", "made"))
    for name in READABLE:
        (given / name).write_bytes(CASES[name].content)
    arguments = [f"-{tag}={value}" for tag, value in TAGGED.items()]
    subprocess.run(  # which writes into all but BigTIFF, BMP, PNM and bare codestreams
        ["exiftool", "-overwrite_original", "-q", "-q", "-m", *arguments, given],
        capture_output=True,
    )
    for name in READABLE:
        suffix = EXTENSIONS[written_for(kind_of(CASES[name].content))][0]
        colored(Photo.open(given / name), chroma).save(made / f"{name}{suffix}")
    before, after = found(given), found(made)
    by_source = {Path(name).stem: tags for name, tags in after.items()}
    return {name: (before[name], by_source[name], made) for name in READABLE}


def found(folder):
    """{name: {tag: values}} of the files of a folder, by exiftool."""
    done = subprocess.run(
        ["exiftool", "-json", "-G1:4", "-a", "-n", folder], capture_output=True, check=True
    )
    files = {}
    for entry in json.loads(done.stdout):
        tags = defaultdict(set)
        for key, value in entry.items():
            tags[re.sub(r":Copy\d+", "", key)].add(str(value))
        files[Path(entry["SourceFile"]).name] = tags
    return files


@pytest.mark.parametrize("name", READABLE)
def test_every_tag_is_kept_or_rightly_changed(name, tagged):
    before, after, _ = tagged[name]
    kind = written_for(kind_of(CASES[name].content))
    allowed = [*RIGHTLY_CHANGED, NO_PLACE.get(kind, "(?!)")]
    after = after | {"File:Comment": after.get("File:Comment", set()) | after["PNG:Comment"]}
    lost = {
        tag: values - after.get(tag, set())
        for tag, values in before.items()
        if not values <= after.get(tag, set())
        and not any(re.fullmatch(pattern, tag) or re.match(pattern, tag) for pattern in allowed)
    }
    assert not lost


@pytest.mark.parametrize("name", READABLE)
def test_every_result_says_what_it_is(name, tagged):
    _, after, folder = tagged[name]
    assert after["XMP-iptcExt:DigitalSourceType"] == {ENHANCED}
    assert after["XMP-tintype:Model"] == {"tiny.v1"}
    assert "inferred" in next(iter(after["XMP-tintype:Statement"]))
    (path,) = folder.glob(f"{name}.*")
    assert is_our_result(path)
