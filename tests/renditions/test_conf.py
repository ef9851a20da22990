"""Settings are read under their native names, then under their old names, then as defaults."""

import dataclasses

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from renditions import conf
from renditions.conf import rendition_settings
from renditions.imaging.formats import Encoding
from renditions.imaging.sources import Limits
from renditions.planning.keys import RenditionKey
from renditions.settings_table import ENCODING_SETTINGS, SETTINGS, RenditionSettings

# Where django-versatileimagefield has each setting, with a value that is no default.
OLD_NAMES = [
    ("on_demand", "create_images_on_demand", False),
    ("sized_dirname", "sized_directory_name", "s"),
    ("filtered_dirname", "filtered_directory_name", "f"),
    ("placeholder_dirname", "placeholder_directory_name", "p"),
    ("filename_processor", "image_key_post_processor", "a.b"),
    ("jpeg_quality", "jpeg_resize_quality", 81),
    ("progressive_jpeg", "progressive_jpeg", True),
    ("webp_quality", "webp_resize_quality", 82),
    ("webp_lossless", "lossless_webp", True),
    ("cache", "cache_name", "c"),
    ("record_lifetime_s", "cache_length", 5),
]


@pytest.mark.parametrize(("attribute", "old_key", "value"), OLD_NAMES)
def test_an_old_name_is_read_until_the_native_one_is_set(settings, attribute, old_key, value):
    """A project that moves here changes its settings when it wants to."""
    settings.RENDITIONS = {}
    settings.VERSATILEIMAGEFIELD_SETTINGS = {old_key: value}
    assert getattr(rendition_settings(), attribute) == value

    default = SETTINGS[attribute.upper()].default
    settings.RENDITIONS = {attribute.upper(): default}
    assert getattr(rendition_settings(), attribute) == default


def test_old_settings_of_their_own_are_read(settings):
    """Key sets and placehold.it are no keys of the old dict."""
    del settings.RENDITIONS
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS = {"s": [("a", "url")]}
    settings.VERSATILEIMAGEFIELD_USE_PLACEHOLDIT = True

    assert conf.key_set_names() == ("s",)
    assert rendition_settings().placeholdit is True


def test_every_old_name_is_tested():
    """The list above is complete."""
    keys = [setting.old_place.key for setting in SETTINGS.values() if setting.old_place]

    assert {key for key in keys if key} == {old_key for _, old_key, _ in OLD_NAMES}


@pytest.mark.parametrize("given", [None, [], "x"])
def test_a_dict_that_is_none_is_read_as_empty(settings, given):
    """`manage.py check` reports it; pages keep working with the defaults."""
    settings.RENDITIONS = settings.VERSATILEIMAGEFIELD_SETTINGS = given

    assert rendition_settings() == RenditionSettings(
        **{name.lower(): setting.default for name, setting in SETTINGS.items()}
    )


def test_a_replaced_setting_is_read_again():
    """In tests, with what Django and pytest-django offer for it."""
    key = RenditionKey.parse("crop__9x9")
    with override_settings(RENDITIONS={"JPEG_QUALITY": 9}):
        assert rendition_settings().jpeg_quality == 9
        assert conf.style(key).layout.qualities["jpg"] == 9

    assert rendition_settings().jpeg_quality == 70
    assert conf.style(key).layout.qualities["jpg"] == 70


def test_a_style_is_computed_once():
    """A page with many renditions pays for one computation."""
    key, same = RenditionKey.parse("crop__9x9"), RenditionKey.parse("9x9")

    assert conf.style(key) is conf.style(same)
    assert rendition_settings() is rendition_settings()


def test_a_key_set_may_be_written_in_its_own_way(configure):
    """ENCODINGS changes what it names for the keys of that set, and nothing else."""
    configure(
        KEY_SETS={"s": [("a", "crop__1x1")], "hero": [("hero", "thumbnail__100x100")]},
        BACKGROUND="black",
        COLOR="keep",
        WEBP_METHOD=6,
        ENCODINGS={"s": {"JPEG_QUALITY": 85, "COLOR": "srgb"}},
    )
    in_set, other = conf.key_set("s").keys[0], conf.key_set("hero").keys[0]

    assert (conf.encoding(other).jpeg_quality, conf.encoding(in_set).jpeg_quality) == (70, 85)
    assert (conf.encoding(other).color, conf.encoding(in_set).color) == ("keep", "srgb")
    assert conf.encoding(in_set).background == (0, 0, 0)
    assert conf.encoding(in_set).webp_method == 6
    assert conf.style(in_set).layout.qualities["jpg"] == 85


def test_limits_are_settings(configure):
    configure(MAX_PIXELS=5, FORMATS=["jpeg", "bmp"])

    assert conf.limits().max_pixels == 5
    assert conf.limits().formats == ("JPEG", "BMP")


def test_every_limit_and_every_encoding_can_be_set():
    """The defaults of the settings are those of the imaging package."""
    limits = {field.name.upper(): getattr(Limits(), field.name) for field in fields(Limits)}
    assert limits == {name: SETTINGS[name].default for name in limits}

    assert set(ENCODING_SETTINGS) == {field.name.upper() for field in fields(Encoding)}
    assert conf.encoding() == Encoding()


def fields(of):
    return dataclasses.fields(of)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"RENDITIONS": {}}, "RENDITIONS['KEY_SETS']"),
        (
            {"VERSATILEIMAGEFIELD_RENDITION_KEY_SETS": {"s": []}},
            "VERSATILEIMAGEFIELD_RENDITION_KEY_SETS",
        ),
        (
            {"RENDITIONS": {"KEY_SETS": {}}, "VERSATILEIMAGEFIELD_RENDITION_KEY_SETS": {}},
            "RENDITIONS['KEY_SETS']",
        ),
    ],
)
def test_an_unknown_key_set_is_an_error_that_says_where_to_define_it(settings, given, place):
    """The error names the place where this project has its key sets, and those it has."""
    del settings.RENDITIONS
    with override_settings(**given), pytest.raises(ImproperlyConfigured) as raised:
        conf.key_set("nope")

    known = ", ".join(given.get(place, {})) or "none"
    assert str(raised.value) == f"No rendition key set 'nope' in {place}. Known: {known}."


def test_a_filename_processor_that_cannot_be_imported_is_named(configure):
    configure(FILENAME_PROCESSOR="no.such.thing")

    with pytest.raises(ImproperlyConfigured, match=r"RENDITIONS\['FILENAME_PROCESSOR'\]"):
        conf.layout()


def test_records_are_in_the_default_cache_unless_another_is_there(settings, configure):
    """A named cache is used if it exists, as is the old package's cache."""
    assert conf.cache() == caches["default"]
    configure(CACHE="nope")
    assert conf.cache() == caches["default"]

    other = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "other"}
    settings.CACHES = settings.CACHES | {"versatileimagefield_cache": other, "mine": other}
    assert conf.cache() == caches["default"]
    configure(CACHE="mine")
    assert conf.cache() == caches["mine"]
    configure(CACHE=None)
    assert conf.cache() == caches["versatileimagefield_cache"]
