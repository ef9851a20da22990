"""Boxes and sizes, against django-versatileimagefield, against Pillow, and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from renditions.errors import EmptySize
from renditions.imaging.geometry import Box, FocalPoint, Size, cover_box, fit_size
from renditions.imaging.orientation import Orientation, stored_box, upright_size
from renditions.imaging.sizers import Crop, Thumbnail

sides = st.integers(1, 20_000)
sizes = st.builds(Size, sides, sides)
shares = st.floats(0, 1)
points = st.builds(FocalPoint, shares, shares)

# (source, target, focal point) -> the box that django-versatileimagefield 3.1 crops.
OLD_BOXES = [
    ((400, 200), (100, 100), (1.0, 0.0), (200, 0, 400, 200)),
    ((400, 200), (100, 50), (0.25, 0.75), (0, 0, 400, 200)),
    ((400, 200), (33, 100), (0.5, 0.5), (167, 0, 233, 200)),
    ((200, 400), (100, 100), (1.0, 1.0), (0, 200, 200, 400)),
    ((200, 400), (1200, 600), (0.5, 0.5), (0, 150, 200, 250)),
    ((301, 200), (100, 50), (0.25, 0.75), (0, 49, 301, 200)),
    ((301, 200), (33, 100), (1.0, 1.0), (235, 0, 301, 200)),
    ((640, 427), (100, 50), (1.0, 1.0), (0, 107, 640, 427)),
    ((640, 427), (33, 100), (0.9, 0.33), (499, 0, 640, 427)),
    ((5472, 3648), (33, 100), (1.0, 1.0), (4268, 0, 5472, 3648)),
    ((5472, 3648), (1200, 600), (0.25, 0.75), (0, 912, 5472, 3648)),
    ((3648, 5472), (100, 50), (0.25, 0.75), (0, 3192, 3648, 5016)),
    ((1, 1000), (100, 100), (0.25, 0.75), (0, 750, 1, 751)),
    ((1000, 1), (100, 50), (0.5, 0.5), (499, 0, 501, 1)),
    ((7, 5), (100, 100), (0.5, 0.5), (1, 0, 6, 5)),
    ((7, 5), (33, 100), (1.0, 0.0), (5, 0, 7, 5)),
]


@pytest.mark.parametrize(("source", "target", "ppoi", "box"), OLD_BOXES)
def test_crops_do_not_shift_after_a_migration(source, target, ppoi, box):
    assert cover_box(Size(*source), Size(*target), FocalPoint(*ppoi)) == Box(*box)


@given(sizes, sizes, points)
def test_cover_box_is_inside_and_touches_two_edges(source, target, ppoi):
    """A crop stays inside the picture and is as large as possible."""
    box = cover_box(source, target, ppoi)

    assert 0 <= box.left < box.right <= source.width
    assert 0 <= box.top < box.bottom <= source.height
    assert box.size.width == source.width or box.size.height == source.height


@given(sizes, sizes, points)
def test_cover_box_has_the_shape_of_the_target(source, target, ppoi):
    """The box differs from the exact one by less than a pixel."""
    box = cover_box(source, target, ppoi)

    if box.size.width == source.width:
        exact, got = source.width * target.height / target.width, box.size.height
        possible = min(max(exact, 1), source.height)
    else:
        exact, got = source.height * target.width / target.height, box.size.width
        possible = min(max(exact, 1), source.width)
    assert abs(got - possible) <= 0.5 + possible * 1e-9


@given(sizes, sizes, points)
def test_cover_box_holds_the_focal_point(source, target, ppoi):
    box = cover_box(source, target, ppoi)

    assert box.left <= int(source.width * ppoi.x) <= box.right
    assert box.top <= int(source.height * ppoi.y) <= box.bottom


def test_cover_box_slides_to_stay_inside():
    """A focal point at the corner still gives a full-size box."""
    box = cover_box(Size(400, 200), Size(100, 100), FocalPoint(1.0, 0.0))

    assert box == Box(200, 0, 400, 200)


@given(st.builds(Size, *[st.integers(1, 400)] * 2), st.builds(Size, *[st.integers(1, 400)] * 2))
def test_fit_size_equals_the_size_of_pillows_thumbnail(source, bounds):
    reference = Image.new("L", source.as_tuple)
    reference.thumbnail(bounds.as_tuple, Image.Resampling.NEAREST, reducing_gap=None)

    assert fit_size(source, bounds).as_tuple == reference.size


@given(sizes, sizes)
def test_fit_size_fits_and_never_upscales(source, bounds):
    size = fit_size(source, bounds)

    assert 1 <= size.width <= min(source.width, bounds.width)
    assert 1 <= size.height <= min(source.height, bounds.height)


@pytest.mark.parametrize("empty", [Size(0, 5), Size(5, 0)])
def test_a_size_without_pixels_is_refused(empty):
    for source, target in [(empty, Size(5, 5)), (Size(5, 5), empty)]:
        with pytest.raises(EmptySize, match=str(empty)):
            cover_box(source, target, FocalPoint(0.5, 0.5))
        with pytest.raises(EmptySize, match=str(empty)):
            fit_size(source, target)


@given(st.sampled_from(Orientation), st.builds(Size, *[st.integers(2, 12)] * 2), st.data())
def test_a_box_is_mapped_into_the_stored_picture(orientation, stored, data):
    """First cut, then turn gives the same pixels as first turn, then cut."""
    upright = upright_size(stored, orientation)
    left, top = (data.draw(st.integers(0, side - 1)) for side in upright.as_tuple)
    box = Box(left, top, data.draw(st.integers(left + 1, upright.width)), upright.height)
    picture = Image.frombytes("L", stored.as_tuple, bytes(range(stored.pixels)))

    turned_first = _pillow_upright(picture, orientation).crop(
        (box.left, box.top, box.right, box.bottom)
    )
    found = stored_box(box, stored, orientation)
    cut_first = picture.crop((found.left, found.top, found.right, found.bottom))

    assert _pillow_upright(cut_first, orientation).tobytes() == turned_first.tobytes()


def _pillow_upright(image, orientation):
    exif = image.getexif()
    exif[0x0112] = int(orientation)
    return ImageOps.exif_transpose(image)


def test_the_file_name_has_the_focal_point_of_a_crop():
    """File names are those of django-versatileimagefield."""
    assert Crop().key_in_filename(FocalPoint(0.5, 0.25)) == "crop-c0-5__0-25"
    assert Thumbnail().key_in_filename(FocalPoint(0.5, 0.25)) == "thumbnail"
