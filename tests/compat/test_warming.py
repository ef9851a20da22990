"""Sizers and filters written for the old package, in the executor."""

from io import BytesIO

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from renditions import conf
from renditions.compat.datastructures import FilteredImage, SizedImage
from renditions.engine import warming
from renditions.engine.adoption import ExistingFiles, Verdict
from renditions.engine.warming import warm
from renditions.imaging.geometry import FocalPoint
from renditions.planning.keys import RenditionKeySet
from renditions.planning.plans import Original, plan_key_set
from renditions.storage import Storages
from tests.conftest import four_corners
from tests.renditions.conftest import opened


class Halved(SizedImage):
    filename_key = "halved"
    seen: list = []

    def process_image(self, image, image_format, save_kwargs, width, height):
        type(self).seen.append((self.path_to_image, self.storage, self.ppoi, image.size))
        out = BytesIO()
        image.resize((width // 2, height // 2)).save(out, **save_kwargs)
        return out


class Marked(FilteredImage):
    seen: list = []

    def preprocess_JPEG(self, image, **kwargs):  # noqa: N802
        return image.convert("L"), {"quality": 3}

    def process_image(self, image, image_format, save_kwargs):
        type(self).seen.append((self.path_to_image, image.mode, save_kwargs["quality"]))
        out = BytesIO()
        image.save(out, **save_kwargs)
        return out


def test_old_sizers_and_filters_work_beside_new_ones(tmp_path, registry, monkeypatch):
    """They share one decode, and each old one knows its picture and focal point."""
    registry.register_sizer("halved", Halved)
    registry.register_filter("marked", Marked)
    Halved.seen, Marked.seen = [], []
    decodes = []
    open_picture = warming.open_picture
    monkeypatch.setattr(
        warming, "open_picture", lambda *args: decodes.append(args) or open_picture(*args)
    )
    disk = FileSystemStorage(tmp_path / "disk")
    disk.save("p/a.jpg", ContentFile(four_corners(320, 200)))
    sizes = {
        "crop__60x30": (60, 30),
        "halved__60x30": (30, 15),
        "filters__marked__url": (320, 200),
        "filters__marked__crop__20x20": (20, 20),
        "filters__invert__halved__20x20": (10, 10),
    }
    original = Original("app.Model.field", "disk", "p/a.jpg", FocalPoint(0.25, 0.75))
    plans = plan_key_set(
        original, RenditionKeySet.parse(zip(sizes, sizes, strict=True)), conf.style
    )

    report = warm(Storages.both_on(disk), plans)

    assert report.existing == plans
    assert [opened(disk, plan.path).size for plan in plans] == list(sizes.values())
    assert len(decodes) == 1
    assert Halved.seen == [
        (path, disk, (0.25, 0.75), (320, 200))
        for path in ("p/a.jpg", "p/__filtered__/a__invert__.jpg")
    ]
    assert Marked.seen == [("p/a.jpg", "L", 3)]


def test_an_old_sizer_knows_its_picture_when_a_file_is_compared(tmp_path, registry):
    """A file at a path without spaces is adopted only if it shows what the sizer makes."""
    registry.register_sizer("halved", Halved)
    disk = FileSystemStorage(tmp_path)
    disk.save("a b.jpg", ContentFile(four_corners(320, 200)))
    keys = RenditionKeySet.parse([("halved", "halved__60x30")])
    [plan] = plan_key_set(Original("", "disk", "a b.jpg", FocalPoint(0.5, 0.5)), keys, conf.style)
    warm(Storages.both_on(disk), [plan])
    with disk.open(plan.path) as file:
        disk.save(plan.path.replace(" ", ""), ContentFile(file.read()))
    disk.delete(plan.path)
    Halved.seen = []

    existing = ExistingFiles(Storages.both_on(disk), "a b.jpg")
    existing.look([plan])
    assert existing.adopt(plan) is Verdict.ADOPTED

    assert [seen[:2] for seen in Halved.seen] == [("a b.jpg", disk)]
