"""A project may accept pictures whose end is missing, if nearly all of their rows are there."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageFile

from renditions import checks, conf
from renditions.errors import SourceIncomplete, SourceUnreadable
from renditions.imaging.facts import SAMPLE
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.rendering import open_picture
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.imaging.sources import Limits, check_integrity, decode, open_source, upright_size_of

from .pictures import as_file, photograph, render
from .test_integrity import ADAM7, _png_of

ACCEPT = Limits(incomplete="accept")
END_MARKER = b"\xff\xd9"
WHOLE_SIZE = Recipe(format="png", encoding=Encoding(png_compress_level=0))


def opened(data: bytes, limits: Limits = ACCEPT) -> tuple[float, Image.Image]:
    """Return the share of rows that was measured, and the picture at its size."""
    with open_picture(BytesIO(data), [WHOLE_SIZE], limits) as picture:
        image = Image.open(BytesIO(picture.render(WHOLE_SIZE).data))
        assert picture.share_of_rows is not None
        return picture.share_of_rows, image


def complete_rows(image: Image.Image, whole: Image.Image) -> float:
    """Return the share of the rows from the top that are those of `whole`."""
    box = ImageChops.difference(image.convert("RGBA"), whole.convert("RGBA")).getbbox(
        alpha_only=False
    )
    return box[1] / image.height if box else 1.0


JPEGS = {
    "RGB": {},
    "RGB, 4:4:4": {"subsampling": 0},
    "L": {"mode": "L"},
    "CMYK": {"mode": "CMYK"},
    "restart markers": {"restart_marker_rows": 1},
    "RGB, fine": {"quality": 95},
    "progressive": {"progressive": True},
    "progressive, L": {"progressive": True, "mode": "L"},
}


def jpeg(mode: str = "RGB", **options) -> bytes:
    return as_file(photograph(600, 900).convert(mode), "JPEG", **options).getvalue()


@pytest.mark.parametrize(
    ("name", "end"),
    # A repaired progressive JPEG counts as a complete picture, with few details.
    [(name, end) for name in JPEGS for end in (b"", END_MARKER) if not (end and "prog" in name)],
)
@pytest.mark.parametrize("cut", [0.5, 0.9, 0.96, 0.98, 0.995])
def test_the_rows_of_a_jpeg_are_measured_by_its_pixels(name, end, cut, monkeypatch):
    """They are those of the whole picture, but for one row of blocks."""
    data = jpeg(**JPEGS[name])
    monkeypatch.setattr("renditions.imaging.sources._MIN_SHARE_OF_ROWS", 0)

    share, image = opened(data[: int(len(data) * cut)] + end)

    true = complete_rows(image, opened(data)[1])
    if JPEGS[name].get("progressive") and cut < 0.9:
        assert share == 0  # a later scan is missing, so no row has all of its details
    else:
        assert true - 0.001 <= share <= true + 16.001 / 900
        assert share < 1


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_that_lacks_only_its_end_marker_has_all_rows(name):
    data = jpeg(**JPEGS[name])

    share, image = opened(data.removesuffix(END_MARKER))

    assert share == 1
    assert complete_rows(image, opened(data)[1]) == 1


@pytest.mark.parametrize("appended", [b"", b"MotionPhoto" + bytes(100), b"\xff"])
@pytest.mark.parametrize("colour", [(200, 30, 30), (128, 128, 128)])
def test_a_complete_jpeg_has_all_rows(appended, colour):
    """Cameras append data to a picture; its last row may be the grey of libjpeg."""
    whole = as_file(Image.new("RGB", (300, 200), colour), "JPEG").getvalue()

    assert opened(whole + appended)[0] == 1


@pytest.mark.parametrize(("cut", "accepted"), [(0.99, True), (0.9, False), (0.5, False)])
@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
def test_nearly_all_rows_must_be_there(format_name, cut, accepted):
    """Without the setting, an incomplete picture is refused in any case."""
    data = as_file(photograph(600, 900), format_name).getvalue()
    data = data[: int(len(data) * cut)]
    recipe = Recipe(Thumbnail(), Size(60, 60))

    with pytest.raises(SourceIncomplete):
        render(BytesIO(data), recipe)
    if accepted:
        assert render(BytesIO(data), recipe, ACCEPT).size == Size(40, 60)
        assert check_integrity(BytesIO(data), ACCEPT).size == Size(600, 900)
        share, image = opened(data)
        assert 0.95 <= share < 1
        assert 0.95 <= complete_rows(image, photographed(format_name)) < 1
    else:
        with pytest.raises(SourceIncomplete):
            render(BytesIO(data), recipe, ACCEPT)


def photographed(format_name: str) -> Image.Image:
    return opened(as_file(photograph(600, 900), format_name).getvalue())[1]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_the_missing_rows_of_a_png(mode, monkeypatch):
    """They are transparent or black, as in browsers; the rows before are those of the picture."""
    picture = photograph(120, 400)
    picture = picture.convert("L").convert("I;16") if mode == "I;16" else picture.convert(mode)
    data = as_file(picture, "PNG").getvalue()
    monkeypatch.setattr("renditions.imaging.sources._MIN_SHARE_OF_ROWS", 0.5)

    share, image = opened(data[: int(len(data) * 0.9)])

    whole = opened(data)[1]
    rows = round(share * 400)
    assert 200 < rows < 400
    assert (
        ImageChops.difference(
            *(each.crop((0, 0, 120, rows)).convert("RGBA") for each in (image, whole))
        ).getbbox(alpha_only=False)
        is None
    )
    rest = image.crop((0, rows, 120, 400)).convert("RGBA")
    first = (*picture.getpalette()[:3], 255) if mode == "P" else (0, 0, 0, 255)
    assert rest.getcolors() == [(120 * (400 - rows), (0, 0, 0, 0) if "A" in mode else first)]


@pytest.mark.parametrize("missing", [4, 12, 20])
def test_a_png_that_ends_after_its_pixels_has_all_rows(missing):
    """Its last chunk, or a text before it, is cut off."""
    picture = photograph(60, 90)
    data = as_file(picture, "PNG").getvalue().removesuffix(b"\0\0\0\0IEND\xaeB`\x82")
    data += b"\0\0\0\x14tEXtComment\0abcdefgh"

    share, image = opened(data[:-missing])

    assert share == 1
    assert complete_rows(image, picture) == 1


@pytest.mark.parametrize(("missing", "share"), [(0, 1), (1, 0.99), (4, 0.96)])
def test_the_missing_rows_of_an_interlaced_png(missing, share):
    """Its last rows were to come between others, and show what is above them."""
    size, row = (8, 100), b"\0" + bytes(range(8))
    raster = b""
    for step in ADAM7:
        columns, rows = (
            list(range(side))[int(part.split("/")[0]) :: int(part.split("/")[1])]
            for side, part in zip(size, step.split(), strict=True)
        )
        raster += b"".join(
            b"\0" + bytes((20 * column + y) % 256 for column in columns) for y in rows if columns
        )
    data = _png_of(size, (8, 0), raster[: len(raster) - missing * len(row)], 7).getvalue()

    found, image = opened(data)

    assert found == pytest.approx(share)
    for y in range(100):
        from_row = y - 1 if y % 2 and y >= 100 - 2 * missing else y
        pixels = [image.getpixel((x, y)) for x in range(8)]
        assert pixels == [(20 * x + from_row) % 256 for x in range(8)], y


def test_a_png_whose_chunk_is_cut_off_has_a_size():
    """Its header tells it, whether the picture is accepted or not."""
    data = as_file(photograph(60, 90), "PNG").getvalue()

    assert upright_size_of(BytesIO(data[:-99])) == Size(60, 90)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "AVIF"])
def test_other_formats_must_be_complete(format_name):
    data = as_file(photograph(60, 90), format_name).getvalue()

    with pytest.raises(SourceUnreadable):
        render(BytesIO(data[: int(len(data) * 0.98)]), Recipe(), ACCEPT)


def test_a_jpeg_damaged_in_the_middle_is_not_incomplete():
    """What comes after a missing restart marker is in the wrong place."""
    data = jpeg(restart_marker_rows=1)
    first = data.index(b"\xff\xd2")
    broken = data[:first] + data[data.index(b"\xff\xd6", first) :]

    with pytest.raises(SourceIncomplete):
        render(BytesIO(broken), Recipe(), ACCEPT)


def test_the_facts_say_how_much_is_there():
    data = jpeg()
    with open_picture(BytesIO(data[: int(len(data) * 0.98)]), [SAMPLE], ACCEPT) as picture:
        assert 0.95 < picture.facts().share_of_rows < 1
    with open_picture(BytesIO(data), [SAMPLE], ACCEPT) as picture:
        assert picture.facts().share_of_rows == 1


def test_a_picture_that_is_decoded_smaller_is_measured_the_same():
    data = jpeg()
    data = data[: int(len(data) * 0.98)]
    with open_picture(BytesIO(data), [Recipe(Crop(), Size(20, 20))], ACCEPT) as picture:
        assert picture.decoded_size.width < 600
        assert picture.share_of_rows == opened(data)[0]


def test_a_switch_of_pillow_counts_as_accept(monkeypatch, settings):
    """Its effect is not obvious from a setting of another package, so a check says so."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)

    assert conf.limits().accepts_incomplete
    assert [message.id for message in checks.check_settings(None)] == ["renditions.W017"]
    settings.RENDITIONS = {"INCOMPLETE": "accept"}
    assert checks.check_settings(None) == []


@pytest.mark.parametrize(("value", "accepts"), [("accept", True), ("refuse", False)])
def test_the_setting_decides(settings, value, accepts):
    settings.RENDITIONS = {"INCOMPLETE": value}

    assert conf.limits().accepts_incomplete is accepts
    assert checks.check_settings(None) == []


@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
@pytest.mark.parametrize("end", [b"", END_MARKER])
def test_the_switch_of_pillow_hides_nothing_from_strict_limits(format_name, end, monkeypatch):
    """Existing renditions are adopted by them."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = as_file(photograph(600, 900), format_name).getvalue()
    source = open_source(BytesIO(data[: int(len(data) * 0.98)] + end), ACCEPT)

    assert decode(source, ACCEPT).share_of_rows < 1
    with pytest.raises(SourceIncomplete):
        check_integrity(BytesIO(data[: int(len(data) * 0.98)] + end), Limits())
