"""A bucket, over HTTP: what is asked of it, and how often."""

import os
import subprocess
import sys
import threading
from typing import Any, ClassVar

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.files.base import ContentFile
from django.db import connection, connections
from django.utils.timezone import now
from storages.backends.s3 import S3Storage

from renditions import conf
from renditions.engine.removal import all_renditions, delete_all
from renditions.engine.status import Look, are_current
from renditions.engine.warming import Result, Reuse, warm, warm_without_recheck
from renditions.errors import SourceMissing, StorageFailed
from renditions.imaging.geometry import CENTRE
from renditions.inventory.rows import Shift
from renditions.planning.keys import RenditionKeySet
from renditions.planning.plans import Original, plan_key_set
from renditions.storage import Storages, adapter_of, find_files, objects, publish
from renditions.storage.any import AnyStorage, Headers
from renditions.storage.s3 import S3
from tests.conftest import four_corners
from tests.service import servers

EIGHT = (
    *("thumbnail__200x200", "thumbnail__120x120", "thumbnail__20x20", "crop__120x60"),
    *("crop__60x120", "crop__40x40", "crop__10x10", "crop__5x5"),
)


class Bucket(S3Storage):
    """Counts the requests of each kind."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.requests: list[str] = []
        client = self.connection.meta.client
        client.meta.events.register("before-call.s3", self._note)

    def _note(self, model, **kwargs):
        self.requests.append(model.name)

    def pop_requests(self):
        requests, self.requests[:] = sorted(self.requests), []
        return requests


@pytest.fixture(scope="module")
def s3_server():
    return servers.s3_options("pictures")


@pytest.fixture(
    scope="module",
    params=[{}, {"location": "media", "file_overwrite": False}],
    ids=["root", "folder"],
)
def empty_bucket(s3_server, request):
    storage = Bucket(**s3_server, **request.param)
    storage.connection.meta.client.create_bucket(Bucket="pictures")
    return storage


@pytest.fixture
def bucket(empty_bucket):
    yield empty_bucket
    client = empty_bucket.connection.meta.client
    for each in client.list_objects_v2(Bucket="pictures").get("Contents", ()):
        client.delete_object(Bucket="pictures", Key=each["Key"])
    empty_bucket.pop_requests()


@pytest.fixture
def on_request(bucket):
    """Return a function that calls another one at an event of the client, in this test."""
    events = bucket.connection.meta.client.meta.events
    registered = []

    def register(event, call):
        events.register(event, call)
        registered.append((event, call))

    yield register
    for event, call in registered:
        events.unregister(event, call)


@pytest.fixture
def photo(bucket):
    bucket.save("p/a.jpg", ContentFile(four_corners(320, 200)))
    bucket.pop_requests()
    return "p/a.jpg"


def plans(name="p/a.jpg", keys=EIGHT):
    key_set = RenditionKeySet.parse([(key, key) for key in keys])
    return plan_key_set(Original("app.Model.field", "s3", name, CENTRE), key_set, conf.style)


def render(bucket, **options):
    return warm_without_recheck(Storages.both_on(bucket), plans(), **options)


def test_a_new_upload_costs_one_fetch_and_a_put_for_each_rendition(bucket, photo):
    report = render(bucket, reuse=Reuse.RECORDED)

    assert len(report.of(Result.CREATED)) == 8
    assert bucket.pop_requests() == ["GetObject"] + ["PutObject"] * 8
    assert {plan.path for plan in plans() if bucket.exists(plan.path)} == {
        plan.path for plan in plans()
    }


def test_what_is_current_costs_two_requests(bucket, photo):
    render(bucket)
    bucket.pop_requests()

    assert are_current(Storages.both_on(bucket), plans(), Look.FILES)
    assert bucket.pop_requests() == ["HeadObject", "ListObjectsV2"]


def test_a_rendition_that_was_deleted_is_missed(bucket, photo):
    render(bucket)
    bucket.delete(plans()[3].path)

    assert not are_current(Storages.both_on(bucket), plans(), Look.FILES)
    report = warm(Storages.both_on(bucket), plans())
    assert report.of(Result.CREATED) == (plans()[3],)


def test_a_replaced_original_has_another_version(bucket, photo):
    """Also in the same second, and with the same size."""
    one, other = b"x" * 100, b"y" * 100
    adapter = adapter_of(bucket)
    adapter.write(photo, one, Headers())
    before = adapter.info(photo).version
    adapter.write(photo, other, Headers())

    after = adapter.info(photo).version
    assert after != before
    with adapter.open_with_info(photo, 1000)[0] as file:
        assert file.read() == other
    assert adapter.open_with_info(photo, 1000)[1].version == after
    assert find_files(bucket, [[photo, "p/b.jpg"]])[photo].version == after


def test_renditions_without_records_are_adopted(bucket, photo):
    render(bucket)
    conf.cache().clear()

    assert len(render(bucket).of(Result.ADOPTED)) == 8


def test_renditions_have_the_headers_of_the_settings(bucket, photo, settings):
    settings.RENDITIONS = {
        "CACHE_CONTROL": "public, max-age=31536000, immutable",
        "CONTENT_TYPES": {"JPEG": "image/pjpeg"},
    }

    render(bucket)

    answer = bucket.connection.meta.client.head_object(
        Bucket="pictures", Key=adapter_of(bucket).key(plans()[0].path)
    )
    assert answer["CacheControl"] == "public, max-age=31536000, immutable"
    assert answer["ContentType"] == "image/pjpeg"


def test_no_more_is_fetched_than_an_original_may_have(bucket, photo, settings):
    """A stranger's file of any size must not fill the memory."""
    settings.RENDITIONS = {"MAX_FILE_BYTES": 100}

    [error] = {type(error).__name__ for error in render(bucket).failures.values()}
    assert error == "FileTooLarge"
    with adapter_of(bucket).open(photo, 100) as file:
        assert len(file.read()) == 101


def test_a_missing_original_is_named(bucket):
    failures = render(bucket).failures

    assert {type(error) for error in failures.values()} == {SourceMissing}


def test_a_write_that_fails_fails_only_its_rendition(bucket, photo, on_request):
    def refuse(params, **kwargs):
        if "crop-c0-5__0-5-40x40" in params["Key"]:
            raise OSError("no route to host")

    on_request("provide-client-params.s3.PutObject", refuse)

    report = render(bucket)

    assert len(report.of(Result.CREATED)) == 7
    [[failed, error]] = report.failures.items()
    assert failed.key.size.width == 40
    assert isinstance(error, StorageFailed)


class Stop(Exception):
    """Stands for the soft time limit."""


def test_no_write_is_in_progress_after_an_interrupt(bucket, photo, on_request):
    """A write that ends later could overwrite the file of a newer original."""
    in_progress, may_end, ended = threading.Event(), threading.Event(), []

    def hang(params, **kwargs):
        in_progress.set()
        may_end.wait(10)

    def note(**kwargs):
        ended.append(kwargs["model"].name)

    on_request("provide-client-params.s3.PutObject", hang)
    on_request("after-call.s3.PutObject", note)
    asked = []

    def stop_after_two(plan):
        asked.append(plan)
        if len(asked) == 3:
            in_progress.wait(10)
            threading.Timer(0.2, may_end.set).start()
            raise Stop
        return True

    with pytest.raises(Stop):
        render(bucket, still_wanted=stop_after_two, interrupts=(Stop,))

    written = [plan for plan in plans() if bucket.exists(plan.path)]
    assert len(ended) == len(written) <= 2
    # They are recorded, too.
    assert len(render(bucket).of(Result.CURRENT)) == len(written)


def test_pictures_far_apart_in_a_large_folder_are_looked_for_one_by_one(bucket, monkeypatch):
    """More pages of the listing would take longer."""
    monkeypatch.setattr(objects, "KEYS_PER_PAGE", 20)
    for number in range(50):
        publish(bucket, f"q/{number:02}-x.jpg", b"")
    groups = [[f"q/{number:02}-{part}.jpg" for part in "xyz"] for number in (3, 30, 49)]
    bucket.pop_requests()

    found = find_files(bucket, groups)

    assert sorted(found) == ["q/03-x.jpg", "q/30-x.jpg", "q/49-x.jpg"]
    # The listing of the folder has the first picture.
    assert bucket.pop_requests() == ["ListObjectsV2"] * 3


def test_pictures_that_are_close_together_are_listed_at_once(bucket, monkeypatch):
    monkeypatch.setattr(objects, "KEYS_PER_PAGE", 20)
    monkeypatch.setattr(objects, "FILES_PER_PAGE", 10)
    for number in range(10):
        for part in "xyz":
            publish(bucket, f"q/{number}-{part}.jpg", b"")
    groups = [[f"q/{number}-{part}.jpg" for part in "xyz"] for number in range(10)]
    bucket.pop_requests()

    assert len(find_files(bucket, groups)) == 30
    assert bucket.pop_requests() == ["ListObjectsV2"] * 2


def test_a_project_that_may_not_list_is_asked_for_each_file(bucket, photo, on_request):
    publish(bucket, "p/b.jpg", b"")

    def forbid(**kwargs):
        raise PermissionError("AccessDenied")

    on_request("before-call.s3.ListObjectsV2", forbid)

    assert sorted(find_files(bucket, [["p/a.jpg", "p/b.jpg", "p/c.jpg"]])) == ["p/a.jpg", "p/b.jpg"]


class Encrypting(S3Storage):
    def _save(self, name, content):
        return super()._save(name, content)


def test_a_storage_with_its_own_save_is_used_by_its_own_methods(s3_server):
    assert type(adapter_of(Encrypting(**s3_server))) is AnyStorage
    assert type(adapter_of(S3Storage(**s3_server))) is S3


def test_a_path_that_leads_out_of_the_bucket_is_no_file(bucket):
    assert find_files(bucket, [["../../x.jpg"]]) == {}


class AskingTheDatabase(Bucket):
    """Has parameters that depend on a row, as a storage for each tenant has."""

    connections: ClassVar[list[Any]] = []

    def get_object_parameters(self, name):
        connection.ensure_connection()
        self.connections.append(connections[connection.alias])
        return super().get_object_parameters(name)


@pytest.mark.django_db(transaction=True)
def test_the_threads_keep_no_connection_to_a_database(s3_server, bucket, photo):
    storage = AskingTheDatabase(**s3_server, location=bucket.location)
    AskingTheDatabase.connections = []

    assert len(render(storage).of(Result.CREATED)) == 8

    here = connections[connection.alias]
    others = [each for each in AskingTheDatabase.connections if each is not here]
    assert others
    assert not any(each.connection for each in others)


GROWTH = """
import sys
import storages.backends.s3
from renditions.storage.objects import THREADS, side_by_side, start_threads

def megabytes():
    return int(open("/proc/self/statm").read().split()[0]) * 4096 // 1024**2

if sys.argv[1] == "before":
    start_threads()
before = megabytes()
for written in [side_by_side(bytes, 1000) for _ in range(THREADS)]:
    written.result()
print(megabytes() - before)
"""


def grown_mb(when):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-c", GROWTH, when]
    return int(subprocess.check_output(command, env=environment, text=True))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_threads_take_nothing_of_the_memory_of_a_job():
    """A thread reserves address space when it starts, and the budget of a job limits that."""
    assert grown_mb("never") > 64
    assert grown_mb("before") < 8


# ---- a picture is taken away ---------------------------------------------------------------------


def keys_in(bucket):
    pages = adapter_of(bucket).list_keys("", after="")
    return {key for page in pages for key, _ in page}


def test_a_picture_is_taken_away_with_one_listing_for_each_folder(bucket, photo):
    bucket.save("p/a-1.jpg", ContentFile(four_corners(320, 200)))
    render(bucket)
    warm_without_recheck(Storages.both_on(bucket), plans("p/a-1.jpg"), reuse=Reuse.RECORDED)
    of_other = {key for key in keys_in(bucket) if "a-1" in key}
    bucket.pop_requests()

    [plan, *_] = plans()
    delete_all(Storages.both_on(bucket), plan.original, written_until=now())

    requests = bucket.pop_requests()
    # Eight renditions and the original; its date first.
    assert requests == ["DeleteObject"] * 9 + ["HeadObject"] + ["ListObjectsV2"] * 3
    assert keys_in(bucket) == of_other
    assert len(of_other) == 9


def test_what_a_large_folder_has_of_others_is_not_listed(bucket, photo, monkeypatch):
    render(bucket)
    for number in range(30):
        bucket.save(f"__sized__/p/b{number}-thumbnail-5x5-70.jpg", ContentFile(b"1"))
    monkeypatch.setattr(objects, "KEYS_PER_PAGE", 10)
    bucket.pop_requests()

    [plan, *_] = plans()
    found = all_renditions(bucket, plan.original)

    assert sorted(found) == sorted(plan.path for plan in plans())
    assert bucket.pop_requests() == ["ListObjectsV2"] * 3


def test_a_deletion_that_fails_is_told(bucket, photo, on_request):
    render(bucket)

    def refuse(**kwargs):
        raise EndpointConnectionError(endpoint_url="http://store")

    on_request("before-call.s3.DeleteObject", refuse)
    [plan, *_] = plans()
    with pytest.raises(StorageFailed, match="http://store"):
        delete_all(Storages.both_on(bucket), plan.original, written_until=now())

    # The original is deleted last.
    assert bucket.exists(photo)


def test_a_bucket_and_a_folder_in_it_are_one_place(s3_server, bucket):
    inside = S3Storage(**s3_server, location=f"{bucket.location}/p".strip("/"))
    shift = Shift.between(bucket, inside)

    assert shift.there("p/a.jpg") == "a.jpg"
    assert shift.here("a.jpg") == "p/a.jpg"
    assert shift.there("q/a.jpg") is None
