"""Registration of sizers and filters written for the old package."""

import pytest

from renditions.compat.adapters import LegacySizer
from renditions.compat.datastructures import FilteredImage, SizedImage
from renditions.compat.registry import versatileimagefield_registry
from renditions.compat.versatileimagefield import CroppedImage, InvertImage
from renditions.imaging.filters import Invert
from renditions.imaging.sizers import Crop, Sizer
from renditions.registry import NotRegistered


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
    """The old class is replaced by the new one, which shares the decode."""
    getattr(registry, unregister)(name)
    getattr(registry, register)(name, old)

    assert type(getattr(registry, registered)(name)) is new


def test_a_subclass_of_an_old_built_in_is_adapted(registry):
    """It may have changed any step, so its own code runs."""

    class Mine(CroppedImage):
        pass

    registry.unregister_sizer("crop")
    registry.register_sizer("crop", Mine)

    assert registry.sizer("crop") == LegacySizer(Mine, "crop")


def test_an_old_sizer_without_a_filename_key_is_refused():
    class Nameless(SizedImage):
        pass

    with pytest.raises(NotImplementedError):
        Nameless("", "", False)


@pytest.mark.parametrize("base", [SizedImage, FilteredImage])
def test_the_base_classes_process_nothing(base):
    """A subclass must define `process_image`."""

    class Empty(base):
        filename_key = "empty"

    made = Empty("", "", False, **({"filename_key": "foo"} if base is FilteredImage else {}))
    sides = {} if base is FilteredImage else {"width": 1, "height": 1}
    with pytest.raises(NotImplementedError):
        made.process_image(image=None, image_format="JPEG", save_kwargs={}, **sides)


def test_the_name_of_a_registered_class_is_found(registry):
    class Wide(SizedImage):
        filename_key = "wide"

    registry.register_sizer("wide", Wide)

    assert registry.name_of(Wide) == "wide"
    with pytest.raises(NotRegistered):
        registry.name_of(Sizer)


def test_old_code_looks_up_the_class_that_it_replaces(registry):
    """It has no public way: the old package keeps its classes in two private dicts."""

    class Safe(CroppedImage):
        pass

    for _ in range(2):
        if versatileimagefield_registry._sizedimage_registry.get("crop") is not Safe:
            registry.unregister_sizer("crop")
            registry.register_sizer("crop", Safe)

    assert versatileimagefield_registry._sizedimage_registry["crop"] is Safe
    assert "invert" in versatileimagefield_registry._filter_registry
