"""From the path of a rendition to the names that its original can have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renditions import conf
from renditions.imaging.geometry import FocalPoint
from renditions.inventory.recognition import is_in_our_folders, names_are_ours, recognise
from renditions.planning.keys import RenditionKey
from renditions.planning.plans import Original, plan_key

KEYS = [
    "crop__40x30", "thumbnail__9x9", "filters__invert__url", "filters__invert__crop__40x30",
    "crop__40x30__webp", "filters__invert__thumbnail__9x9__webp",
]  # fmt: skip
NAMES = st.text("ab-_.x1 ü", min_size=1, max_size=12).filter(lambda name: name.strip("."))
FOLDERS = st.sampled_from(["", "p", "p/q", "__sized__x", "p/__filtered__"])
SIDES = st.floats(0, 1)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("processor", [None, "renditions.compat.processors.md5"])
def test_the_original_of_every_rendition_is_among_the_candidates(key, processor, configure):
    configure(FILENAME_PROCESSOR=processor)
    parsed = RenditionKey.parse(key)

    @given(FOLDERS, NAMES, SIDES, SIDES)
    def check(folder, name, x, y):
        original = Original("", "", f"{folder}/{name}".lstrip("/"), FocalPoint(x, y))
        found = recognise(plan_key(original, parsed, conf.style(parsed)).path)
        assert found is not None
        assert original.name in found.originals
        assert found.is_certain

    check()


@pytest.mark.parametrize("key", KEYS)
def test_a_path_tells_its_key(key):
    parsed = RenditionKey.parse(key)
    original = Original("", "", "p/a.jpg", FocalPoint(0.25, 1.0))

    found = recognise(plan_key(original, parsed, conf.style(parsed)).path)

    assert found.key == key
    assert found.originals == ("p/a.jpg", *found.originals[1:])
    assert set(found.originals) <= {"p/a.jpg", "p/a", "p/__filtered__/a__invert__.jpg"} | {
        "p/__filtered__/a__invert__"
    }


@pytest.mark.parametrize("key", KEYS)
def test_the_original_of_a_converted_rendition_is_found(key):
    """The renditions of a HEIC are JPEGs, and their paths say so."""
    parsed = RenditionKey.parse(key)
    original = Original("", "", "p/a.heic", FocalPoint(0.25, 1.0))

    found = recognise(plan_key(original, parsed, conf.style(parsed)).path)

    assert found is not None
    assert found.is_certain
    assert found.originals[0] == "p/a.heic"


@pytest.mark.parametrize(
    ("path", "originals"),
    [
        ("p/__filtered__/a__invert__.jpg.jpg", None),
        ("p/__filtered__/a__invert__.heic", None),
        ("__sized__/a-thumbnail-5x5-70-thumbnail-5x5-70.jpg", ["a-thumbnail-5x5-70"]),
        ("__sized__/p/a-thumbnail-5x5.png", ["p/a.png"]),
        ("__sized__/a.b-thumbnail-5x5-70.jpg", ["a.b.jpg"]),
        ("__sized__/a-thumbnail-5x5-70.jpg", ["a", "a.jpg"]),
        ("__sized__/a-thumbnail-5x5-70-.webp", ["a"]),
        ("__sized__/a.b-thumbnail-5x5-70-.webp", None),
        ("p/__filtered__/a__invert____invert__.jpg", ["p/a__invert__", "p/a__invert__.jpg"]),
        ("__sized__/-thumbnail-5x5-70.jpg", [".jpg"]),
        ("__sized__/a.jpg", None),
        ("p/__sized__/a-thumbnail-5x5-70.jpg", None),
        ("p/a-thumbnail-5x5-70.jpg", None),
        ("p/__filtered__/q/a__invert__.jpg", None),
        ("__filtered__/a__sepia__.jpg", None),
    ],
)
def test_the_candidates_of_a_path(path, originals):
    found = recognise(path)

    if originals is None:
        assert found is None
    else:
        assert set(originals) <= set(found.originals)
        assert all(name in originals or name.endswith(".jpg") for name in found.originals)


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("__sized__/a.jpg", True),
        ("private/__sized__/a.jpg", True),
        ("p/__filtered__/a.jpg", True),
        ("__placeholder__/a.jpg", True),
        ("p/a__sized__/a.jpg", False),
        ("p/__sized__", False),
    ],
)
def test_folders_of_renditions_are_known_wherever_they_are(path, is_ours):
    assert is_in_our_folders(path) is is_ours


def test_the_built_in_sizers_and_filters_leave_the_names_to_us():
    assert names_are_ours()
