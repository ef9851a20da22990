import dataclasses

import pytest
from django.db import models

from renditions import checks, conf
from renditions.fields import PPOIField, VersatileImageField
from renditions.imaging.formats import Encoding
from renditions.imaging.sources import Limits

ONE_SET = {"s": [("a", "crop__1x1"), ("b", "thumbnail__9x9")]}


def ids(messages):
    return [message.id for message in messages]


def all_ids():
    return ids(
        [*checks.check_settings(None), *checks.check_key_sets(None), *checks.check_fields(None)]
    )


def test_the_defaults_are_right(settings):
    """A project that sets nothing is told nothing."""
    settings.VERSATILEIMAGEFIELD_SETTINGS = {}
    settings.RENDITIONS = {}

    assert all_ids() == []


def test_a_project_that_sets_everything_to_its_default_is_right(settings):
    """Every default is a value that the setting accepts."""
    for name, table in (
        ("VERSATILEIMAGEFIELD_SETTINGS", conf.INHERITED_SETTINGS),
        ("RENDITIONS", conf.OWN_SETTINGS),
    ):
        setattr(settings, name, {key: setting.default for key, setting in table.items()})

    assert all_ids() == []


INHERITED = [
    ([], "E001"),
    ("x", "E001"),
    ({"cache_lenght": 1}, "W013"),
    ({"cache_length": -1}, "E003"),
    ({"cache_length": "1"}, "E003"),
    ({"cache_name": None}, "E003"),
    ({"jpeg_resize_quality": 0}, "E003"),
    ({"jpeg_resize_quality": 101}, "E003"),
    ({"jpeg_resize_quality": 70.0}, "E003"),
    ({"jpeg_resize_quality": True}, "E003"),
    ({"webp_resize_quality": -1}, "E003"),
    ({"lossless_webp": 1}, "E003"),
    ({"progressive_jpeg": "yes"}, "E003"),
    ({"create_images_on_demand": None}, "E003"),
    ({"sized_directory_name": "."}, "E003"),
    ({"sized_directory_name": "../x"}, "E003"),
    ({"filtered_directory_name": "a/../b"}, "E003"),
    ({"placeholder_directory_name": 3}, "E003"),
    ({"image_key_post_processor": "nodots"}, "E003"),
    ({"image_key_post_processor": "no.such.thing"}, "E004"),
]
HARMLESS = [
    {"cache_length": 0},
    {"cache_length": None},
    {"sized_directory_name": "", "filtered_directory_name": "", "placeholder_directory_name": ""},
]


@pytest.mark.parametrize(("value", "number"), INHERITED)
def test_inherited_settings_are_checked(settings, value, number):
    """Each bad value gives exactly one message."""
    settings.VERSATILEIMAGEFIELD_SETTINGS = value

    assert all_ids() == [f"renditions.{number}"]


@pytest.mark.parametrize("value", HARMLESS)
def test_what_was_harmless_is_right(settings, value):
    """The package of old took it."""
    settings.VERSATILEIMAGEFIELD_SETTINGS = value

    assert all_ids() == []


def test_a_key_that_was_passed_over_hides_nothing(settings):
    """It is told of, and the rest is checked."""
    settings.VERSATILEIMAGEFIELD_SETTINGS = {
        "global_placeholder_image": "a.png",
        "image_key_post_processor": "no.such.thing",
    }

    assert all_ids() == ["renditions.W013", "renditions.E004"]
    assert not checks.check_settings(None)[0].is_serious()


OWN = [
    ([], "E001"),
    ({"MAX_PIXLES": 1}, "E002"),
    ({"MAX_PIXELS": 0}, "E003"),
    ({"MAX_SIDE": "16384"}, "E003"),
    ({"MAX_FILE_BYTES": None}, "E003"),
    ({"MAX_JPEG_SCANS": 1.5}, "E003"),
    ({"MAX_FRAME_PIXELS": -1}, "E003"),
    ({"MAX_METADATA_BYTES": True}, "E003"),
    ({"MAX_DECODE_BYTES": 2**60}, "E003"),
    ({"FORMATS": []}, "E003"),
    ({"FORMATS": "JPEG"}, "E003"),
    ({"FORMATS": ["JPEG", "EPS"]}, "E003"),
    ({"FORMATS": [None]}, "E003"),
    ({"WEBP_METHOD": 7}, "E003"),
    ({"AVIF_QUALITY": 0}, "E003"),
    ({"AVIF_SPEED": 11}, "E003"),
    ({"PNG_COMPRESS_LEVEL": 10}, "E003"),
    ({"BACKGROUND": "#ggg"}, "E003"),
    ({"BACKGROUND": "#ffffff80"}, "E003"),
    ({"BACKGROUND": (255, 255, 255)}, "E003"),
    ({"COLOR": "p3"}, "E003"),
    ({"ANIMATION": True}, "E003"),
    ({"STORE": None}, "E003"),
    ({"STORE": "no.such.Store"}, "E004"),
    ({"ENCODINGS": []}, "E003"),
    ({"ENCODINGS": {"s": 85}}, "E003"),
    ({"ENCODINGS": {"s": {"JPEG_QUALITY": 0}}}, "E003"),
    ({"ENCODINGS": {"s": {"MAX_PIXELS": 1}}}, "E002"),
    ({"ENCODINGS": {"nope": {"JPEG_QUALITY": 85}}}, "E009"),
    ({"WORKERS": 3}, "E003"),
]


@pytest.mark.parametrize(("value", "number"), OWN)
def test_own_settings_are_checked(settings, value, number):
    """Each bad value gives exactly one message."""
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS |= ONE_SET
    settings.RENDITIONS = value

    assert all_ids() == [f"renditions.{number}"]


def test_formats_that_there_are_are_listed(settings):
    """Whoever wrote an extension learns what the format is called."""
    settings.RENDITIONS = {"FORMATS": ["JPG"]}

    (message,) = checks.check_settings(None)

    assert message.msg.endswith(
        "it must be a list of some of: 'JPEG', 'PNG', 'GIF', 'WEBP', 'AVIF', 'TIFF', 'BMP'."
    )


@pytest.mark.parametrize(
    "value",
    [
        {"FORMATS": ["jpeg", "TIFF", "BMP"]},
        {"BACKGROUND": "black"},
        {"BACKGROUND": "#000"},
        {"COLOR": "keep", "ANIMATION": "keep"},
        {"ENCODINGS": {"s": {"JPEG_QUALITY": 85, "BACKGROUND": "red"}}},
    ],
)
def test_other_values_are_right(settings, value):
    """What the reference says may be set."""
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS |= ONE_SET
    settings.RENDITIONS = value

    assert all_ids() == []


def test_one_rendition_is_written_in_one_way(settings):
    """Two sets that hold the same key must agree."""
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS |= ONE_SET | {"t": [("x", "1x1")]}
    settings.RENDITIONS = {"ENCODINGS": {"s": {"JPEG_QUALITY": 85}, "t": {"JPEG_QUALITY": 60}}}
    assert all_ids() == ["renditions.E010"]

    settings.RENDITIONS = {"ENCODINGS": {"s": {"JPEG_QUALITY": 85}, "t": {"JPEG_QUALITY": 85}}}
    assert all_ids() == []


def test_a_message_says_what_would_be_right(settings):
    """And what is there."""
    settings.RENDITIONS = {"AVIF_SPEED": 11, "AVIF_SPED": 1}

    first, second = checks.check_settings(None)

    assert first.msg == "RENDITIONS['AVIF_SPEED'] is 11; it must be a whole number from 0 to 10."
    assert "AVIF_SPEED" in second.hint


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ([], "E005"),
        ({"s": "crop__1x1"}, "E006"),
        ({"s": ("a", "crop__1x1")}, "E006"),
        ({"s": [("a", "crop")]}, "E006"),
        ({"s": [("a", "nope__1x1")]}, "E006"),
        ({"s": [("a", "filters__nope__url")]}, "E006"),
        ({"s": [("a", "crop__1x1__nope")]}, "E006"),
        ({"s": [("a", "crop__0x1")]}, "E006"),
        ({"s": [("a", "url"), ("a", "1x1")]}, "E006"),
    ],
)
def test_key_sets_are_checked(settings, value, number):
    """Whatever is wrong with one is found before any picture."""
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS = value

    assert ids(checks.check_key_sets(None)) == [f"renditions.{number}"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"warm": "hero", "ppoi_field": "point"}, []),
        ({"warm": ["hero", "headshot"]}, []),
        ({"warm": "nope"}, ["renditions.E007"]),
        ({"warm": ["hero", "nope"]}, ["renditions.E007"]),
        ({"ppoi_field": "nope"}, ["renditions.E008"]),
        ({"ppoi_field": "title"}, ["renditions.E008"]),
    ],
)
def test_fields_are_checked(options, expected, isolated_model):
    """What a field names must be there."""
    field = VersatileImageField(**options)
    isolated_model(image=field, point=PPOIField(), title=models.CharField(max_length=9))

    found = checks.check_fields(None)

    assert [message.id for message in found if message.obj is field] == expected


@pytest.fixture
def isolated_model(monkeypatch):
    """Return a maker of models that nobody else sees."""

    def make(**fields):
        meta = type("Meta", (), {"app_label": "isolated"})
        made = type("Isolated", (models.Model,), {"Meta": meta, "__module__": __name__, **fields})
        monkeypatch.setattr("renditions.checks.apps.get_models", lambda **kwargs: [made])
        return made

    yield make
    from django.apps import apps

    apps.all_models.pop("isolated", None)


def test_limits_and_encodings_are_read_when_they_are_used(settings):
    """With the names of the settings."""
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS |= ONE_SET
    settings.RENDITIONS = {
        "MAX_PIXELS": 5,
        "FORMATS": ["jpeg", "bmp"],
        "BACKGROUND": "black",
        "COLOR": "keep",
        "WEBP_METHOD": 6,
        "ENCODINGS": {"s": {"JPEG_QUALITY": 85, "COLOR": "srgb"}},
    }
    in_set, other = conf.key_set("s").keys[0], conf.key_set("hero").keys[0]

    assert conf.limits().max_pixels == 5
    assert conf.limits().formats == ("JPEG", "BMP")
    assert (conf.encoding(other).jpeg_quality, conf.encoding(in_set).jpeg_quality) == (70, 85)
    assert (conf.encoding(other).color, conf.encoding(in_set).color) == ("keep", "srgb")
    assert conf.encoding(in_set).background == (0, 0, 0)
    assert conf.encoding(in_set).webp_method == 6
    assert conf.style(in_set).layout.qualities["jpg"] == 85


def test_the_cache_of_old_is_used_where_there_is_one(settings):
    """Otherwise the default one."""
    assert conf.cache() == conf.caches["default"]

    settings.CACHES = settings.CACHES | {
        "versatileimagefield_cache": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "other",
        }
    }
    assert conf.cache() == conf.caches["versatileimagefield_cache"]


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("locmem.LocMemCache", ["renditions.W011"]),
        ("dummy.DummyCache", ["renditions.W011"]),
        ("filebased.FileBasedCache", []),
    ],
)
def test_a_deployment_needs_a_shared_cache(settings, tmp_path, backend, expected):
    """Or no process knows what another has made."""
    settings.CACHES = {
        "default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": str(tmp_path)}
    }

    assert ids(checks.check_cache(None)) == expected


def test_every_limit_and_every_encoding_can_be_set():
    """What imaging can do differently, a project can ask for."""
    limits = {field.name.upper() for field in dataclasses.fields(Limits)}
    encodings = {field.name.upper() for field in dataclasses.fields(Encoding)}

    assert limits <= set(conf.OWN_SETTINGS)
    assert encodings == set(conf.OVERRIDES)


def test_a_store_of_the_projects_own_is_taken_to_be_shared(settings):
    """The cache says nothing of records that are kept elsewhere."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.RENDITIONS = {"STORE": "shop.records.TableStore"}

    assert ids(checks.check_cache(None)) == []


def test_a_field_that_nobody_warms_is_named(isolated_model, monkeypatch):
    """Without the workers' app nothing is made after a save, and a namesake of it is no help."""
    isolated_model(image=VersatileImageField(warm="hero"))
    assert ids(checks.check_workers(None)) == []

    monkeypatch.setattr("renditions.checks.apps.get_app_configs", list)
    [message] = checks.check_workers(None)

    assert message.id == "renditions.W012"
    assert "isolated.Isolated.image" in message.msg
    assert "workers/__init__.py" in message.hint
