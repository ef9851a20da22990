import hashlib
import posixpath
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renditions.imaging.geometry import FocalPoint, Size
from renditions.imaging.sizers import Crop, Thumbnail
from renditions.planning.paths import (
    Layout,
    colliding_name,
    filtered_filename,
    filtered_path,
    placeholder_path,
    shortened,
    sized_filename,
    sized_path,
)


def md5_16(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()[:16]


def layout(jpeg: int = 70, webp: int = 70, process=str) -> Layout:
    qualities = {"jpg": jpeg, "jpeg": jpeg, "webp": webp}
    return Layout("__sized__", "__filtered__", "__placeholder__", qualities, process)


FOLDERS = st.text(st.sampled_from("ab/. "), max_size=6)


@given(FOLDERS, st.sampled_from(["__sized__", "", "s/t", "s/"]))
def test_a_path_is_joined_as_posixpath_joins_it(folder, dirname):
    """Slashes at odd places included, because the old package joined so."""
    name = f"{folder}/a.jpg"
    style = replace(layout(), sized_dirname=dirname, filtered_dirname=dirname)
    head = posixpath.split(name)[0]

    sized = posixpath.join(dirname, head, "a-thumbnail-9x9-70.jpg")
    assert sized_path(name, Size(9, 9), "thumbnail", style) == sized
    filtered = posixpath.join(head, dirname, "a__invert__.jpg")
    assert filtered_path(name, "invert", style) == filtered


CENTRE = FocalPoint(0.5, 0.5)
INVERTED = "p/__filtered__/a__invert__.jpg"

# original, sizer, size, PPOI, path
SIZED = [
    ("p/a.jpg", Crop, (100, 50), CENTRE, "__sized__/p/a-crop-c0-5__0-5-100x50-70.jpg"),
    ("p/a.jpg", Thumbnail, (100, 50), CENTRE, "__sized__/p/a-thumbnail-100x50-70.jpg"),
    ("a.png", Crop, (100, 100), CENTRE, "__sized__/a-crop-c0-5__0-5-100x100.png"),
    ("a.gif", Crop, (100, 100), CENTRE, "__sized__/a-crop-c0-5__0-5-100x100.gif"),
    ("noext", Thumbnail, (100, 100), CENTRE, "__sized__/noext-thumbnail-100x100-70.jpg"),
    (INVERTED, Crop, (10, 10), CENTRE,
     "__sized__/p/__filtered__/a__invert__-crop-c0-5__0-5-10x10-70.jpg"),
    ("__placeholder__/placeholder.png", Crop, (100, 100), CENTRE,
     "__sized__/__placeholder__/placeholder-crop-c0-5__0-5-100x100.png"),
    ("a.webp", Thumbnail, (9, 9), CENTRE, "__sized__/a-thumbnail-9x9-80.webp"),
    ("a.JPG", Thumbnail, (9, 9), CENTRE, "__sized__/a-thumbnail-9x9-70.JPG"),
    ("a.jpeg", Thumbnail, (9, 9), CENTRE, "__sized__/a-thumbnail-9x9-70.jpeg"),
    ("v1.2/noext", Thumbnail, (9, 9), CENTRE, "__sized__/v1.2/noext-thumbnail-9x9-70.jpg"),
    ("a.b.png", Thumbnail, (9, 9), CENTRE, "__sized__/a.b-thumbnail-9x9.png"),
    ("a b.jpg", Thumbnail, (9, 9), CENTRE, "__sized__/a b-thumbnail-9x9-70.jpg"),
    ("a.jpg", Crop, (9, 9), FocalPoint(0.25, 1.0), "__sized__/a-crop-c0-25__1-0-9x9-70.jpg"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sizer", "size", "ppoi", "path"), SIZED)
def test_a_sized_rendition_has_the_path_of_the_old_package(name, sizer, size, ppoi, path):
    """Files that django-versatileimagefield made are found again."""
    style = layout(webp=80)
    assert sized_path(name, Size(*size), sizer().key_in_filename(ppoi), style) == path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("p/a.jpg", INVERTED),
        ("a.png", "__filtered__/a__invert__.png"),
        ("noext", "__filtered__/noext__invert__.jpg"),
        ("__placeholder__/p.png", "__placeholder__/__filtered__/p__invert__.png"),
    ],
)
def test_a_filtered_rendition_is_in_a_folder_beside_its_original(name, path):
    """Its name has no quality."""
    assert filtered_path(name, "invert", layout()) == path


def test_the_post_processor_changes_only_what_describes_the_rendition():
    """The name of the original stays readable."""
    name = sized_filename(
        "python-logo.jpg",
        Size(100, 100),
        Crop().key_in_filename(CENTRE),
        layout(jpeg=60, process=md5_16),
    )

    assert name == "python-logo-0628a40c3c1b5466.jpg"


def test_a_placeholder_has_its_own_folder():
    assert placeholder_path("placeholder.png", layout()) == "__placeholder__/placeholder.png"


def test_a_filtered_filename_without_extension_is_a_jpg():
    """This is the rule of the old package."""
    assert filtered_filename("test", "inverted") == "test__inverted__.jpg"


CONVERTED = [
    ("a.jpg", "webp", "__sized__/a-thumbnail-10x10-80.jpg.webp"),
    ("a.png", "jpg", "__sized__/a-thumbnail-10x10-70.png.jpg"),
    ("a", "webp", "__sized__/a-thumbnail-10x10-80-.webp"),
    ("a.jpg", "avif", "__sized__/a-thumbnail-10x10.jpg.avif"),
]


@pytest.mark.parametrize(("name", "output", "path"), CONVERTED)
def test_a_converted_rendition_has_both_extensions(name, output, path):
    """Servers read the last extension; the first one keeps two originals apart."""
    assert sized_path(name, Size(10, 10), "thumbnail", layout(webp=80), output) == path


NAMES = st.from_regex(r"[a-b .-]{1,4}(\.(jpg|png|webp))?", fullmatch=True)
OUTPUTS = st.sampled_from([None, "webp", "jpg", "png"])
KEYS = st.sampled_from(["thumbnail", "crop-c0-5__0-5"])


@given(a=st.tuples(NAMES, KEYS, OUTPUTS), b=st.tuples(NAMES, KEYS, OUTPUTS))
def test_no_two_originals_share_a_rendition(a, b):
    """Spaces, missing extensions and converted formats cause no collision."""
    (name_a, key_a, output_a), (name_b, key_b, output_b) = a, b
    path_a = sized_path(name_a, Size(1, 1), key_a, layout(), output_a)
    path_b = sized_path(name_b, Size(1, 1), key_b, layout(), output_b)

    assert (path_a == path_b) == (a == b) or {name_a, name_b} in colliding_names(a, b)


def colliding_names(a, b):
    """Return the names that the old scheme cannot keep apart: `a` counts as `a.jpg`."""
    return [{a[0], f"{a[0]}.jpg"}, {b[0], f"{b[0]}.jpg"}]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("p/a", "p/a.jpg"),
        ("p/a.jpg", "p/a"),
        ("p/a.png", None),
        ("p/a.JPG", None),
        ("p/a.b.jpg", None),
        ("p.d/a", "p.d/a.jpg"),
        ("p/.jpg", None),
    ],
)
def test_two_names_collide_if_only_the_extension_jpg_differs(name, other):
    """A name without an extension counts as `.jpg`, so both have the same rendition paths."""
    assert colliding_name(name) == other
    assert other is None or colliding_name(other) == name


def test_only_a_name_that_is_too_long_is_cut():
    name = f"p/{'x' * 176}.jpg"

    assert shortened(name) == name
    assert shortened(f"p/{'x' * 177}.jpg") == name
