"""Packages that make renditions. Each does the same work in its own way.

A contestant takes a photograph and writes eight renditions to a folder. Imports are inside of
functions, because each contestant runs in its own process and its memory is measured.
"""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

FIT, CROP = "thumbnail", "crop"
# Eight renditions: three thumbnails, five crops.
EIGHT = (
    (FIT, 2000, 2000),
    (FIT, 1200, 1200),
    (CROP, 1200, 600),
    (CROP, 600, 1200),
    (CROP, 400, 400),
    (FIT, 200, 200),
    (CROP, 100, 100),
    (CROP, 50, 50),
)
QUALITY = 70
Work = Callable[[Path, Path], None]


@dataclass(frozen=True, slots=True)
class Contestant:
    name: str
    package: str  # import name; without it the contestant is left out
    prepare: Callable[..., Work]
    options: dict[str, Any]


def _django(**settings: Any) -> None:
    import django
    from django.conf import settings as django_settings

    if not django_settings.configured:
        django_settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            **settings,
        )
        django.setup()


def renditions(table: tuple = EIGHT, output: str | None = None) -> Work:
    _django()
    from renditions.imaging.rendering import open_picture
    from renditions.imaging.sources import Limits

    recipes = _recipes(table, output)

    def work(photograph: Path, folder: Path) -> None:
        with photograph.open("rb") as file, open_picture(file, recipes, Limits()) as picture:
            for number, recipe in enumerate(recipes):
                (folder / f"{number}").write_bytes(picture.render(recipe).data)

    return work


def _recipes(table: tuple, output: str | None = None) -> list[Any]:
    from renditions.imaging.formats import Encoding
    from renditions.imaging.geometry import Size
    from renditions.imaging.recipes import Recipe
    from renditions.imaging.sizers import Crop, Thumbnail

    sizers = {FIT: Thumbnail(), CROP: Crop()}
    encoding = Encoding(jpeg_quality=QUALITY, webp_quality=QUALITY)
    return [
        Recipe(sizers[kind], Size(w, h), format=output, encoding=encoding) for kind, w, h in table
    ]


class Floor:
    """Only the decode and the encode of the same pixels: the lower bound."""

    def __init__(self, table: tuple = EIGHT) -> None:
        # In another process: what it allocates must not count as the memory of this one.
        self._renderer = ProcessPoolExecutor(1, get_context("spawn"))
        self._table = table
        self._decoded: tuple[int, int] = (0, 0)
        self._images: list[Any] = []

    def get_ready(self, photograph: Path, folder: Path) -> None:
        """Prepare the pixels to write; not measured."""
        from PIL import Image

        found = self._renderer.submit(_render_for_floor, photograph, folder, self._table)
        self._decoded = found.result()
        self._images = [Image.open(folder / f"{number}") for number in range(len(self._table))]
        for image in self._images:
            image.load()

    def __call__(self, photograph: Path, folder: Path) -> None:
        from PIL import Image

        width, height = self._decoded
        image = Image.open(photograph)
        image.draft(None, (width - 1, height - 1))
        image.load()
        for number, rendition in enumerate(self._images):
            rendition.save(folder / f"{number}", "JPEG", quality=QUALITY)


def _render_for_floor(photograph: Path, folder: Path, table: tuple) -> tuple[int, int]:
    """Write our renditions to `folder` and return the decoded size."""
    from renditions.imaging.rendering import open_picture
    from renditions.imaging.sources import Limits

    recipes = _recipes(table)
    with photograph.open("rb") as file, open_picture(file, recipes, Limits()) as picture:
        for number, recipe in enumerate(recipes):
            (folder / f"{number}").write_bytes(picture.render(recipe).data)
        return picture.decoded_size.as_tuple


def versatileimagefield(table: tuple = EIGHT) -> Work:
    _django(
        INSTALLED_APPS=["versatileimagefield"],
        VERSATILEIMAGEFIELD_SETTINGS={"jpeg_resize_quality": QUALITY},
    )
    from django.core.cache import cache
    from django.core.files.storage import FileSystemStorage
    from django.db import connection, models
    from versatileimagefield.fields import VersatileImageField
    from versatileimagefield.image_warmer import VersatileImageFieldWarmer

    class Photograph(models.Model):  # noqa: DJ008
        image = VersatileImageField()

        class Meta:
            app_label = "versatileimagefield"

    with connection.schema_editor() as editor:
        editor.create_model(Photograph)
    keys = [(str(i), f"{kind}__{w}x{h}") for i, (kind, w, h) in enumerate(table)]

    def work(photograph: Path, folder: Path) -> None:
        storage = FileSystemStorage(location=folder)
        Photograph._meta.get_field("image").storage = storage
        if not (folder / photograph.name).exists():
            (folder / photograph.name).symlink_to(photograph.resolve())
        shutil.rmtree(folder / "__sized__", ignore_errors=True)
        cache.clear()  # it knows the renditions of the last turn
        instance = Photograph.objects.create(image=photograph.name)
        made, failed = VersatileImageFieldWarmer(instance, keys, "image").warm()
        if made != len(table):
            raise RuntimeError(failed)

    return work


def easy_thumbnails() -> Work:
    _django(INSTALLED_APPS=["easy_thumbnails"], THUMBNAIL_QUALITY=QUALITY)
    from easy_thumbnails.files import Thumbnailer

    def work(photograph: Path, folder: Path) -> None:
        for number, (kind, width, height) in enumerate(EIGHT):
            with photograph.open("rb") as file:
                thumbnailer = Thumbnailer(file, name=photograph.name)
                options = {"size": (width, height), "crop": kind == CROP, "quality": QUALITY}
                thumbnail = thumbnailer.generate_thumbnail(options)
                (folder / f"{number}").write_bytes(thumbnail.file.read())

    return work


def sorl_thumbnail() -> Work:
    _django(INSTALLED_APPS=["sorl.thumbnail"])
    from sorl.thumbnail.engines.pil_engine import Engine
    from sorl.thumbnail.parsers import parse_geometry

    engine = Engine()

    def work(photograph: Path, folder: Path) -> None:
        for number, (kind, width, height) in enumerate(EIGHT):
            options = {
                "quality": QUALITY,
                "format": "JPEG",
                "colorspace": "RGB",
                "upscale": True,
                "orientation": True,
                "progressive": False,
                "padding": False,
                "cropbox": None,
                "rounded": None,
                "blur": 0,
            }
            options["crop"] = "center" if kind == CROP else False
            with photograph.open("rb") as file:
                image = engine.get_image(file)
                ratio = engine.get_image_ratio(image, options)
                geometry = parse_geometry(f"{width}x{height}", ratio)
                image = engine.create(image, geometry, options)
                data = engine._get_raw_data(  # noqa: SLF001
                    image, "JPEG", QUALITY, image_info={}, progressive=False
                )
            (folder / f"{number}").write_bytes(data)

    return work


def imagekit(output: str = "JPEG") -> Work:
    _django(INSTALLED_APPS=["imagekit"])
    from imagekit import ImageSpec
    from imagekit.processors import ResizeToFill, ResizeToFit, Transpose

    def work(photograph: Path, folder: Path) -> None:
        for number, (kind, width, height) in enumerate(EIGHT):
            resize = ResizeToFill(width, height) if kind == CROP else ResizeToFit(width, height)
            with photograph.open("rb") as file:
                spec = ImageSpec(source=file)
                spec.processors = [Transpose(), resize]
                spec.format = output
                spec.options = {"quality": QUALITY}
                (folder / f"{number}").write_bytes(spec.generate().read())

    return work


def pictures() -> Work:
    """The eight sizes with the decode of django-pictures, which has other sizes itself."""
    _django(INSTALLED_APPS=["pictures"])
    from PIL import Image, ImageOps

    def work(photograph: Path, folder: Path) -> None:
        # As in its task: one decode for each picture, one resize for each size.
        with Image.open(photograph) as opened:
            image = ImageOps.exif_transpose(opened)
            for number, (kind, width, height) in enumerate(EIGHT):
                small = image.copy()
                if kind == CROP:
                    small = ImageOps.fit(small, (width, height))
                else:
                    small.thumbnail((width, height))
                small.save(folder / f"{number}", "JPEG", quality=QUALITY)

    return work


def vips_thumbnail() -> Work:
    os.environ["VIPS_CONCURRENCY"] = "1"
    import pyvips

    def work(photograph: Path, folder: Path) -> None:
        for number, (kind, width, height) in enumerate(EIGHT):
            crop = {"crop": "centre"} if kind == CROP else {"size": "down"}
            image = pyvips.Image.thumbnail(str(photograph), width, height=height, **crop)
            image.jpegsave(str(folder / f"{number}"), Q=QUALITY, strip=True)

    return work


def vips_shared() -> Work:
    """One decode, reduced on load to the largest size, kept in memory for all eight."""
    os.environ["VIPS_CONCURRENCY"] = "1"
    import pyvips

    largest = max(width for _, width, _ in EIGHT)

    def work(photograph: Path, folder: Path) -> None:
        shared = pyvips.Image.thumbnail(
            str(photograph), largest, height=largest, size="down"
        ).copy_memory()
        for number, (kind, width, height) in enumerate(EIGHT):
            crop = {"crop": "centre"} if kind == CROP else {"size": "down"}
            image = shared.thumbnail_image(width, height=height, **crop)
            image.jpegsave(str(folder / f"{number}"), Q=QUALITY, strip=True)

    return work


CONTESTANTS = (
    Contestant("django-renditions", "renditions", renditions, {}),
    Contestant("bare decode and encode", "renditions", Floor, {}),
    Contestant("libvips, one shared decode", "pyvips", vips_shared, {}),
    Contestant("libvips thumbnail", "pyvips", vips_thumbnail, {}),
    Contestant("django-pictures, these sizes", "pictures", pictures, {}),
    Contestant("django-versatileimagefield", "versatileimagefield", versatileimagefield, {}),
    Contestant("django-imagekit", "imagekit", imagekit, {}),
    Contestant("easy-thumbnails", "easy_thumbnails", easy_thumbnails, {}),
    Contestant("sorl-thumbnail", "sorl.thumbnail", sorl_thumbnail, {}),
)
