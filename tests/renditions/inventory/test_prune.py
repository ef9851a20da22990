"""`manage.py renditions prune`: what nothing needs is taken away, and nothing else."""

import os
import re
import time
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.db.models import Manager

from renditions.compat.datastructures.sizedimage import SizedImageInstance
from renditions.compat.versatileimagefield import CroppedImage
from renditions.engine.warming import warm
from renditions.imaging.geometry import CENTRE
from renditions.inventory import pruning, surveys
from renditions.inventory.rows import ShownPicture
from renditions.inventory.scopes import scopes
from renditions.inventory.surveys import Survey, Verdict
from renditions.planning.keys import RenditionKey
from renditions.records import project_recorder
from renditions.storage import walk_files
from tests.app.models import Article, Card, Person, PlainPerson

pytestmark = pytest.mark.django_db
HEADSHOT = [
    "crop__120x60", "thumbnail__50x50", "crop__40x40", "filters__invert__url",
    "filters__invert__crop__30x30",
]  # fmt: skip
OTHER = ["crop__9x9", "filters__invert__thumbnail__8x8", "thumbnail__50x50__webp"]


@pytest.fixture
def person(media, picture):
    person = Person.objects.create(name="one", headshot=picture("a.jpg"))
    warm(person.headshot.storages, person.headshot.plans())
    return person


def prune(*args, older_than="0d", **options):
    call_command("renditions", "prune", *args, "--older-than", older_than, **options)


def make(image, *keys):
    """Make renditions and return their paths."""
    plans = [image.plan(RenditionKey.parse(key)) for key in keys]
    warm(image.storages, plans)
    return {plan.path for plan in plans}


def put(storage, *names):
    for name in names:
        storage.save(name, ContentFile(b"not ours"))
    return set(names)


def table(capsys):
    """Return the numbers of files that the command has printed, by title."""
    printed = capsys.readouterr().out
    lines = re.findall(r"^  (\S[^,\d]*|unknown, kept) +([\d,]+) files ", printed, re.MULTILINE)
    return {title.strip(): int(number) for title, number in lines}


# ---- what is needed ----------------------------------------------------------------------------


def test_what_rows_and_key_sets_need_stays(person, files):
    hero = make(person.headshot, "thumbnail__100x100")  # of a set that the field does not warm
    before = files()

    prune("--orphans")

    assert hero < before
    assert files() == before


def test_renditions_that_no_key_set_declares_are_deleted(person, files, capsys):
    """With their records: with one, a rendition would count as made."""
    before = files()
    other = make(person.headshot, *OTHER)
    assert files() == before | other

    prune()

    assert files() == before
    numbers = table(capsys)
    assert numbers["not declared"] == 3
    plans = [person.headshot.plan(RenditionKey.parse(key)) for key in OTHER]
    assert not project_recorder().recall(plans)
    assert make(person.headshot, *OTHER) == other


def test_renditions_of_a_moved_focal_point_and_of_an_old_quality_are_deleted(
    person, files, configure
):
    crops = {path for path in files() if "-crop-" in path}
    person.headshot.ppoi = (0.25, 0.75)
    person.save()
    make(person.headshot, *HEADSHOT)
    now = {plan.path for plan in person.headshot.plans()}

    prune()
    assert crops
    assert files() == now | {"people/a.jpg"}

    configure(JPEG_QUALITY=50)
    prune()
    assert files() == {"people/a.jpg", "people/__filtered__/a__invert__.jpg"}


def test_renditions_of_an_original_that_no_row_shows_are_deleted(person, files, capsys):
    Person.objects.all().delete()

    prune()

    assert files() == {"people/a.jpg"}
    assert table(capsys) == {"original is gone": 5}


def test_with_a_dropped_key_only_its_renditions_are_deleted(person, files, configure):
    before = files()
    configure(KEY_SETS={"headshot": [("a", "crop__40x40")]})

    prune("app.Person.headshot")

    left = {path for path in before if "40x40" in path} | {"people/a.jpg"}
    assert files() == left


# ---- neighbours --------------------------------------------------------------------------------


@pytest.mark.parametrize("processor", [None, "renditions.compat.processors.md5_16"])
def test_neighbours_with_similar_names_keep_their_renditions(
    media, picture, files, configure, processor
):
    """A picture can be named like the rendition of another one."""
    configure(FILENAME_PROCESSOR=processor)
    names = [
        "a.jpg", "a.png", "a-thumbnail-50x50-70.jpg", "a__invert__.jpg", "a-b.jpg", "a b.jpg",
        "a.jpg.jpg", "a__invert__-crop-c0-5__0-5-30x30-70.jpg", "x-thumbnail-50x50-70.jpg",
    ]  # fmt: skip
    people = [Person.objects.create(headshot=picture(name)) for name in names]
    for person in people:
        make(person.headshot, *HEADSHOT)
    before = files()

    prune("--orphans")

    assert files() == before
    assert len(before) == len(names) * 6
    others = [make(person.headshot, "crop__9x9", "thumbnail__50x50__webp") for person in people]
    prune("--orphans")
    assert files() == before
    assert len(set().union(*others)) == 2 * len(names)


def test_a_picture_without_an_extension_keeps_its_renditions(media, picture, files):
    """Its renditions have the names of those of `noext.jpg`."""
    person = Person.objects.create()
    media.save("people/noext", picture("noext.jpg"))
    Person.objects.filter(pk=person.pk).update(headshot="people/noext")
    person.refresh_from_db()
    make(person.headshot, *HEADSHOT)
    other = make(person.headshot, "thumbnail__9x9", "thumbnail__9x9__webp")
    before = files()

    prune("--orphans")

    assert files() == before - other


def test_the_row_of_any_model_counts(person, picture, files):
    """Another field on the same storage may show the picture, or name a rendition."""
    needed = make(person.headshot, "thumbnail__9x9")
    Card.objects.create(title="c", note="people/a.jpg")
    PlainPerson.objects.create(headshot=needed.pop())
    Person.objects.all().delete()
    before = files()

    prune("app.Person.headshot", "--orphans")

    assert files() == before


def test_a_field_that_is_not_chosen_keeps_everything(person, picture, files):
    article = Article.objects.create(lead=picture("lead.jpg"))
    other = make(article.lead, *OTHER)
    put(default_storage, "leads/orphan.jpg")
    make(person.headshot, "crop__9x9")
    before = files()

    prune("app.Person.headshot", "--orphans")

    assert before - files() == {"__sized__/people/a-crop-c0-5__0-5-9x9-70.jpg"}
    assert other < files()


def test_placeholders_and_their_renditions_stay(media, files):
    field = Card._meta.get_field("back")
    field.publish_placeholder()
    picture = ShownPicture(field, field.placeholder_image_name, CENTRE)
    warm(field.storages, surveys.plans_of(picture))
    before = files()
    assert len(before) > 5

    prune("--orphans")

    assert files() == before


def test_what_is_not_certainly_a_rendition_is_kept(person, media, files, capsys):
    unknown = put(
        media,
        "__sized__/people/notes.txt", "__sized__/people/a.jpg", "__sized__/people/a-wide-9x9.jpg",
        "people/__filtered__/a__sepia__.jpg",
        "people/__filtered__/a__invert__-9x9.jpg/x.txt",
    )  # fmt: skip
    ignored = put(media, "people/a-thumbnail-9x9-70.jpg", "documents/a-thumbnail-9x9-70.jpg")
    before = files()

    prune()

    assert files() == before
    assert unknown | ignored < before
    assert table(capsys)["unknown, kept"] == len(unknown)


def uneven(text):
    return f"{text[:3]}{len(text)}"


def test_with_an_uneven_processor_nothing_can_be_told(person, files, configure, capsys):
    configure(FILENAME_PROCESSOR=f"{__name__}.uneven")
    make(person.headshot, *HEADSHOT)
    sized = {path for path in files() if path.startswith("__sized__")}

    prune()

    assert {path for path in files() if path.startswith("__sized__")} == sized
    assert table(capsys)["unknown, kept"] == 4


@pytest.mark.parametrize("folder", ["SIZED_DIRNAME", "FILTERED_DIRNAME"])
def test_beside_originals_nothing_is_deleted(media, picture, files, configure, folder):
    """A file there may be an original, whatever its name is."""
    configure(**{folder: ""})
    person = Person.objects.create(headshot=picture("a.jpg"))
    beside = make(person.headshot, "crop__9x9", "filters__invert__url")
    beside = {path for path in beside if "__/" not in path}
    before = files()
    Person.objects.all().delete()

    prune("--orphans")

    assert beside
    assert before - files() == before - beside


# ---- orphans -----------------------------------------------------------------------------------


def test_orphans_are_originals_that_no_row_names(person, media, picture, files, capsys):
    orphans = put(media, "people/gone.jpg", "people/gone.txt", "people/a-thumbnail-9x9-70.jpg")
    PlainPerson.objects.create(headshot=picture("plain.jpg"))
    others = put(media, "people/archive/x.jpg", "else.jpg", "people/.keep", "documents/x.pdf")
    before = files()
    prune()
    assert files() == before
    capsys.readouterr()

    prune("--orphans")

    assert before - files() == orphans
    assert others < files()
    assert table(capsys)["original that no row names"] == 3


def test_a_dry_run_changes_nothing_and_counts_the_same(person, media, files, capsys):
    make(person.headshot, *OTHER)
    put(media, "people/gone.jpg")
    before = files()

    prune("--orphans", "--dry-run")
    foreseen = capsys.readouterr().out
    assert files() == before
    prune("--orphans")
    done = capsys.readouterr().out

    assert re.search(r"Would delete (.*) \(dry", foreseen)[1] + "." in done
    assert len(before - files()) == 4


@pytest.mark.parametrize("name", ["./people/x.jpg", "/people/x.jpg", "people\\x.jpg"])
def test_a_row_may_name_its_file_in_another_way(media, files, name):
    put(media, "people/x.jpg")
    PlainPerson.objects.bulk_create([PlainPerson(headshot=name)])

    prune("--orphans")

    assert files() == {"people/x.jpg"}


def test_rows_that_a_manager_hides_keep_their_files(person, files, monkeypatch):
    """As after a soft deletion."""

    class Hiding(Manager):
        def get_queryset(self):
            return super().get_queryset().none()

    manager = Hiding()
    manager.model = Person
    monkeypatch.setitem(Person._meta.__dict__, "base_manager", manager)
    assert not Person._base_manager.exists()
    before = files()

    prune("--orphans")

    assert files() == before


def test_a_history_table_keeps_the_files_that_it_names(media, files, monkeypatch):
    """django-simple-history turns a copy of the field into a text field, with its options."""
    column = Article._meta.get_field("lead")
    copied = PlainPerson._meta.get_field("name")
    monkeypatch.setitem(vars(copied), "upload_to", column.upload_to)
    monkeypatch.setitem(vars(copied), "storage", column.storage)
    PlainPerson.objects.create(name="leads/old.jpg")
    put(media, "leads/old.jpg", "leads/x.jpg")

    prune("--orphans")

    assert files() == {"leads/old.jpg"}


@pytest.mark.parametrize(
    ("upload_to", "orphans"),
    [
        ("", {"x.jpg"}),
        ("d/%Y/%m", {"d/2020/01/x.jpg"}),
        ("d/%%/", {"d/%/x.jpg"}),
        ("./d//e/", {"d/e/x.jpg"}),
    ],
)
def test_only_folders_that_the_field_writes_into_are_searched(
    media, files, monkeypatch, upload_to, orphans
):
    field = Person._meta.get_field("headshot")
    monkeypatch.setattr(field, "upload_to", upload_to)
    names = {"x.jpg", "d/x.jpg", "d/2020/x.jpg", "d/2020/01/x.jpg", "d/%/x.jpg", "d/e/x.jpg"}
    put(media, *names)

    prune("app.Person.headshot", "--orphans")

    assert files() == names - orphans


def test_the_folder_of_a_function_has_to_be_named(media, files, monkeypatch, capsys):
    field = Person._meta.get_field("headshot")
    monkeypatch.setattr(field, "upload_to", lambda instance, name: f"users/1/{name}")
    put(media, "users/1/x.jpg", "users/x.jpg", "y.jpg", "users/1/__sized__/x.jpg")

    with pytest.raises(CommandError) as caught:
        prune("app.Person.headshot", "--orphans")
    assert caught.value.returncode == 1
    assert "--folder" in capsys.readouterr().err
    assert len(files()) == 4
    prune("app.Person.headshot", "--orphans", "--folder", "users/")

    assert files() == {"y.jpg", "users/1/__sized__/x.jpg"}


def test_orphans_are_refused_if_a_sizer_names_its_files(person, media, files, registry):
    """They would look like originals."""

    class Beside(CroppedImage):
        def __getitem__(self, key):
            return SizedImageInstance(f"people/a-{key}.jpg", "", self.storage)

    registry.register_sizer("beside", Beside)
    put(media, "people/a-9x9.jpg", "__sized__/people/b-thumbnail-9x9-70.jpg")
    before = files()

    with pytest.raises(CommandError, match="names its files itself"):
        prune("--orphans")
    prune()

    assert files() == before


# ---- age ---------------------------------------------------------------------------------------


def test_young_files_stay(picture, capsys):
    """A row that is not committed yet may name them."""
    person = Person.objects.create(headshot=picture("a.jpg"))
    (old, young) = make(person.headshot, "crop__9x9", "crop__8x8")
    put(default_storage, "people/old.jpg", "people/young.jpg")
    for path in (old, "people/old.jpg"):
        a_week_ago = time.time() - 7 * 86_400
        os.utime(default_storage.path(path), (a_week_ago, a_week_ago))

    prune("--orphans", older_than="8d")
    assert default_storage.exists(old)
    assert table(capsys)["too young"] == 4
    prune("--orphans", older_than="6d")

    assert not default_storage.exists(old)
    assert not default_storage.exists("people/old.jpg")
    assert default_storage.exists(young)
    assert default_storage.exists("people/young.jpg")


def test_the_default_is_a_day(picture):
    person = Person.objects.create(headshot=picture("a.jpg"))
    (path,) = make(person.headshot, "crop__9x9")
    for hours, stays in ((23, True), (25, False)):
        then = time.time() - hours * 3600
        os.utime(default_storage.path(path), (then, then))
        call_command("renditions", "prune")
        assert default_storage.exists(path) is stays


class Undated(FileSystemStorage):
    def get_modified_time(self, name):
        raise NotImplementedError


def test_without_an_age_nothing_is_an_orphan(picture, monkeypatch):
    """It could be an upload that is in progress."""
    storage = Undated()
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", storage)
    person = Person.objects.create(headshot=picture("a.jpg"))
    (path,) = make(person.headshot, "crop__9x9")
    put(storage, "people/x.jpg")

    prune("app.Person.headshot", "--orphans", older_than="1s")
    assert storage.exists(path)
    prune("app.Person.headshot", "--orphans")

    assert not storage.exists(path)
    assert storage.exists("people/x.jpg")


@pytest.mark.parametrize("age", ["7", "d", "1y", "1.5h"])
def test_a_wrong_age_is_refused(db, age):
    with pytest.raises(CommandError, match="is not an age"):
        prune(older_than=age)


# ---- while others work -------------------------------------------------------------------------


def survey_of(min_age=timedelta(0)):
    (scope,) = scopes([Person._meta.get_field("headshot")], orphans=True)
    return Survey(scope, min_age)


def test_a_row_that_is_saved_after_the_walk_keeps_its_files(person, media, files):
    """The rows are asked again immediately before the deletion."""
    other = make(person.headshot, "crop__9x9")
    put(media, "people/x.jpg")
    gone = {plan.path for plan in person.headshot.plans()}
    Person.objects.all().delete()
    survey = survey_of()
    before = files()

    class Saving(Survey):
        def batches(self, *args):
            for batch in super().batches(*args):
                Person.objects.bulk_create([Person(headshot="people/a.jpg")])
                PlainPerson.objects.create(headshot="people/x.jpg")
                yield batch

    survey.__class__ = Saving
    (step,) = pruning.prune(survey, pytest.fail)

    assert gone < before
    assert before - files() == other
    assert (step.tally.deleted, step.tally.looked_at) == (1, 8)
    assert step.tally.files[Verdict.NEEDED] == 7


def test_a_row_that_is_saved_at_the_moment_of_the_deletion_gets_its_renditions_back(
    person, files, monkeypatch
):
    Person.objects.update(headshot_ppoi="0.1x0.1")
    before = files()
    delete = pruning.delete_renditions

    def save_and_delete(storage, paths):
        Person.objects.update(headshot_ppoi="0.5x0.5")
        delete(storage, paths)

    monkeypatch.setattr(pruning, "delete_renditions", save_and_delete)
    (step,) = pruning.prune(survey_of(), pytest.fail)

    assert files() == before
    assert step.tally.deleted == step.tally.made_again == 3


def test_an_original_that_is_named_while_it_is_deleted_is_reported(media, monkeypatch, capsys):
    """It cannot be made again."""
    put(media, "people/x.jpg")
    delete = pruning.delete_renditions

    def save_and_delete(storage, paths):
        PlainPerson.objects.create(headshot="people/x.jpg")
        delete(storage, paths)

    monkeypatch.setattr(pruning, "delete_renditions", save_and_delete)

    with pytest.raises(CommandError) as caught:
        prune("--orphans")

    assert caught.value.returncode == 1
    assert "people/x.jpg: a row was saved" in capsys.readouterr().err


def test_an_orphan_that_was_replaced_since_the_walk_is_young_again(picture):
    put(default_storage, "people/x.jpg")
    a_week_ago = time.time() - 7 * 86_400
    os.utime(default_storage.path("people/x.jpg"), (a_week_ago, a_week_ago))
    survey = survey_of(timedelta(hours=1))
    (judged,) = survey.judge(list(walk_files(default_storage)))
    assert judged.verdict is Verdict.ORPHAN
    os.utime(default_storage.path("people/x.jpg"))

    tally = pruning.Tally()
    pruning._Taking(survey, pytest.fail).take_away([judged], tally)

    assert default_storage.exists("people/x.jpg")
    assert tally.deleted == 0


def test_the_default_of_a_field_is_no_orphan(media, files, monkeypatch):
    """No row may show it yet."""
    monkeypatch.setattr(PlainPerson._meta.get_field("headshot"), "default", "people/x.jpg")
    put(media, "people/x.jpg", "people/y.jpg")
    monkeypatch.delitem(
        vars(PlainPerson._meta.get_field("headshot")), "_get_default", raising=False
    )

    prune("--orphans")

    assert files() == {"people/x.jpg"}


def test_an_interrupted_prune_goes_on_where_it_stopped(person, files):
    other = make(person.headshot, *[f"crop__{side}x9" for side in range(1, 10)])
    before = files()
    first = next(pruning.prune(survey_of(), pytest.fail, size=4))
    walked = [first.walked]
    left = files()
    rest = pruning.prune(survey_of(), pytest.fail, after=first.last, size=4)
    walked += [step.walked for step in rest]

    assert before - files() == other
    assert files() != left
    assert sum(walked) == len(before)
    assert max(walked) == 4


class Terminal(StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_progress_bar_over_all_files(person, monkeypatch):
    monkeypatch.setattr(surveys, "BATCH_FILES", 4)
    put(default_storage, "people/x.jpg")
    terminal, quiet = Terminal(), Terminal()

    prune(stdout=terminal)
    prune(stdout=quiet, verbosity=0)

    assert re.findall(r"\d+/\d+ \(\d+%\)", terminal.getvalue()) == ["4/7 (57%)", "7/7 (100%)"]
    assert "%" not in quiet.getvalue()
    assert "Deleted 0 files" in quiet.getvalue()


# ---- many files --------------------------------------------------------------------------------


def test_no_step_holds_more_than_its_batch(picture, tmp_path):
    """20,000 files, and no more than a batch of them is in memory or in a query."""
    person = Person.objects.create(headshot=picture("a.jpg"))
    folder = tmp_path / "media" / "__sized__" / "people"
    folder.mkdir(parents=True)
    for number in range(20_000):
        (folder / f"b{number % 5000}-thumbnail-{number}x9-70.jpg").touch()
    needed = make(person.headshot, *HEADSHOT)
    asked = []
    survey = survey_of()
    look_up = survey.rows.pictures
    survey.rows.pictures = lambda names: asked.append(len(names)) or look_up(names)

    sizes = [step.walked for step in pruning.prune(survey, pytest.fail, size=500)]

    assert max(sizes) == 500
    assert max(asked) <= 500
    assert sum(sizes) == 20_006
    assert {path for path, _ in walk_files(default_storage)} == needed | {"people/a.jpg"}


# ---- errors ------------------------------------------------------------------------------------


class Stubborn(FileSystemStorage):
    """Cannot delete one file."""

    def delete(self, name):
        if "9x9" in name:
            raise OSError("disk on fire")
        super().delete(name)


def test_a_file_that_cannot_be_deleted_stops_no_other(picture, monkeypatch, capsys):
    storage = Stubborn()
    monkeypatch.setattr(Person._meta.get_field("headshot"), "storage", storage)
    person = Person.objects.create(headshot=picture("a.jpg"))
    make(person.headshot, "crop__8x8", "crop__9x9", "crop__7x7")

    with pytest.raises(CommandError) as caught:
        prune("app.Person.headshot")

    assert caught.value.returncode == 1
    output = capsys.readouterr()
    assert "disk on fire" in output.err
    assert "Deleted 2 files" in output.out
    assert "Could not delete 1 files" in output.out
    assert len(storage.listdir("__sized__/people")[1]) == 1


class Silent(FileSystemStorage):
    def listdir(self, path):
        raise OSError("no route to host")


def test_a_storage_that_does_not_answer_stops_no_other(person, monkeypatch, tmp_path, files):
    monkeypatch.setattr(Article._meta.get_field("lead"), "storage", Silent(tmp_path / "silent"))
    other = make(person.headshot, "crop__9x9")
    before = files()

    with pytest.raises(CommandError, match="Errors: 1"):
        prune()

    assert before - files() == other


def test_a_wrong_key_set_deletes_nothing(person, files, configure):
    before = files()
    configure(KEY_SETS={"headshot": [("a", "crop__0x0")]})

    with pytest.raises(CommandError, match="0x0"):
        prune()

    assert files() == before


def test_an_unknown_field_is_refused(db):
    with pytest.raises(CommandError, match="is not a field"):
        prune("app.Person.nothing")


# ---- storages that share files -----------------------------------------------------------------


def test_a_storage_inside_another_one_keeps_its_files(picture, monkeypatch, tmp_path):
    """Its rows have other names for the same files."""
    inner = FileSystemStorage(tmp_path / "media" / "private")
    monkeypatch.setattr(Article._meta.get_field("lead"), "storage", inner)
    article = Article.objects.create(lead=picture("a.jpg"))
    kept = make(article.lead, "filters__invert__url", "thumbnail__50x50")
    put(default_storage, "private/x.jpg")

    prune("--orphans", "--folder", "private")

    assert {path for path, _ in walk_files(inner)} == kept | {"leads/a.jpg"}


def test_the_inner_storage_knows_the_rows_of_the_outer_one(picture, monkeypatch, tmp_path):
    inner = FileSystemStorage(tmp_path / "media" / "people")
    monkeypatch.setattr(Article._meta.get_field("lead"), "storage", inner)
    monkeypatch.setattr(Article._meta.get_field("lead"), "upload_to", "")
    Person.objects.create(headshot=picture("a.jpg"))
    put(inner, "x.jpg")

    prune("app.Article.lead", "--orphans")

    assert inner.listdir("")[1] == ["a.jpg"]


def test_renditions_on_a_storage_of_their_own_are_pruned_there(
    picture, configure, settings, tmp_path
):
    settings.STORAGES = {
        **settings.STORAGES,
        "public": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "public"},
        },
    }
    configure(STORAGE="public")
    person = Person.objects.create(headshot=picture("a.jpg"))
    needed, other = make(person.headshot, *HEADSHOT), make(person.headshot, *OTHER)
    put(default_storage, "people/x.jpg")
    public = person.headshot.storages.renditions

    prune("--orphans")

    assert other
    assert {path for path, _ in walk_files(public)} == needed
    assert {path for path, _ in walk_files(default_storage)} == {"people/a.jpg"}
