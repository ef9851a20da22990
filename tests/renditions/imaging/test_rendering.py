"""From an original to its renditions."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat
from PIL.PngImagePlugin import PngImageFile

from renditions.errors import RenditionTooLarge, UnknownFormat
from renditions.imaging.filters import Filter, Invert
from renditions.imaging.formats import OUTPUT_FORMATS, Encoding
from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.recipes import Recipe
from renditions.imaging.rendering import open_picture
from renditions.imaging.sizers import Crop, Cut, Sizer, Thumbnail
from renditions.imaging.sources import Limits

from .pictures import (
    CORNERS,
    as_file,
    corners_of,
    four_corners,
    gradient,
    near,
    photograph,
    read,
    render,
)

WEB_FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "AVIF"]


@pytest.mark.parametrize("format_name", WEB_FORMATS)
def test_a_rendition_has_the_format_of_its_original(format_name):
    rendered = render(as_file(four_corners(200, 160), format_name), Recipe(Crop(), Size(50, 40)))

    image = read(rendered)
    assert image.format == format_name
    assert rendered.mime == Image.MIME[format_name]
    assert rendered.size == Size(50, 40) == Size(*image.size)
    assert near(corners_of(image.convert("RGB")), CORNERS, by=16)


@pytest.mark.parametrize("source", WEB_FORMATS)
@pytest.mark.parametrize("target", [each.key for each in OUTPUT_FORMATS])
def test_a_recipe_may_name_another_format(source, target):
    recipe = Recipe(Thumbnail(), Size(100, 100), format=target)

    image = read(render(as_file(four_corners(200, 160), source), recipe))

    assert (image.format, image.size) == (target.upper(), (100, 80))
    assert near(corners_of(image.convert("RGB")), CORNERS, by=18)


def test_an_unknown_format_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UnknownFormat, match=r"'heic'.*webp"):
        render(as_file(four_corners(8, 8), "PNG"), Recipe(format="heic"))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (37, 53), (400, 400), (799, 3)])
@pytest.mark.parametrize("ppoi", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)])
def test_a_crop_has_exactly_its_size(size, ppoi):
    """Every ratio, with the focal point in every corner, also larger than the original."""
    recipe = Recipe(Crop(), Size(*size), FocalPoint(*ppoi))

    assert read(render(as_file(gradient(200, 133), "JPEG"), recipe)).size == size


def test_a_crop_shows_its_box_without_distortion():
    picture = gradient(300, 200)
    recipe = Recipe(Crop(), Size(100, 100), FocalPoint(0.9, 0.5), format="png")
    reference = picture.crop((100, 0, 300, 200)).resize((100, 100), Image.Resampling.LANCZOS)

    image = read(render(as_file(picture, "PNG"), recipe))

    assert _mean_difference(image, reference) < 0.6


def test_a_thumbnail_never_upscales():
    rendered = render(as_file(gradient(60, 40), "PNG"), Recipe(Thumbnail(), Size(500, 500)))

    assert rendered.size == Size(60, 40)
    assert _mean_difference(read(rendered), gradient(60, 40)) == 0


@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (3, 2999)])
def test_a_thumbnail_of_an_extreme_ratio_keeps_a_pixel(size):
    rendered = render(as_file(Image.new("RGB", size), "PNG"), Recipe(Thumbnail(), Size(100, 100)))

    assert min(rendered.size.as_tuple) == 1
    assert max(rendered.size.as_tuple) <= 100


@pytest.mark.parametrize("format_name", WEB_FORMATS)
def test_all_renditions_of_a_set_are_near_those_cut_from_the_full_size(format_name):
    """The shared decode and the levels cause no visible difference."""
    picture = photograph(1500, 1000)
    file = as_file(picture, format_name, **({"quality": 95} if format_name != "GIF" else {}))
    original = Image.open(file).convert("RGB")
    sizes = [Size(600, 600), Size(300, 300), Size(120, 120), Size(30, 30)]
    recipes = [Recipe(Thumbnail(), size, format="png") for size in sizes]
    recipes += [Recipe(Crop(), Size(s.width, s.width // 2), format="png") for s in sizes]

    with open_picture(file, recipes, Limits()) as picture:
        for recipe in reversed(recipes):
            image = read(picture.render(recipe))
            box = recipe.cut(picture.info.size).box
            reference = original.resize(
                image.size, Image.Resampling.LANCZOS, (box.left, box.top, box.right, box.bottom)
            )
            # libjpeg reduces with its own filter.
            allowed = 3 if format_name == "JPEG" else 1.6
            assert _mean_difference(image.convert("RGB"), reference) < allowed


def test_the_original_is_decoded_once(monkeypatch):
    decoded = []
    prepare = PngImageFile.load_prepare

    def counting_prepare(image):
        decoded.append(image)
        prepare(image)

    monkeypatch.setattr(PngImageFile, "load_prepare", counting_prepare)
    recipes = [Recipe(Crop(), Size(side, side)) for side in (200, 100, 50, 40, 30, 20, 10, 5)]
    with open_picture(as_file(photograph(400, 300), "PNG"), recipes, Limits()) as picture:
        for recipe in recipes:
            picture.render(recipe)

    assert len(decoded) == 1


def test_a_jpeg_is_decoded_no_larger_than_needed():
    file = as_file(photograph(1600, 1200), "JPEG")
    with open_picture(file, [Recipe(Crop(), Size(100, 100))], Limits()) as picture:
        assert picture.decoded_size == Size(200, 150)
    with open_picture(file, [Recipe(Thumbnail(), Size(1600, 1600))], Limits()) as picture:
        assert picture.decoded_size == Size(1600, 1200)


class _Refusing(Sizer):
    filename_key = "refusing"
    filename_key_regex = "refusing"

    def cut(self, source: Size, target: Size, ppoi: FocalPoint) -> Cut:
        raise ZeroDivisionError("no such cut")


def test_an_impossible_recipe_does_not_stop_the_others():
    bad = Recipe(_Refusing(), Size(5, 5))
    huge = Recipe(Crop(), Size(99_999, 99_999))
    good = Recipe(Crop(), Size(10, 10))
    file = as_file(four_corners(40, 40), "JPEG")

    with open_picture(file, [bad, huge, good], Limits()) as picture:
        with pytest.raises(Exception, match="no such cut"):
            picture.render(bad)
        with pytest.raises(RenditionTooLarge, match=r"99999x99999.*50,000,000"):
            picture.render(huge)
        assert picture.render(good).size == Size(10, 10)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_no_rendition_holds_metadata(format_name):
    """No location, camera, name or comment is in a rendition."""
    exif = Image.Exif()
    exif[0x010F], exif[0x9286] = "SECRET camera", "SECRET comment"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    options = {"exif": exif, "xmp": b"<x:xmpmeta>SECRET</x:xmpmeta>", "comment": b"SECRET"}
    file = as_file(four_corners(100, 100), format_name, **options)
    assert b"SECRET" in file.getvalue()
    file.seek(0, 2)
    file.write(b"SECRET trailing bytes")

    for target in ("jpeg", "png", "webp", "avif", "gif"):
        # The second recipe neither cuts nor resizes the decoded picture.
        for recipe in (Recipe(Crop(), Size(60, 60), format=target), Recipe(format=target)):
            rendered = render(file, recipe)
            image = read(rendered)
            assert b"SECRET" not in rendered.data
            assert not image.getexif()
            assert not {"exif", "xmp", "comment", "icc_profile", "dpi"} & set(image.info)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_an_encoder_gets_no_opened_file(format_name, mode):
    """So it cannot copy tags, even where nothing is cut or resized."""
    picture = four_corners(120, 90).convert(mode)
    picture = picture if format_name != "JPEG" or mode != "RGBA" else picture.convert("CMYK")
    options = {"tiffinfo": {700: b"<x>SECRET</x>"}} if format_name == "TIFF" else {}
    file = as_file(picture, format_name, **options)
    limits = Limits(formats=(format_name,))

    for size in (None, Size(120, 90)):
        recipe = Recipe(Thumbnail(), size) if size else Recipe()
        with open_picture(file, [recipe], limits) as opened:
            base = next(iter(opened._pyramid._pictures.values()))
            assert type(base) is Image.Image
            assert b"SECRET" not in opened.render(recipe).data


@pytest.mark.parametrize("format_name", WEB_FORMATS)
def test_the_same_input_gives_the_same_bytes(format_name):
    file = as_file(photograph(300, 200), format_name)
    recipe = Recipe(Crop(), Size(90, 90))

    assert render(file, recipe).data == render(file, recipe).data


def test_options_reach_the_encoder():
    file = as_file(photograph(300, 200), "PNG")

    def size_of(format_name: str, **options) -> int:
        return len(render(file, Recipe(format=format_name, encoding=Encoding(**options))).data)

    assert size_of("jpeg", jpeg_quality=30) < size_of("jpeg", jpeg_quality=90)
    assert size_of("webp", webp_quality=30) < size_of("webp", webp_quality=90)
    assert size_of("webp", webp_lossless=True) > size_of("webp")
    assert size_of("avif", avif_quality=30) < size_of("avif", avif_quality=90)
    assert size_of("png", png_compress_level=9) < size_of("png", png_compress_level=1)
    progressive = render(file, Recipe(format="jpeg", encoding=Encoding(progressive_jpeg=True)))
    assert read(progressive).info.get("progressive")


def test_a_filter_without_a_sizer_keeps_the_size():
    rendered = render(as_file(gradient(50, 30), "PNG"), Recipe(filter=Invert()))

    assert _mean_difference(read(rendered), ImageChops.invert(gradient(50, 30))) == 0


def test_invert_keeps_transparency():
    picture = Image.new("RGBA", (20, 20), (10, 20, 30, 77))

    image = read(render(as_file(picture, "PNG"), Recipe(Crop(), Size(5, 5), filter=Invert())))

    assert near([image.getpixel((2, 2))], [(245, 235, 225, 77)], by=3)


class _Spoiling(Filter):
    def apply(self, image: Image.Image) -> Image.Image:
        image.paste(0, (0, 0, *image.size))
        return image


def test_a_filter_may_change_its_picture_but_not_a_shared_level():
    recipes = [
        Recipe(Thumbnail(), Size(100, 100), filter=_Spoiling(), format="png"),
        Recipe(Thumbnail(), Size(20, 20), format="png"),
        Recipe(Thumbnail(), Size(100, 100), format="png"),
        Recipe(filter=_Spoiling(), format="png"),
        Recipe(Thumbnail(), Size(400, 400), format="png"),
    ]
    with open_picture(as_file(four_corners(400, 400), "PNG"), recipes, Limits()) as picture:
        images = [read(picture.render(recipe)) for recipe in recipes]

    assert all(near(corners_of(images[i]), [(0, 0, 0)] * 4, by=0) for i in (0, 3))
    assert all(near(corners_of(images[i]), CORNERS, by=2) for i in (1, 2, 4))


def test_the_file_is_left_open():
    file = as_file(four_corners(8, 8), "WEBP")
    render(file, Recipe())

    assert not file.closed


def _mean_difference(one: Image.Image, other: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def test_reading_starts_at_the_beginning_of_the_file():
    file = BytesIO(as_file(four_corners(20, 20), "PNG").getvalue())
    file.seek(0, 2)

    assert render(file, Recipe()).size == Size(20, 20)
