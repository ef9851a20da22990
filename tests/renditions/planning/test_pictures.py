"""Responsive pictures: a declaration, the keys it expands to, and what a small original needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renditions import Picture
from renditions.imaging.formats import Encoding
from renditions.imaging.geometry import CENTRE, Size
from renditions.planning.keys import InvalidSizeKeySet, RenditionKey, RenditionKeySet
from renditions.planning.paths import Layout
from renditions.planning.plans import Original, Style, plan_key, plan_key_set

STYLE = Style(Layout("__sized__", "__filtered__", "", {"jpg": 70, "webp": 70}, str), Encoding())


def texts(key_set):
    return {name: str(key) for name, key in key_set}


def test_a_ratio_crops_each_width_in_each_format():
    """The keys are ordinary ones, and one rendition is for browsers that know no format."""
    picture = Picture(widths=[800, 400, 1600], ratio="16/9", formats=["avif", "webp"])

    assert texts(RenditionKeySet.parse(picture)) == {
        "400w-avif": "crop-down__400x225__avif",
        "800w-avif": "crop-down__800x450__avif",
        "1600w-avif": "crop-down__1600x900__avif",
        "400w-webp": "crop-down__400x225__webp",
        "800w-webp": "crop-down__800x450__webp",
        "1600w-webp": "crop-down__1600x900__webp",
        "800w": "crop-down__800x450",
    }


def test_without_a_ratio_and_formats_the_picture_keeps_shape_and_format():
    assert texts(RenditionKeySet.parse(Picture(widths=[400, 800]))) == {
        "400w": "thumbnail__400x",
        "800w": "thumbnail__800x",
    }


def test_densities_are_of_one_size():
    picture = Picture(widths=[300], ratio=1.5, densities=[1, 1.5, 2], formats=["webp"])

    assert texts(RenditionKeySet.parse(picture)) == {
        "1x-webp": "crop-down__300x200__webp",
        "1.5x-webp": "crop-down__300x200@1.5x__webp",
        "2x-webp": "crop-down__300x200@2x__webp",
        "1x": "crop-down__300x200",
    }


def test_a_dict_is_the_same_as_a_picture():
    """A project may keep its settings in a file that holds no objects."""
    given = {"widths": [400, 800], "ratio": "4:3", "formats": ["webp"], "quality": 60}

    assert RenditionKeySet.parse(given) == RenditionKeySet.parse(Picture(**given))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "'widths'"),
        ({"widths": []}, "'widths' is ()"),
        ({"widths": 400}, "'widths' is 400"),
        ({"widths": "400"}, "'widths' is '400'"),
        ({"widths": [0]}, "'widths'"),
        ({"widths": [400.5]}, "'widths'"),
        ({"widths": [True]}, "'widths'"),
        ({"widths": [400, 400]}, "different"),
        ({"widths": list(range(1, 30))}, "1 to 20"),
        ({"widths": [400], "ratio": "16/0"}, "'ratio' is '16/0'"),
        ({"widths": [400], "ratio": "wide"}, "'ratio'"),
        ({"widths": [400], "ratio": -1}, "'ratio'"),
        ({"widths": [400], "ratio": float("nan")}, "'ratio'"),
        ({"widths": [400], "formats": "webp"}, "'formats' is 'webp'"),
        ({"widths": [400], "formats": ["we bp"]}, "'formats'"),
        ({"widths": [400], "formats": ["webp", "webp"]}, "different"),
        ({"widths": [400, 800], "densities": [1, 2]}, "one width"),
        ({"widths": [400], "densities": [0]}, "'densities'"),
        ({"widths": [400], "sizes": ""}, "'sizes'"),
        ({"widths": [400], "quality": 101}, "'quality' is 101"),
        ({"widths": [400], "width": 3}, "'width'"),
    ],
)
def test_a_wrong_argument_is_named_with_the_remedy(wrong, told):
    with pytest.raises(InvalidSizeKeySet) as caught:
        RenditionKeySet.parse(wrong)

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("original", "left"),
    [
        (None, ["400w", "800w", "1600w"]),
        (Size(2000, 2000), ["400w", "800w", "1600w"]),
        (Size(1600, 900), ["400w", "800w", "1600w"]),
        (Size(1599, 900), ["400w", "800w"]),
        (Size(1600, 899), ["400w", "800w"]),
        (Size(800, 5000), ["400w", "800w"]),
        (Size(300, 200), ["400w"]),
    ],
)
def test_widths_that_are_larger_than_the_original_are_left_out(original, left):
    """One rendition stays, however small the original is."""
    key_set = RenditionKeySet.parse(Picture(widths=[400, 800, 1600], ratio="16/9"))

    assert [name for name, _ in key_set.for_size(original)] == left


def test_plans_leave_out_the_same_keys():
    """A worker makes what a page shows."""
    key_set = RenditionKeySet.parse(Picture(widths=[400, 800, 1600], formats=["webp"]))
    original = Original("", "", "a.jpg", CENTRE, size=Size(1000, 500))

    assert [str(plan.key) for plan in plan_key_set(original, key_set, lambda key: STYLE)] == [
        "thumbnail__400x__webp",
        "thumbnail__800x__webp",
        "thumbnail__800x",
    ]


def test_a_key_of_a_list_is_never_left_out():
    """A project that lists a key needs its file, even if a picture has the same key."""
    picture = RenditionKeySet.parse(Picture(widths=[400, 1600]))
    listed = RenditionKeySet.parse([("large", "thumbnail__1600x")])

    both = RenditionKeySet.union([picture, listed])

    assert len(both.for_size(Size(500, 500)).keys) == 2
    assert len(RenditionKeySet.union([picture, picture]).for_size(Size(500, 500)).keys) == 1


@given(
    width=st.integers(1, 3000), height=st.integers(1, 3000),
    ratio=st.sampled_from([None, "16/9", "1/3", 1, 3.1]), at=st.sampled_from([1, 2, 1.5]),
)  # fmt: skip
def test_no_rendition_of_a_picture_is_larger_than_its_original(width, height, ratio, at):
    """Neither those that are made for a size that is known, nor those for an unknown one."""
    densities = None if at == 1 else [1, at]
    widths = [200] if densities else [50, 200, 900, 2000]
    key_set = RenditionKeySet.parse(Picture(widths=widths, ratio=ratio, densities=densities))
    original = Original("", "", "a.jpg", CENTRE)
    source = Size(width, height)

    for plan in plan_key_set(original, key_set, lambda key: STYLE):
        cut = plan.recipe.cut(source)
        assert cut.size.width <= cut.box.size.width
        assert cut.size.height <= cut.box.size.height
        assert plan.recipe.size_of(source) == cut.size


def test_no_two_keys_share_a_file_name():
    """One side, two sides and each density have names of their own."""
    both = ["400x300", "400x300@2x", "400x300@1.5x", "800x600", "40x70"]
    one = ["40x", "x40", "40x@2x", "x40@2x", "80x", "x80"]
    sized = [f"{sizer}__{size}" for sizer in ("crop", "crop-down", "thumbnail") for size in both]
    keys = [*sized, *(f"thumbnail__{size}" for size in one)]
    keys += [f"{key}__webp" for key in keys]
    for name in ("p/a.jpg", "a.png", "noext", "a b.webp"):
        original = Original("", "", name, CENTRE)
        paths = {plan_key(original, RenditionKey.parse(key), STYLE).path for key in keys}
        assert len(paths) == len(keys)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("thumbnail__800x", "__sized__/p/a-thumbnail-800x-70.jpg"),
        ("thumbnail__x600", "__sized__/p/a-thumbnail-x600-70.jpg"),
        ("crop__400x300@2x", "__sized__/p/a-crop-c0-5__0-5-400x300@2x-70.jpg"),
        ("crop-down__400x300", "__sized__/p/a-crop-down-c0-5__0-5-400x300-70.jpg"),
    ],
)
def test_the_file_name_tells_the_size_as_the_key_does(key, path):
    original = Original("", "", "p/a.jpg", CENTRE)

    assert plan_key(original, RenditionKey.parse(key), STYLE).path == path
