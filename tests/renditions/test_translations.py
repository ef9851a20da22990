"""The package holds its translations, in the checkout and in the wheel."""

import pytest
from django.utils.translation import gettext, override


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_django_finds_the_translations_of_the_package(language: str):
    with override(language):
        assert gettext("Focal point") != "Focal point"
