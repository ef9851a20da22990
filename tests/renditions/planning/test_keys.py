import pytest
from hypothesis import given
from hypothesis import strategies as st

from renditions.imaging.geometry import Size
from renditions.planning.keys import (
    InvalidSizeKey,
    InvalidSizeKeySet,
    RenditionKey,
    RenditionKeySet,
    parse_size,
)

KEYS = [
    ("url", RenditionKey()),
    ("crop__400x300", RenditionKey("crop", Size(400, 300))),
    ("thumbnail__1x99999", RenditionKey("thumbnail", Size(1, 99999))),
    ("my_sizer__10x10", RenditionKey("my_sizer", Size(10, 10))),
    ("my-sizer__10x10", RenditionKey("my-sizer", Size(10, 10))),
    ("filters__x-ray__crop__30x40", RenditionKey("crop", Size(30, 40), "x-ray")),
    ("filters__invert__url", RenditionKey(filter="invert")),
    ("filters__invert__crop__30x40", RenditionKey("crop", Size(30, 40), "invert")),
    ("crop__400x300__webp", RenditionKey("crop", Size(400, 300), None, "webp")),
    ("filters__invert__crop__3x4__png", RenditionKey("crop", Size(3, 4), "invert", "png")),
]
SHORT = [
    ("1200x600", RenditionKey("crop", Size(1200, 600))),
    ("filters__invert__30x40", RenditionKey("crop", Size(30, 40), "invert")),
    ("30x40__webp", RenditionKey("crop", Size(30, 40), None, "webp")),
    ("crop__0400x0300", RenditionKey("crop", Size(400, 300))),
    ("crop__ 400x300 ", RenditionKey("crop", Size(400, 300))),
    ("400 x 300", RenditionKey("crop", Size(400, 300))),
]
WRONG = [
    "", "crop", "thumbnail", "crop__", "__400x400", "crop__0x10", "crop__10x0", "crop__-1x10",
    "crop__1.5x10", "crop__10", "crop__10x", "crop__x10", "crop__10X10", "crop__100000x1",
    "crop__10x10__", "crop__10x10__webp__more", "url__10x10__x__y",
    "filters", "filters__invert", "filters____url", "filters__invert__", "_crop__10x10",
    "crop___10x10", "cr op__10x10", "crop__\u0661x\u0661", "crop __10x10", "-crop__10x10",
    "crop__1 0x10", None, 400, ("crop", "10x10"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key"), KEYS + SHORT)
def test_a_key_is_taken_apart(text, key):
    """Every form that the documentation names means what it says."""
    assert RenditionKey.parse(text) == key


@pytest.mark.parametrize(("text", "key"), KEYS)
def test_a_key_is_written_as_it_was_read(text, key):
    """A key survives the way into a database and back."""
    assert str(key) == text


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_key_is_named_in_the_message(text):
    """The message holds the wrong key and shows a right one."""
    with pytest.raises(InvalidSizeKey) as caught:
        RenditionKey.parse(text)

    assert repr(text) in str(caught.value)
    assert "crop__400x300" in str(caught.value)


@given(st.text(alphabet="crop_x0123456789filters url", max_size=30))
def test_whatever_can_be_read_says_the_same_when_written(text):
    """No text has two meanings."""
    try:
        key = RenditionKey.parse(text)
    except InvalidSizeKey:
        return
    assert RenditionKey.parse(str(key)) == key


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("400x300", Size(400, 300)),
        (" 4 x 3 ", Size(4, 3)),
        ("0x1", None),
        ("1x0", None),
        ("axb", None),
        ("1x2x3", None),
    ],
)
def test_a_size_is_two_whole_numbers(text, size):
    """A side of 0 is no size."""
    assert parse_size(text) == size


def test_a_set_keeps_its_order():
    """Names come out as they went in, not as a hash would have them."""
    names = [f"n{number}" for number in range(30)]

    key_set = RenditionKeySet.parse([(name, "crop__1x1") for name in names])

    assert [name for name, _ in key_set] == names


@pytest.mark.parametrize(
    "entries",
    [
        [("a", "url"), ("b", "crop__1x1")],
        (("a", "url"), ("b", "crop__1x1")),
        [["a", "url"], ["b", "crop__1x1"]],
        iter([("a", "url"), ("b", "crop__1x1")]),
    ],
)
def test_a_set_is_any_iterable_of_pairs(entries):
    """Lists of lists, as JSON and YAML give them, are sets, too."""
    assert [(name, str(key)) for name, key in RenditionKeySet.parse(entries)] == [
        ("a", "url"),
        ("b", "crop__1x1"),
    ]


def test_a_repeated_entry_counts_once():
    """An exact repetition changes nothing."""
    assert len(RenditionKeySet.parse([("a", "url"), ("a", "url")])) == 1


def test_two_names_of_one_key_are_one_rendition():
    """`keys` has each key once, in order."""
    key_set = RenditionKeySet.parse([("a", "1x1"), ("b", "crop__1x1"), ("c", "url")])

    assert len(key_set) == 3
    assert [str(key) for key in key_set.keys] == ["crop__1x1", "url"]


@pytest.mark.parametrize(
    "entries",
    [
        ("test", "crop__1x1"), "crop__1x1", b"x", None, 3, [("a",)], [("a", "url", "c")], ["ab"],
        [(1, "url")], {"a": "url"}, [None], [("a", "url"), ("a", "crop__1x1")],
    ],
)  # fmt: skip
def test_what_is_no_set_is_refused(entries):
    """A malformed set, or one name for two keys, is found when the set is read."""
    with pytest.raises(InvalidSizeKeySet):
        RenditionKeySet.parse(entries)


def test_a_wrong_key_in_a_set_is_a_wrong_key():
    """The set is well formed; it is the key that is wrong."""
    with pytest.raises(InvalidSizeKey, match="'crop__0x0'"):
        RenditionKeySet.parse([("a", "crop__0x0")])
