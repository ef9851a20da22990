"""django-unfold is a theme of the admin."""

import pytest

from tests.neighbours import admin_pages

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("check", [
    admin_pages.assert_a_photo_is_edited,
    admin_pages.assert_an_error_comes_back,
    admin_pages.assert_an_inline_is_edited,
    admin_pages.assert_renditions_are_shown,
    admin_pages.assert_the_pages_of_jobs_open,
])  # fmt: skip
def test_the_admin(admin_client, check):
    check(admin_client)
