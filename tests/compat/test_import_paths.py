"""Every name that old code imports, under its old name and its new one."""

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import override_settings

import renditions
from renditions.compat import settings as old_settings
from renditions.compat.utils import (
    get_filtered_filename,
    get_filtered_path,
    get_image_metadata_from_file,
    get_resized_filename,
    get_resized_path,
    post_process_image_key,
)
from tests.conftest import four_corners

ROOT = Path(__file__).parent.parent.parent

NAMES = {
    "fields": "VersatileImageField PPOIField",
    "files": "VersatileImageFieldFile VersatileImageFileDescriptor",
    "image_warmer": "VersatileImageFieldWarmer cli_progress_bar",
    "serializers": "VersatileImageFieldSerializer",
    "registry": "versatileimagefield_registry autodiscover AlreadyRegistered NotRegistered "
    "InvalidSizedImageSubclass InvalidFilteredImageSubclass UnallowedSizerName "
    "UnallowedFilterName",
    "datastructures": "SizedImage FilteredImage FilterLibrary",
    "datastructures.base": "ProcessedImage",
    "datastructures.mixins": "DeleteAndClearCacheMixIn",
    "datastructures.sizedimage": "MalformedSizedImageKey SizedImage SizedImageInstance",
    "datastructures.filteredimage": "InvalidFilter FilteredImage FilterLibrary DummyFilter",
    "mixins": "VersatileImageMixIn",
    "settings": "JPEG_QUAL WEBP_QUAL QUAL VERSATILEIMAGEFIELD_SIZED_DIRNAME "
    "VERSATILEIMAGEFIELD_FILTERED_DIRNAME VERSATILEIMAGEFIELD_PLACEHOLDER_DIRNAME cache "
    "VERSATILEIMAGEFIELD_CACHE_LENGTH VERSATILEIMAGEFIELD_CREATE_ON_DEMAND IMAGE_SETS",
    "versatileimagefield": "CroppedImage ThumbnailImage InvertImage",
    "placeholder": "OnDiscPlaceholderImage OnStoragePlaceholderImage PlaceholderImage",
    "validators": "validate_ppoi validate_ppoi_tuple INVALID_CENTERPOINT_ERROR_MESSAGE",
    "utils": "get_resized_filename get_resized_path get_filtered_filename get_filtered_path "
    "get_rendition_key_set validate_versatileimagefield_sizekey_list get_url_from_image_key "
    "build_versatileimagefield_url_set InvalidSizeKey InvalidSizeKeySet "
    "MIME_TYPE_TO_PIL_IDENTIFIER",
    "processors": "md5 md5_16",
    "processors.hashlib_processors": "md5 md5_16",
    "forms": "VersatileImageFormField VersatileImagePPOIClickField "
    "SizedImageCenterpointClickDjangoAdminField SizedImageCenterpointClickBootstrap3Field "
    "SizedImageCenterpointMixIn",
    "widgets": "ClearableFileInputWithImagePreview VersatileImagePPOISelectWidget "
    "VersatileImagePPOIClickWidget SizedImageCenterpointClickDjangoAdminWidget "
    "SizedImageCenterpointClickBootstrap3Widget SizedImageCenterpointWidgetMixIn "
    "Bootstrap3ClearableFileInputWithImagePreview",
    "apps": "VersatileImageFieldConfig",
}
PAIRS = [(module, name) for module, names in NAMES.items() for name in names.split()]


@pytest.mark.parametrize(("module", "name"), PAIRS)
def test_a_name_is_found_below_renditions_compat(module, name):
    """Old code changes one word in its imports."""
    assert hasattr(importlib.import_module(f"renditions.compat.{module}"), name)


ALIAS = """
import os, sys
import renditions.compat.alias
import renditions.compat.alias  # twice is once
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
from django.conf import settings
settings.INSTALLED_APPS[settings.INSTALLED_APPS.index("renditions")] = "versatileimagefield"
django.setup()
import importlib
for pair in sys.argv[1:]:
    module, name = pair.split(":")
    old = importlib.import_module(f"versatileimagefield.{module}")
    new = importlib.import_module(f"renditions.compat.{module}")
    assert old is new, pair
    assert new.__spec__.name == new.__name__ == f"renditions.compat.{module}", new.__spec__
    getattr(old, name)
import versatileimagefield
assert versatileimagefield is sys.modules["renditions.compat"]
from django.utils.module_loading import import_string
assert import_string("versatileimagefield.processors.md5_16")("x")
from django.apps import apps
assert apps.get_app_config("renditions").name == "renditions"
try:
    import versatileimagefield.nope
except ModuleNotFoundError as error:
    assert "renditions.compat.nope" in str(error)
else:
    raise AssertionError
"""


def test_the_alias_answers_to_every_old_name():
    """Both names give the same module, and INSTALLED_APPS may keep the old name."""
    subprocess.run(
        [sys.executable, "-c", ALIAS, *(f"{module}:{name}" for module, name in PAIRS)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )


def test_the_old_app_config_may_be_named():
    from renditions.compat import apps

    assert apps.VersatileImageFieldConfig is apps.RenditionsConfig
    with pytest.raises(AttributeError):
        apps.Nope  # noqa: B018


NOT_IMPORTED = {
    # It changes what can be imported, in the whole process.
    "renditions.compat.alias",
    # It needs Strawberry, which `make neighbours` installs.
    "renditions.graphql",
}


def test_every_module_can_be_imported():
    """No module needs another to be imported first."""
    for found in pkgutil.walk_packages(renditions.__path__, "renditions."):
        if found.name not in NOT_IMPORTED:
            importlib.import_module(found.name)


def test_old_settings_are_read_when_they_are_looked_up():
    """They are not copied when the module is imported."""
    with override_settings(
        VERSATILEIMAGEFIELD_SETTINGS={"jpeg_resize_quality": 33, "sized_directory_name": "s"}
    ):
        assert (old_settings.JPEG_QUAL, old_settings.VERSATILEIMAGEFIELD_SIZED_DIRNAME) == (33, "s")
    assert old_settings.JPEG_QUAL == 70
    with override_settings(RENDITIONS={"JPEG_QUALITY": 44}):
        assert old_settings.VERSATILEIMAGEFIELD_SETTINGS["jpeg_resize_quality"] == 44
        assert (
            old_settings.VERSATILEIMAGEFIELD_SETTINGS["cache_name"]
            == old_settings.VERSATILEIMAGEFIELD_CACHE_NAME
            == "versatileimagefield_cache"
        )
    assert "JPEG_QUAL" in dir(old_settings)
    with pytest.raises(AttributeError):
        old_settings.NOPE  # noqa: B018


def test_every_old_setting_has_a_value():
    for name in dir(old_settings):
        getattr(old_settings, name)


def test_the_old_functions_return_the_same_names():
    assert get_resized_filename("test.png", 100, 100, "thumbnail") == "test-thumbnail-100x100.png"
    assert get_resized_filename("test", 100, 100, "thumbnail") == "test-thumbnail-100x100-70.jpg"
    assert get_filtered_filename("test.png", "inverted") == "test__inverted__.png"
    assert get_resized_path("p/a.jpg", 9, 9, "thumbnail", storage=None) == (
        "__sized__/p/a-thumbnail-9x9-70.jpg"
    )
    assert get_filtered_path("p/a.jpg", "x", storage=None) == "p/__filtered__/a__x__.jpg"
    assert post_process_image_key("a") == "a"


def test_the_old_function_finds_the_format_by_content(tmp_path):
    """It leaves the file at its start."""
    path = tmp_path / "a.txt"
    path.write_bytes(four_corners(9, 9, "PNG"))

    with path.open("rb") as file:
        assert get_image_metadata_from_file(file) == ("PNG", "image/png")
        assert file.tell() == 0


def test_the_alias_works_beside_a_folder_of_the_same_name(tmp_path):
    """A project may have a folder of overridden templates."""
    (tmp_path / "versatileimagefield").mkdir()

    subprocess.run(
        [sys.executable, "-c", "import renditions.compat.alias, versatileimagefield.utils"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        check=True,
    )


SCRIPT = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
from versatileimagefield.image_warmer import VersatileImageFieldWarmer
import versatileimagefield.utils, sys
import renditions.compat
assert versatileimagefield is renditions.compat is sys.modules["versatileimagefield"]
assert versatileimagefield.utils.JPEG_QUAL == 70
import django; django.setup()
from django.apps import apps
from versatileimagefield.fields import VersatileImageField
assert type(apps.get_model("app.Card")._meta.get_field("image")) is VersatileImageField
"""
ONE_LINE = "import renditions.compat.alias\n"


@pytest.mark.parametrize("as_file", [True, False])
def test_a_script_may_import_the_old_name_before_the_settings(tmp_path, as_file):
    """With one line at its top, or with a file of this line beside `manage.py`."""
    if as_file:
        (tmp_path / "versatileimagefield.py").write_text(ONE_LINE)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT if as_file else ONE_LINE + SCRIPT)

    subprocess.run(
        [sys.executable, script.name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=True,
    )


@pytest.mark.parametrize("settings_module", ["", "tests.settings"])
def test_no_module_needs_settings_to_be_imported(settings_module):
    """Only to be used: a script may configure settings after its imports."""
    modules = ", ".join(f"renditions.compat.{name}" for name in NAMES)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": settings_module}

    subprocess.run([sys.executable, "-c", f"import {modules}"], env=environment, check=True)
