"""For the tests of a project: the contract of a record store, as tests to inherit.

    class TestMyStore(RecordStoreContract):
        def make_store(self) -> RecordStore:
            return MyStore()

It works with pytest. For Django's test runner, add `unittest.TestCase` as a second base class.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from unittest import SkipTest

from .errors import SourceUnreadable, StoreUnavailable
from .imaging.formats import Encoding
from .imaging.geometry import FocalPoint
from .imaging.recipes import Recipe
from .planning.keys import RenditionKey
from .planning.plans import Original, RenditionPlan
from .records import Recorder, RecordState, RecordStore, record_key

__all__ = ["RecordStoreContract"]

# By default Django's local-memory, file and database caches delete entries above 300.
MANY = 400


class RecordStoreContract:
    """Tests a record store. Inherit from it and define `make_store`."""

    def make_store(self) -> RecordStore:
        """Return a new store object; all objects use the same backend."""
        raise NotImplementedError(f"{type(self).__name__} must define make_store().")

    def make_unreachable_store(self) -> RecordStore:
        """Return a store whose backend does not answer. Override it if this can happen."""
        raise SkipTest("This store cannot be unreachable.")

    def release_thread(self) -> None:
        """Close the connections of the current thread. Called at the end of each thread."""

    def test_a_key_that_was_never_set_is_absent(self) -> None:
        assert dict(self.make_store().get_many(["rendition:never"])) == {}

    def test_texts_are_returned_unchanged(self) -> None:
        texts = {
            "rendition:plain": '{"v":1}',
            "rendition:empty": "",
            "rendition:letters": "größer \N{SNOWMAN} \N{PILE OF POO} \u202e",
            "rendition:control": 'line\nline\ttab\x00nul"quote\\',
            "rendition:number": "12",
            "rendition:long": "x" * 65_536,
        }
        store = self.make_store()

        store.set_many(texts)

        assert dict(store.get_many(texts)) == texts

    def test_only_requested_keys_are_returned(self) -> None:
        store = self.make_store()
        store.set_many({"rendition:a": "1", "rendition:b": "2"})

        assert dict(store.get_many(["rendition:b", "rendition:c"])) == {"rendition:b": "2"}

    def test_a_later_text_replaces_an_earlier_one(self) -> None:

        store = self.make_store()
        store.set_many({"rendition:a": "old", "rendition:b": "stays"})

        store.set_many({"rendition:a": "new"})

        found = dict(store.get_many(["rendition:a", "rendition:b"]))
        assert found == {"rendition:a": "new", "rendition:b": "stays"}

    def test_a_deleted_key_is_absent(self) -> None:
        """Other keys stay, and deleting a key that was never set is no error."""
        store = self.make_store()
        store.set_many({"rendition:a": "1", "rendition:b": "2"})

        store.delete_many(["rendition:a", "rendition:never"])

        assert dict(store.get_many(["rendition:a", "rendition:b"])) == {"rendition:b": "2"}

    def test_empty_arguments_are_valid(self) -> None:
        store = self.make_store()

        store.set_many({})
        store.delete_many([])

        assert dict(store.get_many([])) == {}

    def test_keys_may_come_from_a_generator(self) -> None:
        store = self.make_store()
        store.set_many({"rendition:a": "1"})

        assert dict(store.get_many(_once("rendition:a"))) == {"rendition:a": "1"}
        store.delete_many(_once("rendition:a"))
        assert dict(store.get_many(["rendition:a"])) == {}

    def test_another_object_sees_the_same(self) -> None:
        """All processes share one backend."""
        self.make_store().set_many({"rendition:a": "1"})

        assert dict(self.make_store().get_many(["rendition:a"])) == {"rendition:a": "1"}

    def test_many_are_kept_at_once(self) -> None:
        """The store has no default limit that deletes records."""
        texts = {record_key("default", f"{number}.jpg"): str(number) for number in range(MANY)}
        store = self.make_store()

        store.set_many(texts)

        assert dict(store.get_many(texts)) == texts

    def test_concurrent_writers_lose_no_update(self) -> None:

        def write(writer: int) -> None:
            store = self.make_store()
            try:
                for number in range(25):
                    store.set_many({f"rendition:{writer}-{number}": f"{writer}-{number}"})
            finally:
                self.release_thread()

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(write, range(4)))

        names = [f"{writer}-{number}" for writer in range(4) for number in range(25)]
        found = self.make_store().get_many([f"rendition:{name}" for name in names])
        assert dict(found) == {f"rendition:{name}": name for name in names}

    def test_every_file_name_has_its_own_record(self) -> None:
        """Similar names and names with unusual characters do not collide."""
        plans = [_plan(name) for name in HOSTILE_NAMES]
        recorder = Recorder(self.make_store())

        for plan in plans:
            recorder.record_created({plan: None}, source_version=f"of {plan.path}")

        versions = {path: record.source_version for path, record in recorder.recall(plans).items()}
        assert versions == {plan.path: f"of {plan.path}" for plan in plans}

    def test_failures_are_kept_with_reason_and_count(self) -> None:
        """A failed record holds the reason and the number of consecutive failures."""
        plan, recorder = _plan("a.jpg"), Recorder(self.make_store())
        error = SourceUnreadable("truncated at byte 5")

        for _ in range(3):
            recorder.record_failed({plan: error}, "v1")

        record = recorder.recall([plan])[plan.path]
        assert (record.state, record.attempts) == (RecordState.FAILED, 3)
        assert (record.kind, record.headline, record.detail) == (
            error.kind,
            error.headline,
            error.detail,
        )

    def test_success_clears_earlier_failures(self) -> None:
        plan, recorder = _plan("a.jpg"), Recorder(self.make_store())
        recorder.record_failed({plan: SourceUnreadable("truncated")}, "v1")

        recorder.record_created({plan: None}, "v2")

        record = recorder.recall([plan])[plan.path]
        assert record.is_current(plan, "v2")
        assert (record.attempts, record.kind, record.headline, record.detail) == (0, "", "", "")

    def test_a_deleted_record_is_absent(self) -> None:
        plan, recorder = _plan("a.jpg"), Recorder(self.make_store())
        recorder.record_created({plan: None}, "v1")

        recorder.delete(plan.storage, [plan.path])

        assert recorder.recall([plan]) == {}

    def test_a_text_that_is_not_a_record_is_ignored(self) -> None:
        """The cache may be shared with other code, or with another version of this one."""
        plan, store = _plan("a.jpg"), self.make_store()
        for text in ("", "junk", "[]", "null", "7", '{"v":0}', '{"v":1}', '{"v":1,"path":"a.jpg"}'):
            store.set_many({record_key(plan.storage, plan.path): text})

            assert Recorder(store).recall([plan]) == {}, text

    def test_an_unreachable_store_raises_store_unavailable(self) -> None:
        store = self.make_unreachable_store()

        for call in (
            lambda: store.get_many(["rendition:a"]),
            lambda: store.set_many({"rendition:a": "1"}),
            lambda: store.delete_many(["rendition:a"]),
        ):
            try:
                call()
            except StoreUnavailable:
                continue
            raise AssertionError("The method did not raise StoreUnavailable.")


HOSTILE_NAMES = (
    "a.jpg",
    "A.jpg",
    "a .jpg",
    "a%20.jpg",
    "a\n.jpg",
    "a\x00.jpg",
    "../a.jpg",
    "a?.jpg",
    "a#b.jpg",
    "caf\u00e9.jpg",
    "cafe\u0301.jpg",
    "\u202egpj.a",
    "\udcff.jpg",
    f"{'long' * 100}.jpg",
)


def _plan(name: str) -> RenditionPlan:
    centre = FocalPoint(0.5, 0.5)
    recipe = Recipe(
        sizer=None, size=None, ppoi=centre, filter=None, format=None, encoding=Encoding()
    )
    original = Original(field="app.Model.image", storage="default", name=name, ppoi=centre)
    return RenditionPlan(original, RenditionKey(), recipe, path=name)


def _once(*keys: str) -> Iterable[str]:
    yield from keys
