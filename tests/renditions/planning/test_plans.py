from dataclasses import replace

import pytest

from renditions import conf
from renditions.imaging.formats import OUTPUT_FORMATS, format_for_extension
from renditions.imaging.geometry import FocalPoint
from renditions.imaging.sizers import Crop
from renditions.planning.keys import InvalidSizeKey, RenditionKey, RenditionKeySet
from renditions.planning.plans import Original, place_of, plan_key, plan_key_set, validated

A_JPG = Original("app.Model.field", "default", "p/a.jpg", FocalPoint(0.5, 0.5))


def plan(key, original=A_JPG):
    parsed = RenditionKey.parse(key)
    return plan_key(original, parsed, conf.style(parsed))


def test_a_plan_has_path_recipe_and_storage():
    made = plan("filters__invert__crop__60x30__webp")

    assert made.path == ("__sized__/p/__filtered__/a__invert__-crop-c0-5__0-5-60x30-70.jpg.webp")
    assert (made.recipe.format, str(made.recipe.size)) == ("WEBP", "60x30")
    assert made.storage == "default"


def test_a_set_is_planned_in_its_order_without_the_original():
    """The key `url` needs no plan, and two keys with one path have one plan."""
    keys = ["url", "thumbnail__9x9", "60x30", "crop__60x30", "filters__invert__url"]
    key_set = RenditionKeySet.parse([(key, key) for key in keys])

    made = plan_key_set(A_JPG, key_set, conf.style)

    assert [str(each.key) for each in made] == [
        "thumbnail__9x9",
        "crop__60x30",
        "filters__invert__url",
    ]


@pytest.mark.parametrize(
    "key", ["nope__1x1", "filters__nope__url", "filters__nope__crop__1x1", "crop__1x1__nope"]
)
def test_a_key_with_an_unknown_name_is_refused(key):
    """The message lists the known names."""
    with pytest.raises(InvalidSizeKey, match="Known: "):
        validated([("a", key)])


FINGERPRINTS = [
    ("p/a.jpg", (0.5, 0.5), "crop__60x30", "1d892a8b31b9229c19e6ed0de221f15a"),
    ("p/a.jpg", (0.5, 0.5), "thumbnail__60x30__webp", "e0ac4c5975e8c6abeb7809f674983d3c"),
    ("p/a.jpg", (0.5, 0.5), "filters__invert__url", "cf41a4847aae5ef9342d6581acfd5380"),
    ("p/a.jpg", (0.5, 0.5), "filters__invert__crop__9x9", "cb319caad7a3bb0f7e72ce803ead7a85"),
    ("p/a b.PNG", (0.25, 1.0), "crop__60x30", "817b94c78fdba07163602faf150fa7dd"),
    ("noext", (0.0, 0.3333), "crop__60x30", "bdd5a33700ef334a027f69d3e611463b"),
]


@pytest.mark.parametrize(("name", "ppoi", "key", "fingerprint"), FINGERPRINTS)
def test_a_fingerprint_is_the_same_in_each_release(name, ppoi, key, fingerprint):
    """Otherwise everything is rendered again: records and jobs keep it."""
    assert plan(key, replace(A_JPG, name=name, ppoi=FocalPoint(*ppoi))).fingerprint == fingerprint


@pytest.mark.parametrize(
    "key", ["crop__9x9", "thumbnail__9x9__webp", "filters__invert__url", "filters__invert__9x9"]
)
def test_the_place_of_a_rendition_is_that_of_its_plan(key):
    parsed = RenditionKey.parse(key)
    style = conf.style(parsed)
    place = place_of(A_JPG, parsed, style.layout)

    assert (place.path, place.own) == (plan(key).path, None)
    assert place.fingerprint(A_JPG, parsed, style.encoding) == plan(key).fingerprint


HEIC = [
    ("p/a.heic", "crop__60x30", "__sized__/p/a-crop-c0-5__0-5-60x30-70.heic.jpg"),
    ("p/a.HEIC", "thumbnail__9x9", "__sized__/p/a-thumbnail-9x9-70.HEIC.jpg"),
    ("p/a.heif", "thumbnail__9x9__webp", "__sized__/p/a-thumbnail-9x9-70.heif.webp"),
    ("p/a.hif", "filters__invert__url", "p/__filtered__/a__invert__.hif.jpg"),
    ("p/a.heic", "filters__invert__thumbnail__9x9",
     "__sized__/p/__filtered__/a__invert__-thumbnail-9x9-70.heic.jpg"),
    ("heic", "thumbnail__9x9", "__sized__/heic-thumbnail-9x9-70.jpg"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "key", "path"), HEIC)
def test_renditions_of_a_picture_that_no_browser_shows_are_jpegs(name, key, path):
    """Both extensions are in the name, so no other original can have it."""
    made = plan(key, replace(A_JPG, name=name))

    assert made.path == path
    assert made.format_for("HEIF") == ("WEBP" if key.endswith("webp") else "JPEG")
    assert made.format_for("PNG") == ("PNG" if name == "heic" else made.format_for("HEIF"))


def test_both_keys_of_one_file_have_one_fingerprint():
    """Otherwise each of them would render it again after the other one."""
    heic = replace(A_JPG, name="p/a.heic")
    plain, named = plan("crop__60x30", heic), plan("crop__60x30__jpeg", heic)

    assert (plain.path, plain.fingerprint) == (named.path, named.fingerprint)
    assert plan("crop__60x30").fingerprint != plan("crop__60x30__jpeg").fingerprint


def test_a_key_cannot_ask_for_a_format_that_is_only_read():
    with pytest.raises(InvalidSizeKey, match=r"'heif'\. Known: jpeg, "):
        validated([("a", "crop__9x9__heif")])


@pytest.mark.parametrize("output", OUTPUT_FORMATS)
def test_the_name_of_a_format_is_one_of_its_extensions(output):
    """The options in a fingerprint are looked up by either."""
    assert format_for_extension(output.name) is output


def test_a_key_follows_the_registry(registry):
    """What is known of a name changes with each registration."""
    with pytest.raises(InvalidSizeKey):
        plan("looking__9x9")
    registry.register_sizer("looking", Looking)
    assert plan("looking__9x9").path == "__sized__/p/a-looking-9x9-70.jpg"

    registry.unregister_sizer("looking")
    with pytest.raises(InvalidSizeKey):
        plan("looking__9x9")
    registry.register_sizer("looking", Crop)
    assert plan("looking__9x9").path == "__sized__/p/a-crop-c0-5__0-5-9x9-70.jpg"


class Looking(Crop):
    """A sizer that uses the focal point without naming it in file names."""

    filename_key = "looking"

    def key_in_filename(self, ppoi):
        return self.filename_key


CHANGES = [
    # key, settings, does the fingerprint change?
    ("crop__9x9", {"PROGRESSIVE_JPEG": True}, True),
    ("crop__9x9", {"WEBP_QUALITY": 9}, False),
    ("crop__9x9", {"WEBP_LOSSLESS": True}, False),
    ("crop__9x9__webp", {"WEBP_LOSSLESS": True}, True),
    ("crop__9x9__webp", {"PROGRESSIVE_JPEG": True}, False),
    ("crop__9x9__avif", {"WEBP_QUALITY": 9}, False),
    ("crop__9x9", {"AVIF_SPEED": 1, "WEBP_METHOD": 6, "PNG_COMPRESS_LEVEL": 9}, False),
    ("crop__9x9__avif", {"AVIF_SPEED": 1}, True),
    ("crop__9x9", {"BACKGROUND": "black"}, True),
    ("crop__9x9", {"COLOR": "keep"}, True),
    ("crop__9x9", {"ENCODINGS": {"s": {"PROGRESSIVE_JPEG": True}}}, True),
    ("crop__8x8", {"ENCODINGS": {"s": {"PROGRESSIVE_JPEG": True}}}, False),
]


@pytest.mark.parametrize(("key", "given", "changes"), CHANGES)
def test_a_fingerprint_changes_with_what_changes_the_file(configure, key, given, changes):
    """The quality of another format does not change it."""
    configure(KEY_SETS={"s": [("a", "crop__9x9")]})
    before = plan(key).fingerprint
    configure(**given)

    assert (plan(key).fingerprint != before) is changes


@pytest.mark.parametrize(("key", "changes"), [("thumbnail__9x9", False), ("looking__9x9", True),
                                              ("filters__invert__url", False)])  # fmt: skip
def test_moving_the_focal_point_changes_only_renditions_that_use_it(registry, key, changes):
    """A thumbnail shows all of the picture, so its fingerprint stays."""
    registry.register_sizer("looking", Looking)
    moved = replace(A_JPG, ppoi=FocalPoint(0, 0))

    assert plan(key).path == plan(key, moved).path
    assert (plan(key).fingerprint != plan(key, moved).fingerprint) is changes


@pytest.mark.parametrize("name", ["odd.bin", "noext", "a.JPG", "x.tif"])
def test_a_plan_has_a_fingerprint_whatever_the_extension(name):
    assert len(plan("crop__9x9", replace(A_JPG, name=name)).fingerprint) == 32
