import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from renditions.validators import (
    INVALID_CENTERPOINT_ERROR_MESSAGE,
    validate_picture,
    validate_ppoi,
    validate_ppoi_tuple,
)
from tests.app.models import Card
from tests.conftest import four_corners


def test_validate_ppoi_refuses_what_is_not_a_focal_point():
    with pytest.raises(ValidationError) as caught:
        validate_ppoi("1.1x0.5")

    assert caught.value.code == "invalid_ppoi"


def test_validate_ppoi_returns_the_point_only_if_asked():
    """As a Django validator it returns nothing."""
    assert validate_ppoi("0.5x0.25") is None
    assert validate_ppoi("0.5x0.25", return_converted_tuple=True) == (0.5, 0.25)


def test_validate_ppoi_tuple_answers():
    assert validate_ppoi_tuple((0, 1)) is True
    assert validate_ppoi_tuple("0x1") is False


def test_old_code_may_fill_in_the_message():
    assert (INVALID_CENTERPOINT_ERROR_MESSAGE % "0x2").startswith("0x2 is not a focal point.")


def card_with(image: object) -> Card:
    return Card(title="one", image=image)


def test_a_picture_is_valid():
    """The validator reads it, and the picture is stored in full."""
    card = card_with(SimpleUploadedFile("a.jpg", four_corners(90, 60)))

    validate_picture(card.image)

    assert card.image.tell() == 0


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.jpg", b"no picture", "invalid_image"),
        ("a.jpg", b"", "empty"),
        ("a.jpg", four_corners(9, 9, "BMP"), "invalid_image"),
        ("a.bmp", four_corners(9, 9), "invalid_extension"),
    ],
)
def test_what_a_form_refuses_is_no_picture(name, content, code):
    """With the code of the form."""
    with pytest.raises(ValidationError) as caught:
        validate_picture(card_with(SimpleUploadedFile(name, content)).image)
    assert [error.code for error in caught.value.error_list] == [code]


def test_a_stored_file_is_not_opened():
    """`full_clean()` of an existing row costs no call to the storage; the file may be missing."""
    validate_picture(card_with("cards/missing.jpg").image)
    validate_picture(card_with("").image)
