"""Old sizers and filters that name, read or save their files themselves."""

import posixpath
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.management import call_command
from django.template import Context, Template
from PIL import Image

from renditions import conf
from renditions.compat.checks import check_own_names
from renditions.compat.datastructures import FilteredImage, SizedImage
from renditions.compat.datastructures.sizedimage import SizedImageInstance
from renditions.compat.utils import get_filtered_path, get_resized_path
from renditions.compat.versatileimagefield import CroppedImage
from renditions.engine import removal
from renditions.image_warmer import VersatileImageFieldWarmer
from renditions.planning.keys import InvalidSizeKey, RenditionKey, RenditionKeySet
from renditions.planning.plans import Original, plan_key_set, validated
from renditions.storage import storage_label
from tests.app.models import Card, Person
from tests.conftest import four_corners
from tests.renditions.conftest import opened
from workers.models import WarmJob
from workers.testing import work_owed


def saved(image, **options):
    buffer = BytesIO()
    image.save(buffer, **options)
    return buffer


class Plain(SizedImage):
    """Processes a picture, and nothing else."""

    filename_key = "plain"

    def process_image(self, image, image_format, save_kwargs, width, height):
        return saved(image.resize((width, height)), **save_kwargs)


class WebP(SizedImage):
    """Chooses its file name and format, as projects did it before the old package had WebP."""

    filename_key = "webp"

    def __getitem__(self, key):
        width, height = map(int, key.split("x"))
        path = get_resized_path(
            self.path_to_image, width, height, self.get_filename_key(), self.storage
        )
        path = f"{path.rsplit('.', 1)[0]}.webp"
        if self.create_on_demand and not self.storage.exists(path):
            self.create_resized_image(self.path_to_image, path, width, height)
        return SizedImageInstance(path, f"https://cdn.example.com/{path}", self.storage)

    def process_image(self, image, image_format, save_kwargs, width, height):
        return saved(image.resize((width, height)), format="WEBP", quality=80)


class Doubled(Plain):
    """Asks the base class for another size than it was asked for."""

    filename_key = "doubled"

    def __getitem__(self, key):
        width, height = map(int, key.split("x"))
        return super().__getitem__(f"{width * 2}x{height * 2}")


class Saver(Plain):
    """Saves a second file beside its own."""

    filename_key = "saver"

    def save_image(self, imagefile, save_path, file_ext, mime_type):
        super().save_image(imagefile, save_path, file_ext, mime_type)
        twin = saved(Image.open(imagefile), format="WEBP")
        self.storage.save(f"{save_path}.webp", ContentFile(twin.getvalue()))


class OldSaver(Plain):
    """Saves as the old package does."""

    filename_key = "oldsaver"

    def save_image(self, imagefile, save_path, file_ext, mime_type):
        file = InMemoryUploadedFile(
            imagefile, None, f"foo.{file_ext}", mime_type, imagefile.tell(), None
        )
        file.seek(0)
        self.storage.save(save_path, file)


class Reader(Plain):
    """Reads the file itself."""

    filename_key = "reader"
    read: list = []

    def retrieve_image(self, path_to_image):
        self.read.append(path_to_image)
        image = Image.open(self.storage.open(path_to_image, "rb"))
        return image, path_to_image.rsplit(".", 1)[-1], image.format, "image/jpeg"


class Creator(Plain):
    """Does everything in one method, and writes to the disk."""

    filename_key = "creator"

    def create_resized_image(self, path_to_image, save_path_on_storage, width, height):
        path = default_storage.path(save_path_on_storage)
        default_storage.save(save_path_on_storage, ContentFile(b""))
        with self.storage.open(path_to_image) as file:
            Image.open(file).resize((width, height)).save(path)


class Remembering(Plain):
    """Knows by itself what it made."""

    filename_key = "remembering"
    made: set = set()

    def __getitem__(self, key):
        width, height = map(int, key.split("x"))
        path = get_resized_path(self.path_to_image, width, height, "remembering", self.storage)
        if self.create_on_demand and path not in self.made:
            self.made.add(path)
            self.create_resized_image(self.path_to_image, path, width, height)
        return SizedImageInstance(path, self.storage.url(path), self.storage)


ALL = [WebP, Doubled, Saver, OldSaver, Reader, Creator, Remembering]
NAMES = [cls.filename_key for cls in ALL]
FORMATS = {"webp": "WEBP"}
SIZES = {"doubled": (80, 60)}


@pytest.fixture
def sizers(registry):
    for cls in ALL:
        registry.register_sizer(cls.filename_key, cls)
    Remembering.made.clear()
    Reader.read.clear()


def key_set(*keys):
    return RenditionKeySet.parse(zip(keys, keys, strict=True))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("before", ["", "filters__invert__"])
def test_every_way_of_asking_gives_one_answer(sizers, card, configure, name, before):
    """Attribute access, key sets, the serializer's URLs, the warmer, and deletion."""
    key = f"{before}{name}__40x30"
    image = card.image
    attribute = image.filters.invert if before else image
    asked = getattr(attribute, name)["40x30"]
    [plan] = image.plans(key_set(key))

    assert asked.name == plan.path == image.rendition(RenditionKey.parse(key)).name
    assert asked.url == image.urls(key_set(key))[key]
    assert asked.url.endswith(plan.path)
    assert not default_storage.exists(plan.path)

    assert VersatileImageFieldWarmer(card, key_set(key), "image").warm() == (1, [])
    made = opened(default_storage, plan.path)
    assert (made.format, made.size) == (FORMATS.get(name, "JPEG"), SIZES.get(name, (40, 30)))

    configure(KEY_SETS={**conf.rendition_settings().key_sets, "own": [("own", key)]})
    image.delete_all_created_images()
    assert not default_storage.exists(plan.path)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_makes_it_where_renditions_are_made_on_demand(sizers, card, on_demand, name):
    image = card.image
    answer = getattr(image, name)["40x30"]

    assert opened(default_storage, answer.name).size == SIZES.get(name, (40, 30))
    # The record answers now.
    assert VersatileImageFieldWarmer(card, key_set(f"{name}__40x30"), "image").warm() == (1, [])


@pytest.mark.parametrize("name", NAMES)
def test_a_forced_run_makes_it_again(sizers, card, name):
    warmer = VersatileImageFieldWarmer(card, key_set(f"{name}__40x30"), "image", force=True)
    warmer.warm()
    [plan] = card.image.plans(key_set(f"{name}__40x30"))
    default_storage.delete(plan.path)

    assert warmer.warm() == (1, [])
    assert opened(default_storage, plan.path).format == FORMATS.get(name, "JPEG")


def test_a_worker_makes_them_all_and_commands_know_it(
    sizers, filters, configure, picture, db, capsys
):
    """The plans of a save, of a worker, of the bulk command and of a page are the same."""
    keys = [f"{name}__40x30" for name in NAMES] + ["filters__webp__url", "filters__shouting__url"]
    configure(KEY_SETS={"headshot": list(zip(keys, keys, strict=True))})

    person = Person.objects.create(headshot=picture("a.jpg"))
    assert WarmJob.objects.count() == 1
    work_owed()

    assert not WarmJob.objects.exists()
    images = [opened(default_storage, plan.path) for plan in person.headshot.plans()]
    assert [image.format for image in images] == [
        FORMATS.get(name, "JPEG") for name in [*NAMES, "webp", "shouting"]
    ]
    call_command("renditions", "warm", "app.Person.headshot", "--set", "headshot")
    assert f"{len(keys)} current" in capsys.readouterr().out


def test_a_template_shows_its_own_address(sizers, card):
    shown = Template("{{ i.webp.9x9.url }} {{ i.webp.9x9 }} {{ i.webp }}").render(
        Context({"i": card.image}, autoescape=False)
    )

    url = "https://cdn.example.com/__sized__/cards/a-webp-9x9-70.webp"
    assert shown == f"{url} {url} {{}}"


def test_a_file_of_the_old_package_is_adopted(sizers, card, capsys, monkeypatch):
    """It has another format than its original."""
    [plan] = card.image.plans(key_set("webp__40x30"))
    default_storage.save(plan.path, ContentFile(four_corners(40, 30, "WEBP")))
    monkeypatch.setattr(
        "renditions.conf._key_sets", lambda: {"own": [("own", "webp__40x30")]}, raising=True
    )

    call_command("renditions", "adopt", "app.Card.image", "--set", "own")

    assert "1 adopted" in capsys.readouterr().out


def test_an_extra_file_is_saved_under_its_exact_name(sizers, card):
    for _ in range(2):
        VersatileImageFieldWarmer(card, key_set("saver__40x30"), "image", force=True).warm()
    [plan] = card.image.plans(key_set("saver__40x30"))

    assert sorted(default_storage.listdir(posixpath.dirname(plan.path))[1]) == [
        posixpath.basename(plan.path),
        posixpath.basename(f"{plan.path}.webp"),
    ]


def test_the_decode_is_shared_where_it_can_be(sizers, card, monkeypatch):
    """Only a sizer that opens the file itself decodes it once more."""
    decodes = []
    from renditions.engine import warming

    real = warming.open_picture
    monkeypatch.setattr(warming, "open_picture", lambda *a: decodes.append(a) or real(*a))
    keys = key_set("saver__40x30", "webp__40x30", "crop__20x20", "reader__40x30")

    assert VersatileImageFieldWarmer(card, keys, "image").warm() == (4, [])
    assert len(decodes) == 1
    assert Reader.read == ["cards/a.jpg"]


def test_a_picture_that_the_sizer_opened_is_upright(sizers, card):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(Image.open(BytesIO(four_corners(90, 60))), format="JPEG", exif=exif)
    image = Card.objects.create(image=ContentFile(turned.getvalue(), "turned.jpg")).image
    VersatileImageFieldWarmer(image.instance, key_set("reader__60x90"), "image").warm()

    made = opened(default_storage, image.reader["60x90"].name)
    # Turned right, blue is at the top left.
    assert made.getpixel((5, 5))[2] > 200


def test_an_old_base_class_can_be_asked_for_other_keys(registry, card):
    """Keys that no rendition key can have are the sizer's own business, as ever."""

    class Preset(Plain):
        filename_key = "preset"

        def __getitem__(self, key):
            return super().__getitem__({"hero": "90x60"}[key])

    registry.register_sizer("preset", Preset)

    assert card.image.preset["hero"].name == "__sized__/cards/a-preset-90x60-70.jpg"


def test_a_sizer_that_is_not_registered_does_its_own_work(db, card):
    answer = Plain("cards/a.jpg", default_storage, create_on_demand=True)["9x9"]

    assert opened(default_storage, answer.name).size == (9, 9)


def test_a_registered_one_may_be_made_by_hand(sizers, card):
    answer = WebP("cards/a.jpg", default_storage, create_on_demand=True, ppoi=(0.5, 0.5))["9x9"]

    assert opened(default_storage, answer.name).format == "WEBP"


def test_a_broken_picture_breaks_no_page(sizers, db, on_demand):
    image = Card.objects.create(image="cards/missing.jpg").image

    for name in NAMES:
        assert getattr(image, name)["9x9"].name


def test_a_sizer_may_ask_for_its_url_when_it_is_made(registry, card, rf):
    """Its instances get a storage at all times, in planning, too."""

    class Asking(Plain):
        filename_key = "asking"

        def __init__(self, path_to_image, storage, create_on_demand, ppoi=None):
            super().__init__(path_to_image, storage, create_on_demand, ppoi)
            self.name = f"{path_to_image}.asked"
            self.url = storage.url(path_to_image)
            self.original_url = storage.url(path_to_image)

    registry.register_sizer("asking", Asking)
    keys = key_set("asking__40x30")
    sample = Original("", "", "any.jpg", card.image.original.ppoi)

    assert plan_key_set(sample, keys, conf.style)[0].path.startswith("__sized__/any-asking")
    assert VersatileImageFieldWarmer(card, keys, "image").warm() == (1, [])
    assert card.image.asking.original_url == "/media/cards/a.jpg"
    assert Card().image.asking["9x9"].url == ""


@pytest.mark.parametrize("base", [CroppedImage, WebP])
def test_a_sizer_may_read_the_picture_when_it_is_made(registry, card, configure, base):
    """A plan is made without the picture, so names come from the methods of the class alone."""

    class Opening(base):
        filename_key = "opening"

        def __init__(self, path_to_image, storage, create_on_demand, ppoi=None):
            super().__init__(path_to_image, storage, create_on_demand, ppoi)
            with storage.open(path_to_image) as file:
                self.original_size = Image.open(file).size

    registry.register_sizer("opening", Opening)
    keys = key_set("opening__40x30")
    configure(KEY_SETS={"own": [("own", "opening__40x30")]})

    assert check_own_names(None) == []
    assert VersatileImageFieldWarmer(card, keys, "image").warm() == (1, [])
    [plan] = card.image.plans(keys)
    assert card.image.opening["40x30"].name == plan.path
    assert opened(default_storage, plan.path).size == (40, 30)
    assert card.image.opening.original_size == (320, 200)


# --- Filters ---


class Shouting(FilteredImage):
    """Has its own name, URL and attributes."""

    def __init__(self, path_to_image, storage, create_on_demand, filename_key):
        super().__init__(path_to_image, storage, create_on_demand, filename_key)
        self.name = f"shouted/{filename_key}/{path_to_image}"
        self.url = f"https://cdn.example.com/{self.name}"
        self.caption = storage.url(self.path_to_image).upper()

    def process_image(self, image, image_format, save_kwargs):
        return saved(image, **save_kwargs)


class WebPFilter(FilteredImage):
    """Chooses its format in all the methods that it can."""

    def __init__(self, path_to_image, storage, create_on_demand, filename_key):
        super().__init__(path_to_image, storage, create_on_demand, filename_key)
        self.name = f"{get_filtered_path(path_to_image, filename_key, storage)}.webp"
        self.url = storage.url(self.name)

    def create_filtered_image(self, path_to_image, save_path_on_storage):
        image, _, image_format, _ = self.retrieve_image(path_to_image)
        image, save_kwargs = self.preprocess(image, image_format)
        imagefile = self.process_image(image, image_format, save_kwargs)
        self.save_image(imagefile, self.name, "webp", "image/webp")

    def process_image(self, image, image_format, save_kwargs):
        return saved(image.convert("L").convert("RGB"), format="WEBP")


@pytest.fixture
def filters(registry):
    registry.register_filter("shouting", Shouting)
    registry.register_filter("webp", WebPFilter)


@pytest.mark.parametrize(("name", "file_format"), [("shouting", "JPEG"), ("webp", "WEBP")])
def test_a_filter_may_name_its_file(filters, card, configure, name, file_format):
    image, key = card.image, f"filters__{name}__url"
    asked = getattr(image.filters, name)
    [plan] = image.plans(key_set(key))

    assert asked.name == plan.path
    assert asked.url == image.urls(key_set(key))[key]
    assert VersatileImageFieldWarmer(card, key_set(key), "image").warm() == (1, [])
    assert opened(default_storage, plan.path).format == file_format

    image.delete_filtered_images()
    assert not default_storage.exists(plan.path)


@pytest.mark.parametrize("name", ["shouting", "webp"])
def test_its_sizes_have_the_format_that_their_name_says(filters, card, name):
    key = f"filters__{name}__crop__40x30"
    assert VersatileImageFieldWarmer(card, key_set(key), "image").warm() == (1, [])
    [plan] = card.image.plans(key_set(key))

    assert plan.path == f"__sized__/cards/__filtered__/a__{name}__-crop-c0-5__0-5-40x30-70.jpg"
    assert opened(default_storage, plan.path).format == "JPEG"


def test_a_filters_own_attributes_are_those_of_its_class(filters, card):
    assert card.image.filters.shouting.caption == "/MEDIA/CARDS/A.JPG"
    with pytest.raises(AttributeError):
        _ = card.image.filters.shouting.nope
    with pytest.raises(AttributeError):
        _ = card.image.filters.invert.nope


def test_a_filter_may_read_a_file_when_it_is_made(registry, card):
    class Watermarked(FilteredImage):
        def __init__(self, path_to_image, storage, create_on_demand, filename_key):
            super().__init__(path_to_image, storage, create_on_demand, filename_key)
            with storage.open("mark.txt") as file:
                self.name = f"marked/{file.read().decode()}/{path_to_image}"

        def process_image(self, image, image_format, save_kwargs):
            return saved(image, **save_kwargs)

    default_storage.save("mark.txt", ContentFile(b"ours"))
    registry.register_filter("marked", Watermarked)
    key = key_set("filters__marked__url")

    assert VersatileImageFieldWarmer(card, key, "image").warm() == (1, [])
    assert card.image.filters.marked.name == "marked/ours/cards/a.jpg"
    assert default_storage.exists("marked/ours/cards/a.jpg")


# --- What cannot be honoured ---


class ByContent(WebP):
    filename_key = "bycontent"

    def __getitem__(self, key):
        with self.storage.open(self.path_to_image) as file:
            return super().__getitem__(f"{Image.open(file).width}x9")


class Nameless(WebP):
    filename_key = "nameless"

    def __getitem__(self, key):
        return f"/media/{key}"


class Random(WebP):
    filename_key = "random"

    def __getitem__(self, key):
        return SizedImageInstance(f"{id(object())}-{len(_asked)}.jpg", "", self.storage)

    def get_filename_key(self):
        _asked.append(1)
        return "random"


_asked: list = []


class KeyByContent(Plain):
    filename_key = "keybycontent"

    def get_filename_key(self):
        return f"by-{self.storage.size(self.path_to_image)}"


@pytest.mark.parametrize("cls", [ByContent, Nameless, Random, KeyByContent])
def test_a_name_that_needs_the_picture_is_an_error(registry, configure, cls):
    name = cls.filename_key
    registry.register_sizer(name, cls)
    configure(KEY_SETS={"own": [("a", f"{name}__9x9"), ("b", f"{name}__8x8")]})

    [error] = check_own_names(None)

    assert error.id == "renditions.E021"
    assert cls.__name__ in error.msg
    assert "focal point" in error.hint


def test_sound_names_are_no_error(sizers, filters, configure):
    keys = [f"{name}__9x9" for name in NAMES] + ["filters__webp__url", "crop__9x9"]
    configure(KEY_SETS={"own": list(zip(keys, keys, strict=True)), "broken": "x"})

    assert check_own_names(None) == []


def test_such_a_sizer_still_works_as_an_attribute(registry, card, on_demand):
    registry.register_sizer("bycontent", ByContent)

    answer = card.image.bycontent["9x9"]

    assert answer.name.endswith("-320x9-70.webp")
    assert opened(default_storage, answer.name).format == "WEBP"


def test_such_a_key_breaks_no_save(registry, db, configure, picture):
    """The job fails with the reason, even if the project silenced the check."""
    registry.register_sizer("bycontent", ByContent)
    configure(KEY_SETS={"headshot": [("a", "bycontent__9x9"), ("b", "crop__9x9")]})

    Person.objects.create(headshot=picture("a.jpg"))
    work_owed()

    [job] = WarmJob.objects.all()
    assert "ByContent gives no file name" in f"{job.headline} {job.detail}"


def test_a_key_cannot_choose_the_format_of_such_a_sizer(sizers):
    with pytest.raises(InvalidSizeKey, match="chooses the format of its files itself"):
        validated([("a", "webp__9x9__avif")])


def test_a_file_that_was_saved_elsewhere_is_a_failure(registry, card):
    class Astray(Plain):
        filename_key = "astray"

        def save_image(self, imagefile, save_path, file_ext, mime_type):
            super().save_image(imagefile, "elsewhere.jpg", file_ext, mime_type)

    registry.register_sizer("astray", Astray)
    [report] = VersatileImageFieldWarmer(card, key_set("astray__9x9"), "image").reports()
    [error] = report.failures.values()

    assert "saved no file at '__sized__/cards/a-astray-9x9-70.jpg'" in str(error)
    assert "It saved 'elsewhere.jpg'." in str(error)


# --- Deletion ---


def test_renditions_that_no_key_set_names_are_deleted(sizers, card):
    image = card.image
    keys = ["webp__40x30", "webp__90x80", "saver__41x31", "filters__invert__webp__20x20"]
    VersatileImageFieldWarmer(card, key_set(*keys), "image").warm()
    default_storage.save("__sized__/cards/ab-webp-40x30-70.webp", ContentFile(b"of another"))
    paths = [plan.path for plan in image.plans(key_set(*keys))]

    image.delete_sized_images()
    assert [default_storage.exists(path) for path in paths] == [False, False, False, True]
    image.delete_filtered_sized_images()
    assert not default_storage.exists(paths[3])
    assert default_storage.exists("__sized__/cards/ab-webp-40x30-70.webp")


def test_an_original_is_never_taken_for_a_rendition(registry, tmp_path):
    """Files beside the originals are deleted only where a key set names them."""

    class Beside(WebP):
        filename_key = "beside"

        def __getitem__(self, key):
            width, height = key.split("x")
            path = f"{self.path_to_image[:-4]}{width}{height}.jpg"
            return SizedImageInstance(path, "", self.storage)

    registry.register_sizer("beside", Beside)
    disk = FileSystemStorage(tmp_path / "disk")
    for name in ("p/a.jpg", "p/a12.jpg"):
        disk.save(name, ContentFile(four_corners(9, 9)))

    original = Original("", storage_label(disk), "p/a.jpg", Person().headshot.original.ppoi)
    removal.delete_sized(disk, original)

    assert disk.exists("p/a12.jpg")


def test_a_subclass_of_a_built_in_sizer_keeps_the_focal_point(registry, db):
    class WebPCrop(CroppedImage):
        filename_key = "webpcrop"

        def __getitem__(self, key):
            answer = super().__getitem__(key)
            return SizedImageInstance(f"{answer.name}.webp", f"{answer.url}.webp", self.storage)

        def save_image(self, imagefile, save_path, file_ext, mime_type):
            imagefile = saved(Image.open(imagefile), format="WEBP")
            super().save_image(imagefile, f"{save_path}.webp", "webp", "image/webp")

    registry.register_sizer("webpcrop", WebPCrop)
    person = Person.objects.create(headshot=ContentFile(four_corners(90, 60), "a.jpg"))
    person.headshot.ppoi = (0.25, 0.75)
    keys = key_set("webpcrop__20x20")
    assert VersatileImageFieldWarmer(person, keys, "headshot").warm() == (1, [])
    [plan] = person.headshot.plans(keys)

    assert plan.path.endswith("-webpcrop-c0-25__0-75-20x20-70.jpg.webp")
    person.headshot.ppoi = (0.5, 0.5)
    person.headshot.delete_sized_images()
    assert not default_storage.exists(plan.path)
