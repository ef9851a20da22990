import sys

import pytest

from renditions.compat.adapters import LegacySizer
from renditions.compat.datastructures import FilteredImage, SizedImage
from renditions.compat.versatileimagefield import CroppedImage, InvertImage
from renditions.files import VersatileImageFieldFile
from renditions.imaging.filters import Filter, Invert
from renditions.imaging.sizers import Crop, Sizer
from renditions.planning.registry import Registry
from renditions.registry import (
    AlreadyRegistered,
    InvalidFilteredImageSubclass,
    InvalidSizedImageSubclass,
    NotRegistered,
    UnallowedFilterName,
    UnallowedSizerName,
    autodiscover,
)


class Square(Crop):
    filename_key = "square"


class Grey(Filter):
    def apply(self, image):
        return image.convert("L")


def test_the_built_in_ones_are_there(registry):
    """Without any registration of the project's."""
    assert list(registry.sizer_classes) == ["crop", "thumbnail"]
    assert list(registry.filter_classes) == ["invert"]


def test_what_is_registered_is_found(registry):
    """By the name it was registered under."""
    registry.register_sizer("square", Square)
    registry.register_filter("grey", Grey)

    assert isinstance(registry.sizer("square"), Square)
    assert isinstance(registry.filter("grey"), Grey)


def test_one_instance_serves_all(registry):
    """Plans of one key are equal, because their sizers are."""
    assert registry.sizer("crop") is registry.sizer("crop")


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("register_sizer", ("a", object), InvalidSizedImageSubclass),
        ("register_sizer", ("a", Grey), InvalidSizedImageSubclass),
        ("register_sizer", ("a", Square()), InvalidSizedImageSubclass),
        ("register_sizer", ("_a", Square), UnallowedSizerName),
        ("register_sizer", ("chunks", CroppedImage), UnallowedSizerName),
        ("register_sizer", ("crop", CroppedImage), AlreadyRegistered),
        ("register_filter", ("a", object), InvalidFilteredImageSubclass),
        ("register_filter", ("a", Square), InvalidFilteredImageSubclass),
        ("register_filter", ("_a", InvertImage), UnallowedFilterName),
        ("register_filter", ("invert", InvertImage), AlreadyRegistered),
        ("unregister_sizer", ("nope",), NotRegistered),
        ("unregister_filter", ("nope",), NotRegistered),
        ("sizer", ("nope",), NotRegistered),
        ("filter", ("nope",), NotRegistered),
    ],
)
def test_what_cannot_be_registered_is_refused(registry, method, args, error):
    """With an exception of its own for each reason."""
    with pytest.raises(error):
        getattr(registry, method)(*args)


def test_a_message_names_what_there_is(registry):
    """Whoever mistypes a name sees the right ones."""
    with pytest.raises(NotRegistered, match="crop, thumbnail"):
        registry.sizer("corp")


def test_no_sizer_can_hide_behind_an_attribute():
    """Every public attribute of a field file is a name that no sizer may have."""
    attributes = {name for name in dir(VersatileImageFieldFile) if not name.startswith("_")}

    assert attributes <= set(Registry.unallowed_sizer_names)


@pytest.mark.parametrize(
    ("register", "unregister", "registered", "name", "old", "new"),
    [
        ("register_sizer", "unregister_sizer", "sizer", "crop", CroppedImage, Crop),
        ("register_filter", "unregister_filter", "filter", "invert", InvertImage, Invert),
    ],
)
def test_an_old_built_in_can_be_registered_again(
    registry, register, unregister, registered, name, old, new
):
    """It shares the decode like the one that it replaces."""
    getattr(registry, unregister)(name)
    getattr(registry, register)(name, old)

    assert type(getattr(registry, registered)(name)) is new


def test_a_subclass_of_an_old_built_in_is_taken_as_it_is(registry):
    """It may have changed anything."""

    class Mine(CroppedImage):
        pass

    registry.unregister_sizer("crop")
    registry.register_sizer("crop", Mine)

    assert registry.sizer("crop") == LegacySizer(Mine, "crop")


def test_old_classes_need_what_they_are_for():
    """A sizer without a name for files is a mistake that is found when it is made."""

    class Nameless(SizedImage):
        pass

    with pytest.raises(NotImplementedError):
        Nameless("", "", False)


@pytest.mark.parametrize("base", [SizedImage, FilteredImage])
def test_old_classes_process_nothing_by_themselves(base):
    """A subclass says what is done."""

    class Empty(base):
        filename_key = "empty"

    made = Empty("", "", False, **({"filename_key": "foo"} if base is FilteredImage else {}))
    sides = {} if base is FilteredImage else {"width": 1, "height": 1}
    with pytest.raises(NotImplementedError):
        made.process_image(image=None, image_format="JPEG", save_kwargs={}, **sides)


@pytest.mark.parametrize("module", ["renditions", "versatileimagefield"])
def test_autodiscover_imports_the_modules_of_apps(module, registry, settings, tmp_path):
    """Both names are looked for."""
    make_app(tmp_path, settings, "discovered", module, "FOUND = True\n")

    autodiscover()

    assert sys.modules.pop(f"discovered.{module}").FOUND


@pytest.mark.parametrize("module", ["renditions", "versatileimagefield"])
def test_a_broken_module_leaves_the_registry_as_it_was(module, registry, settings, tmp_path):
    """The error is seen, and the next attempt does not find the name taken."""
    make_app(
        tmp_path,
        settings,
        "broken",
        module,
        "from renditions.imaging.sizers import Crop\n"
        "from renditions.registry import versatileimagefield_registry\n"
        "versatileimagefield_registry.register_sizer('half', Crop)\n"
        "import nothing_of_this_name\n",
    )

    with pytest.raises(ImportError, match="nothing_of_this_name"):
        autodiscover()

    assert not registry.has_sizer("half")


def make_app(folder, settings, name, module, text):
    """Install an app called `name` with one module."""
    package = folder / name
    package.mkdir()
    (package / "__init__.py").touch()
    (package / f"{module}.py").write_text(text)
    sys.path.insert(0, str(folder))
    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == name]:
        del sys.modules[loaded]
    try:
        # Alone: `renditions` itself would discover it at once.
        settings.INSTALLED_APPS = [name]
    finally:
        sys.path.remove(str(folder))


def test_an_old_sizer_class_is_found_by_its_name(registry):
    """Whoever holds the class can ask for sizes."""

    class Wide(SizedImage):
        filename_key = "wide"

    registry.register_sizer("wide", Wide)

    assert registry.name_of(Wide) == "wide"
    with pytest.raises(NotRegistered):
        registry.name_of(Sizer)
