import sys

import pytest
from django.db import models

from renditions import Picture, checks
from renditions.fields import PictureMetaField, PPOIField, VersatileImageField
from renditions.settings_table import SETTINGS

ONE_SET = {"s": [("a", "crop__1x1"), ("b", "thumbnail__9x9")]}


def ids(messages):
    return [message.id for message in messages]


def check_all():
    return [*checks.check_settings(None), *checks.check_key_sets(None)]


def test_the_defaults_are_right(settings):
    """A project that sets nothing gets no message."""
    settings.RENDITIONS = {}

    assert check_all() == []


def test_every_default_is_a_valid_value(settings):
    """A project may set everything to its default."""
    settings.RENDITIONS = {name: setting.default for name, setting in SETTINGS.items()}

    assert check_all() == []


INVALID = [
    ({"MAX_PIXLES": 1}, "E002"),
    ({"ON_DEMAND": None}, "E003"),
    ({"PLACEHOLDIT": 1}, "E003"),
    ({"SIZED_DIRNAME": "."}, "E003"),
    ({"SIZED_DIRNAME": "../x"}, "E003"),
    ({"FILTERED_DIRNAME": "a/../b"}, "E003"),
    ({"PLACEHOLDER_DIRNAME": 3}, "E003"),
    ({"FILENAME_PROCESSOR": "nodots"}, "E003"),
    ({"FILENAME_PROCESSOR": "no.such.thing"}, "E004"),
    ({"JPEG_QUALITY": 0}, "E003"),
    ({"JPEG_QUALITY": 101}, "E003"),
    ({"JPEG_QUALITY": 70.0}, "E003"),
    ({"JPEG_QUALITY": True}, "E003"),
    ({"PROGRESSIVE_JPEG": "yes"}, "E003"),
    ({"WEBP_QUALITY": -1}, "E003"),
    ({"WEBP_LOSSLESS": 1}, "E003"),
    ({"WEBP_METHOD": 7}, "E003"),
    ({"AVIF_QUALITY": 0}, "E003"),
    ({"AVIF_SPEED": 11}, "E003"),
    ({"PNG_COMPRESS_LEVEL": 10}, "E003"),
    ({"BACKGROUND": "#ggg"}, "E003"),
    ({"BACKGROUND": "#ffffff80"}, "E003"),
    ({"BACKGROUND": (255, 255, 255)}, "E003"),
    ({"COLOR": "p3"}, "E003"),
    ({"ANIMATION": True}, "E003"),
    ({"ENCODINGS": []}, "E003"),
    ({"ENCODINGS": {"s": 85}}, "E003"),
    ({"ENCODINGS": {"s": {"JPEG_QUALITY": 0}}}, "E003"),
    ({"ENCODINGS": {"s": {"MAX_PIXELS": 1}}}, "E002"),
    ({"ENCODINGS": {"nope": {"JPEG_QUALITY": 85}}}, "E009"),
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
    ({"STORE": None}, "E003"),
    ({"STORE": "no.such.Store"}, "E004"),
    ({"CACHE": 3}, "E003"),
    ({"RECORD_LIFETIME_S": -1}, "E003"),
    ({"RECORD_LIFETIME_S": "1"}, "E003"),
    ({"WORKERS": 3}, "E003"),
]


@pytest.mark.parametrize(("given", "number"), INVALID)
def test_settings_are_checked(configure, given, number):
    """Each invalid value gets exactly one message, with a remedy."""
    configure(KEY_SETS=ONE_SET, **given)

    [message] = check_all()

    assert message.id == f"renditions.{number}"
    assert message.hint


@pytest.mark.parametrize("given", [[], "x", None])
def test_the_settings_are_a_dict(settings, given):
    settings.RENDITIONS = given

    assert ids(checks.check_settings(None)) == ["renditions.E001"]


@pytest.mark.parametrize(
    "given",
    [
        {"FORMATS": ["jpeg", "TIFF", "BMP"]},
        {"BACKGROUND": "black"},
        {"BACKGROUND": "#000"},
        {"COLOR": "keep", "ANIMATION": "keep"},
        {"ENCODINGS": {"s": {"JPEG_QUALITY": 85, "BACKGROUND": "red"}}},
        {"RECORD_LIFETIME_S": 0},
        {"RECORD_LIFETIME_S": None},
        {"SIZED_DIRNAME": "", "FILTERED_DIRNAME": "", "PLACEHOLDER_DIRNAME": ""},
    ],
)
def test_other_values_are_valid(configure, given):
    """The reference says that these may be set."""
    configure(KEY_SETS=ONE_SET, **given)

    assert check_all() == []


def test_a_format_that_nothing_decodes_here_is_an_error(configure, monkeypatch):
    """HEIF needs a package that is not installed everywhere."""
    configure(KEY_SETS=ONE_SET, FORMATS=["JPEG", "heif"])
    assert check_all() == []

    monkeypatch.setitem(sys.modules, "pillow_heif", None)

    [message] = check_all()
    assert message.id == "renditions.E029"
    assert "'HEIF'" in message.msg
    assert "django-renditions[heif]" in message.hint


def test_a_message_names_the_setting_and_the_remedy(settings):
    """The reader finds the line, the valid values and the known names."""
    settings.RENDITIONS = {"AVIF_SPEED": 11, "AVIF_SPED": 1, "FORMATS": ["JPG"]}

    invalid, unknown, formats = checks.check_settings(None)

    assert invalid.msg == "RENDITIONS['AVIF_SPEED'] is 11; it must be a whole number from 0 to 10."
    assert invalid.hint == "Correct it, or remove it: the default is 8."
    assert unknown.msg == "RENDITIONS['AVIF_SPED'] is not a known setting."
    assert "AVIF_SPEED" in unknown.hint
    assert formats.msg.endswith(
        "it must be a list of some of: 'JPEG', 'PNG', 'GIF', 'WEBP', 'AVIF', 'HEIF', 'TIFF', 'BMP'."
    )


def test_one_rendition_is_written_in_one_way(configure):
    """Two sets that contain the same key must agree."""
    configure(KEY_SETS=ONE_SET | {"t": [("x", "1x1")]})
    configure(ENCODINGS={"s": {"JPEG_QUALITY": 85}, "t": {"JPEG_QUALITY": 60}})
    assert ids(checks.check_settings(None)) == ["renditions.E010"]

    configure(ENCODINGS={"s": {"JPEG_QUALITY": 85}, "t": {"JPEG_QUALITY": 85}})
    assert check_all() == []


# ---- the names of django-versatileimagefield ----------------------------------------------------


@pytest.fixture
def old_project(settings):
    """Take the native settings away: the project has only old ones."""
    del settings.RENDITIONS


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ([], "E001"),
        ("x", "E001"),
        ({"cache_lenght": 1}, "W013"),
        ({"cache_length": -1}, "E003"),
        ({"cache_name": 3}, "E003"),
        # The example of the old documentation: without such a cache, it uses the default one.
        ({"cache_name": "versatileimagefield_cache"}, "W018"),
        ({"jpeg_resize_quality": 0}, "E003"),
        ({"webp_resize_quality": -1}, "E003"),
        ({"lossless_webp": 1}, "E003"),
        ({"progressive_jpeg": "yes"}, "E003"),
        ({"create_images_on_demand": None}, "E003"),
        ({"sized_directory_name": "."}, "E003"),
        ({"filtered_directory_name": "a/../b"}, "E003"),
        ({"placeholder_directory_name": 3}, "E003"),
        ({"image_key_post_processor": "nodots"}, "E003"),
        ({"image_key_post_processor": "no.such.thing"}, "E004"),
    ],
)
def test_old_settings_are_checked(old_project, settings, given, number):
    """Each invalid value gets exactly one message, which names the old setting."""
    settings.VERSATILEIMAGEFIELD_SETTINGS = given

    [message] = checks.check_settings(None)

    assert message.id == f"renditions.{number}"
    assert message.msg.startswith("VERSATILEIMAGEFIELD_SETTINGS")
    assert message.hint


def test_old_settings_of_their_own_are_checked(old_project, settings):
    """These are no keys of a dict."""
    settings.VERSATILEIMAGEFIELD_USE_PLACEHOLDIT = "yes"
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS = []

    [placeholdit] = checks.check_settings(None)
    [key_sets] = checks.check_key_sets(None)

    assert placeholdit.msg.startswith("VERSATILEIMAGEFIELD_USE_PLACEHOLDIT is 'yes'")
    assert key_sets.msg == "VERSATILEIMAGEFIELD_RENDITION_KEY_SETS must be a dict, not []."


def test_an_unknown_old_key_hides_no_error(old_project, settings):
    """It gets a warning, and the rest is checked: the old package ignored such a key."""
    settings.VERSATILEIMAGEFIELD_SETTINGS = {
        "global_placeholder_image": "a.png",
        "image_key_post_processor": "no.such.thing",
    }

    warning, error = checks.check_settings(None)

    assert ids([warning, error]) == ["renditions.W013", "renditions.E004"]
    assert not warning.is_serious()


def test_one_setting_with_two_values_is_an_error(settings):
    """The message names both places, and the one to remove."""
    settings.VERSATILEIMAGEFIELD_SETTINGS = {
        "jpeg_resize_quality": 80,
        "webp_resize_quality": 80,
        "create_images_on_demand": False,
    }
    settings.VERSATILEIMAGEFIELD_RENDITION_KEY_SETS = ONE_SET
    settings.RENDITIONS = {"JPEG_QUALITY": 85, "ON_DEMAND": False, "KEY_SETS": {}}

    key_sets, quality = checks.check_settings(None)

    assert ids([key_sets, quality]) == ["renditions.E014"] * 2
    assert quality.msg == (
        "RENDITIONS['JPEG_QUALITY'] and VERSATILEIMAGEFIELD_SETTINGS['jpeg_resize_quality'] are "
        "one setting, and their values differ."
    )
    assert quality.hint == (
        "Keep the right value in RENDITIONS['JPEG_QUALITY'] and remove "
        "VERSATILEIMAGEFIELD_SETTINGS['jpeg_resize_quality']."
    )
    assert "VERSATILEIMAGEFIELD_RENDITION_KEY_SETS" in key_sets.msg


# ---- key sets and fields ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ([], "E005"),
        ({"s": None}, "E006"),
        ({"s": "crop__1x1"}, "E006"),
        ({"s": [("a", "crop")]}, "E006"),
        ({"s": [("a", "nope__1x1")]}, "E006"),
        ({"s": [("a", "filters__nope__url")]}, "E006"),
        ({"s": [("a", "crop__1x1__nope")]}, "E006"),
        ({"s": [("a", "crop__0x1")]}, "E006"),
        ({"s": [("a", "url"), ("a", "1x1")]}, "E006"),
    ],
)
def test_key_sets_are_checked(configure, given, number):
    """Each fault is found before any upload."""
    configure(KEY_SETS=given)

    [message] = checks.check_key_sets(None)

    assert message.id == f"renditions.{number}"
    assert "RENDITIONS['KEY_SETS']" in f"{message.msg} {message.hint}"


def test_every_fault_of_a_key_set_is_reported(configure):
    """One run of the check is enough to correct a set."""
    configure(
        KEY_SETS={
            "s": [
                ("good", "crop__1x1"),
                ("good", "crop__2x2"),
                "bare",
                ("bad_key", "crop"),
                ("unknown", "filters__nofilter__nosizer__1x1__noformat"),
            ]
        }
    )

    faults = [message.msg for message in checks.check_key_sets(None)]

    expected = ["'good'", "'bare'", "'crop'", "'nosizer'", "'nofilter'", "'NOFORMAT'"]
    assert len(faults) == len(expected)
    for fault, name in zip(faults, expected, strict=True):
        assert name.lower() in fault.lower()


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        ({"widths": [400], "width": 3}, ["'width'"]),
        ({"widths": [0]}, ["'widths'"]),
        ({"widths": [400, 800], "formats": ["webp", "foo"]}, ["'foo'"]),
        (Picture(widths=[400], ratio="wide"), ["'ratio' is 'wide'"]),
        (Picture(widths=[400], formats=["webp"]), []),
    ],
)
def test_a_wrong_picture_is_one_fault(configure, picture, told):
    """Not one for each of its keys."""
    configure(KEY_SETS={"hero": picture})

    faults = [message.msg for message in checks.check_key_sets(None)]

    assert len(faults) == len(told)
    assert all(name in fault for fault, name in zip(faults, told, strict=True))


def test_the_qualities_of_two_pictures_with_one_key_must_agree(configure):
    sizes = {"widths": [400], "ratio": 1}
    configure(KEY_SETS={"a": {**sizes, "quality": 60}, "b": {**sizes, "quality": 70}})
    assert ids(checks.check_settings(None)) == ["renditions.E010"]

    configure(KEY_SETS={"a": {**sizes, "quality": 60}, "b": {**sizes, "quality": 60}})
    assert checks.check_settings(None) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"warm": "hero", "ppoi_field": "point"}, []),
        ({"warm": ["hero", "headshot"]}, []),
        ({"warm": "nope"}, ["renditions.E007"]),
        ({"warm": ["hero", "nope"]}, ["renditions.E007"]),
        ({"until_ready": "nearest"}, []),
        ({"until_ready": "never"}, ["renditions.E024"]),
        ({"meta_field": "nope"}, ["renditions.E025"]),
        ({"meta_field": "title"}, ["renditions.E025"]),
        ({"meta_field": "facts", "warm": "lead"}, []),
        ({"width_field": "w", "height_field": "h", "warm": "lead"}, []),
        ({"width_field": "w", "warm": "lead"}, ["renditions.W026"]),
        ({"warm": ["hero", "lead"]}, ["renditions.W026"]),
        ({"ppoi_field": "nope"}, ["renditions.E008"]),
        ({"ppoi_field": "title"}, ["renditions.E008"]),
    ],
)
def test_fields_are_checked(options, expected, isolated_model):
    """The key sets and the PPOI field that a field names must exist."""
    field = VersatileImageField(**options)
    isolated_model(
        image=field,
        point=PPOIField(),
        facts=PictureMetaField(),
        title=models.CharField(max_length=9),
        w=models.IntegerField(null=True),
        h=models.IntegerField(null=True),
    )

    found = [message for message in checks.check_fields(None) if message.obj is field]

    assert ids(found) == expected
    assert all(message.hint for message in found)


def test_two_fields_with_one_column_for_facts_are_named(isolated_model):
    """The column holds the facts of one picture."""
    one, other = (VersatileImageField(meta_field="facts") for _ in range(2))
    isolated_model(one=one, other=other, facts=PictureMetaField())

    found = checks.check_fields(None)

    assert ids(found) == ["renditions.W028"] * 2
    assert [message.obj for message in found] == [one, other]


@pytest.fixture
def isolated_model(monkeypatch):
    """Return a maker of models that no other test sees."""

    def make(**fields):
        meta = type("Meta", (), {"app_label": "isolated"})
        made = type("Isolated", (models.Model,), {"Meta": meta, "__module__": __name__, **fields})
        monkeypatch.setattr("renditions.checks.apps.get_models", lambda **kwargs: [made])
        return made

    yield make
    from django.apps import apps

    apps.all_models.pop("isolated", None)


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("locmem.LocMemCache", ["renditions.W011"]),
        ("dummy.DummyCache", ["renditions.W011"]),
        ("filebased.FileBasedCache", []),
    ],
)
def test_a_deployment_needs_a_shared_cache(settings, tmp_path, backend, expected):
    """Otherwise no process sees the records of another."""
    settings.CACHES = {
        "default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": str(tmp_path)}
    }

    assert ids(checks.check_cache(None)) == expected


def test_a_store_of_the_projects_own_is_taken_to_be_shared(settings, configure):
    """Its records are not in the cache."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    configure(STORE="shop.records.TableStore")

    assert ids(checks.check_cache(None)) == []


def test_a_field_that_no_app_warms_is_named(isolated_model, monkeypatch, settings):
    """Without the app of the workers nothing is made after a save."""
    settings.ROOT_URLCONF = "tests.workers.foreign_urls"
    isolated_model(image=VersatileImageField(warm="hero"))
    assert ids(checks.check_workers(None)) == []

    monkeypatch.setattr("renditions.checks.apps.get_app_configs", list)
    [message] = checks.check_workers(None)

    assert message.id == "renditions.W012"
    assert "isolated.Isolated.image" in message.msg
    assert "workers/__init__.py" in message.hint


def test_a_field_whose_renditions_are_made_by_requests_needs_no_app(isolated_model, monkeypatch):
    """A project can do without workers if the view makes what is missing."""
    isolated_model(image=VersatileImageField(warm="hero"))
    monkeypatch.setattr("renditions.checks.apps.get_app_configs", list)

    assert ids(checks.check_workers(None)) == []


def test_a_field_that_no_app_cleans_up_is_named(isolated_model, monkeypatch):
    isolated_model(image=VersatileImageField(cleanup="all"))
    monkeypatch.setattr("renditions.checks.apps.get_app_configs", list)
    [message] = checks.check_workers(None)

    assert "image declares `cleanup`" in message.msg


@pytest.mark.parametrize("cleanup", ["everything", True, "", 1])
def test_a_wrong_cleanup_of_a_field_is_named(isolated_model, cleanup):
    isolated_model(image=VersatileImageField(cleanup=cleanup))
    [message] = checks.check_fields(None)

    assert message.id == "renditions.E022"
    assert repr(cleanup) in message.msg


@pytest.mark.parametrize("cleanup", [None, "renditions", "all"])
def test_a_right_cleanup_is_no_fault(isolated_model, cleanup):
    isolated_model(image=VersatileImageField(cleanup=cleanup))

    assert checks.check_fields(None) == []


def test_a_wrong_setting_cleanup_is_named(configure):
    configure(CLEANUP="everything")

    assert ids(checks.check_settings(None)) == ["renditions.E003"]


@pytest.mark.parametrize(
    ("options", "found"),
    [({}, ["renditions.W023"]), ({"db_index": True}, []), ({"unique": True}, [])],
)
def test_a_field_without_an_index_is_named(isolated_model, options, found):
    isolated_model(image=VersatileImageField(cleanup="all", **options))

    assert ids(checks.check_indexes(None)) == found


@pytest.mark.parametrize(
    ("urls", "options", "found"),
    [
        ("tests.urls", {}, ["renditions.W027"]),
        ("tests.urls", {"db_index": True}, []),
        ("tests.workers.foreign_urls", {}, []),
    ],
)
def test_a_field_that_requests_look_for_needs_an_index(
    isolated_model, settings, urls, options, found
):
    """Without the view, no request looks for a row by its file."""
    settings.ROOT_URLCONF = urls
    isolated_model(image=VersatileImageField(warm="hero", **options))

    assert ids(checks.check_on_request(None)) == found


@pytest.mark.parametrize(
    "name",
    [
        "RENDITION",
        "RENDITON",
        "RENDITIONS_",
        "VERSATILEIMAGEFIELD_SETTING",
        "VERSATILE_IMAGEFIELD_SETTINGS",
        "VERSATILEIMAGEFIELD_RENDITION_KEYSETS",
    ],
)
def test_a_misspelt_setting_is_told(settings, name):
    """Nothing reads it, and nothing else would say so."""
    setattr(settings, name, {"ON_DEMAND": False})

    assert ids(check_all()) == ["renditions.W015"]


def test_a_cache_that_does_not_exist_is_told(configure):
    """The records would go to another cache than the project thinks."""
    configure(CACHE="records")

    assert ids(check_all()) == ["renditions.E015"]


def test_a_cache_that_forgets_is_told(settings):
    """A DummyCache keeps no record."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

    assert ids(check_all()) == ["renditions.W016"]
