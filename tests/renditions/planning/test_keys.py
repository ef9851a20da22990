import pytest
from hypothesis import given
from hypothesis import strategies as st

from renditions.planning.keys import (
    InvalidSizeKey,
    InvalidSizeKeySet,
    KeySize,
    RenditionKey,
    RenditionKeySet,
    parse_size,
)

KEYS = [
    ("url", RenditionKey()),
    ("crop__400x300", RenditionKey("crop", KeySize(400, 300))),
    ("thumbnail__1x99999", RenditionKey("thumbnail", KeySize(1, 99999))),
    ("my_sizer__10x10", RenditionKey("my_sizer", KeySize(10, 10))),
    ("my-sizer__10x10", RenditionKey("my-sizer", KeySize(10, 10))),
    ("filters__x-ray__crop__30x40", RenditionKey("crop", KeySize(30, 40), "x-ray")),
    ("filters__invert__url", RenditionKey(filter="invert")),
    ("filters__invert__crop__30x40", RenditionKey("crop", KeySize(30, 40), "invert")),
    ("thumbnail__800x", RenditionKey("thumbnail", KeySize(800, None))),
    ("thumbnail__x600", RenditionKey("thumbnail", KeySize(None, 600))),
    ("crop__400x300@2x", RenditionKey("crop", KeySize(400, 300, 2))),
    ("crop__400x300@1.5x__webp", RenditionKey("crop", KeySize(400, 300, 1.5), None, "webp")),
    ("crop__400x300__webp", RenditionKey("crop", KeySize(400, 300), None, "webp")),
    ("filters__invert__crop__3x4__png", RenditionKey("crop", KeySize(3, 4), "invert", "png")),
]
SHORT = [
    ("1200x600", RenditionKey("crop", KeySize(1200, 600))),
    ("filters__invert__30x40", RenditionKey("crop", KeySize(30, 40), "invert")),
    ("30x40__webp", RenditionKey("crop", KeySize(30, 40), None, "webp")),
    ("crop__0400x0300", RenditionKey("crop", KeySize(400, 300))),
    ("crop__ 400x300 ", RenditionKey("crop", KeySize(400, 300))),
    ("400 x 300", RenditionKey("crop", KeySize(400, 300))),
]
WRONG = [
    "", "crop", "thumbnail", "crop__", "__400x400", "crop__0x10", "crop__10x0", "crop__-1x10",
    "crop__1.5x10", "crop__10", "crop__x", "crop__0x", "crop__10x10@",
    "crop__10x10@0x", "crop__10x10@2", "crop__10x10@10x",
    "crop__10X10", "crop__100000x1",
    "crop__10x10__", "crop__10x10__webp__more", "url__10x10__x__y",
    "filters", "filters__invert", "filters____url", "filters__invert__", "_crop__10x10",
    "crop___10x10", "cr op__10x10", "crop__\u0661x\u0661", "crop __10x10", "-crop__10x10",
    "crop__1 0x10", None, 400, ("crop", "10x10"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key"), KEYS + SHORT)
def test_every_documented_form_of_a_key_is_parsed(text, key):
    assert RenditionKey.parse(text) == key


@pytest.mark.parametrize(("text", "key"), KEYS)
def test_a_key_is_written_as_it_was_read(text, key):
    """The text of a key does not change when it is parsed and written."""
    assert str(key) == text


@pytest.mark.parametrize("text", WRONG)
def test_a_malformed_key_is_refused(text):
    """The message shows the malformed key and a valid one."""
    with pytest.raises(InvalidSizeKey) as caught:
        RenditionKey.parse(text)

    assert repr(text) in str(caught.value)
    assert "crop__400x300" in str(caught.value)


@given(st.text(alphabet="crop_x0123456789filters url", max_size=30))
def test_a_parsed_key_survives_another_round(text):
    try:
        key = RenditionKey.parse(text)
    except InvalidSizeKey:
        return
    assert RenditionKey.parse(str(key)) == key


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("400x300", KeySize(400, 300)),
        (" 4 x 3 ", KeySize(4, 3)),
        ("0x1", None),
        ("1x0", None),
        ("800x", KeySize(800, None)),
        ("x600", KeySize(None, 600)),
        ("40x30@2x", KeySize(40, 30, 2)),
        ("40x30@1.5x", KeySize(40, 30, 1.5)),
        ("40x30@1x", KeySize(40, 30)),
        ("x", None),
        ("0x", None),
        ("x@2x", None),
        ("axb", None),
        ("1x2x3", None),
    ],
)
def test_a_size_is_one_or_two_whole_numbers(text, size):
    """A side of 0 is not valid."""
    assert parse_size(text) == size


def test_a_set_keeps_its_order():
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
    """JSON and YAML give lists of lists, and those are valid, too."""
    assert [(name, str(key)) for name, key in RenditionKeySet.parse(entries)] == [
        ("a", "url"),
        ("b", "crop__1x1"),
    ]


def test_a_repeated_entry_counts_once():
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
def test_a_malformed_set_is_refused(entries):
    """A malformed entry, or one name with two keys, is found when the set is parsed."""
    with pytest.raises(InvalidSizeKeySet):
        RenditionKeySet.parse(entries)


def test_a_malformed_key_in_a_set_is_reported_as_such():
    with pytest.raises(InvalidSizeKey, match="'crop__0x0'"):
        RenditionKeySet.parse([("a", "crop__0x0")])
