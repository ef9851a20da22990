import pytest

from renditions.compat.versatileimagefield import CroppedImage, InvertImage
from renditions.files import VersatileImageFieldFile
from renditions.imaging.filters import Filter
from renditions.imaging.sizers import Crop
from renditions.planning.registry import Registry
from renditions.registry import (
    AlreadyRegistered,
    InvalidFilteredImageSubclass,
    InvalidSizedImageSubclass,
    NotRegistered,
    UnallowedFilterName,
    UnallowedSizerName,
)


class Square(Crop):
    filename_key = "square"


class Grey(Filter):
    def apply(self, image):
        return image.convert("L")


def test_three_sizers_and_invert_are_built_in(registry):
    assert list(registry.sizer_classes) == ["crop", "crop-down", "thumbnail"]
    assert list(registry.filter_classes) == ["invert"]


def test_a_registered_class_is_found_by_its_name(registry):
    registry.register_sizer("square", Square)
    registry.register_filter("grey", Grey)

    assert isinstance(registry.sizer("square"), Square)
    assert isinstance(registry.filter("grey"), Grey)


def test_a_sizer_has_one_instance(registry):
    """Two plans of one key are equal, because their sizers are the same object."""
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
def test_a_wrong_registration_is_refused(registry, method, args, error):
    """Each reason has its own exception."""
    with pytest.raises(error):
        getattr(registry, method)(*args)


def test_an_unknown_name_is_answered_with_the_known_ones(registry):
    with pytest.raises(NotRegistered, match="crop, crop-down, thumbnail"):
        registry.sizer("corp")


def test_a_sizer_cannot_hide_an_attribute_of_the_picture():
    """Every public attribute of a field file is refused as a name of a sizer."""
    attributes = {name for name in dir(VersatileImageFieldFile) if not name.startswith("_")}

    assert attributes <= set(Registry.unallowed_sizer_names)
