"""Deletion of renditions, through the methods of a picture."""

import re

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from renditions.compat.versatileimagefield import CroppedImage
from renditions.planning.keys import RenditionKey
from renditions.records import project_recorder

pytestmark = pytest.mark.django_db


ALL = [
    "crop__60x30", "thumbnail__9x9", "filters__invert__url", "filters__invert__crop__10x10",
    "thumbnail__9x9__webp",
]  # fmt: skip


def make_all(image, ppois=((0.5, 0.5), (0.25, 1.0))):
    image.create_on_demand = True
    for ppoi in ppois:
        image.ppoi = ppoi
        for key in ALL:
            assert image.rendition(RenditionKey.parse(key)).name


def files(folder=""):
    folders, names = default_storage.listdir(folder)
    found = {f"{folder}/{name}".lstrip("/") for name in names}
    for inner in folders:
        if not inner.startswith("."):
            found |= files(f"{folder}/{inner}".lstrip("/"))
    return found


PROCESSORS = [None, "renditions.compat.processors.md5", "renditions.compat.processors.md5_16"]


@pytest.mark.parametrize("name", ["a.jpg", "a b.jpg", "noext", "a.b.PNG", "[x](y)+.jpg", "a.heic"])
@pytest.mark.parametrize("processor", PROCESSORS)
def test_all_renditions_are_deleted_and_no_other_file(card, picture, configure, name, processor):
    """They are found for every focal point, and pictures with similar names keep theirs."""
    configure(FILENAME_PROCESSOR=processor, ON_DEMAND=True)
    neighbours = ["a-b.jpg", "a-thumbnail.jpg", "a.jpg.jpg", "aa.jpg", "a.png"]
    for neighbour in neighbours:
        default_storage.save(f"n/{neighbour}", picture(neighbour))
        card.note = f"n/{neighbour}"
        make_all(card.note)
    before = files()
    default_storage.save(f"n/{name}", picture(name))
    card.note = f"n/{name}"
    make_all(card.note)
    # Two of each crop, for two focal points, and one of everything else.
    assert len(files() - before) == 8

    card.note.delete_all_created_images()

    assert files() == before | {f"n/{name}"}


def test_each_kind_of_rendition_can_be_deleted_alone(card):
    make_all(card.image)
    image = card.image

    def left():
        return {
            kind
            for kind, access in (
                ("sized", image.thumbnail["9x9"]),
                ("filtered", image.filters.invert),
                ("both", image.filters.invert.crop["10x10"]),
            )
            if default_storage.exists(access.name)
        }

    image.create_on_demand = False
    image.delete_filtered_images()
    assert left() == {"sized", "both"}
    image.delete_sized_images()
    assert left() == {"both"}
    image.delete_filtered_sized_images()
    assert left() == set()
    image.delete_all_created_images()


def test_the_records_of_deleted_renditions_are_deleted(card):
    """With a record, the rendition would count as made."""
    make_all(card.image)
    plan = card.image.plan(RenditionKey.parse("crop__60x30"))

    card.image.delete_all_created_images()

    assert not project_recorder().recall([plan])
    assert default_storage.exists(card.image.crop["60x30"].name)


def test_renditions_of_a_custom_sizer_are_deleted(card, registry):
    class Wide(CroppedImage):
        filename_key = "wide"
        filename_key_regex = r"wide-c[0-9-]+__[0-9-]+"

    registry.register_sizer("wide", Wide)
    card.image.create_on_demand = True
    rendition = card.image.wide["30x10"]
    assert default_storage.exists(rendition.name)

    card.image.delete_sized_images()

    assert not default_storage.exists(rendition.name)


def uneven(text):
    return f"{text[:3]}{len(text)}"


def test_with_an_uneven_processor_only_renditions_of_key_sets_are_deleted(card, configure):
    """Its other file names cannot be recognized."""
    configure(FILENAME_PROCESSOR=f"{__name__}.uneven", KEY_SETS={"s": [("a", "crop__60x30")]})
    card.image.create_on_demand = True
    named, unnamed = card.image.crop["60x30"].name, card.image.crop["9x9"].name

    card.image.delete_all_created_images()

    assert not default_storage.exists(named)
    assert default_storage.exists(unnamed)


def test_files_with_a_tag_of_the_project_can_be_deleted(card):
    for name in ("cards/a-baz.jpg", "cards/a-biz.jpg", "cards/aa-baz.jpg", "cards/a-baz.png"):
        default_storage.save(name, ContentFile(b"x"))

    card.image.delete_matching_files_from_storage("cards", re.compile("-baz"))

    left = {"a-biz.jpg", "a.jpg", "aa-baz.jpg", "a-baz.png"}
    assert set(default_storage.listdir("cards")[1]) == left


def test_a_file_at_the_path_of_a_folder_is_kept(card):
    default_storage.save("__sized__/cards", ContentFile(b"x"))

    card.image.delete_all_created_images()

    assert default_storage.exists("__sized__/cards")


def test_the_folders_are_those_of_the_old_package(card):
    assert card.image.get_sized_root_folder() == "__sized__/cards/"
    assert card.image.get_filtered_root_folder() == "cards/__filtered__/"
    assert card.image.get_filtered_sized_root_folder() == "__sized__/cards/__filtered__"


@pytest.mark.usefixtures("on_demand")
def test_renditions_beside_their_originals_are_deleted(card, configure):
    """The settings SIZED_DIRNAME and FILTERED_DIRNAME may be empty."""
    configure(SIZED_DIRNAME="", FILTERED_DIRNAME="")
    names = [
        card.image.thumbnail["9x9"].name,
        card.image.filters.invert.name,
        card.image.filters.invert.thumbnail["9x9"].name,
    ]
    assert names == [
        "cards/a-thumbnail-9x9-70.jpg",
        "cards/a__invert__.jpg",
        "cards/a__invert__-thumbnail-9x9-70.jpg",
    ]

    card.image.delete_all_created_images()
    assert default_storage.listdir("cards")[1] == ["a.jpg"]
