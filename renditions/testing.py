"""For your tests: what a record store must do, as tests that yours inherits.

    class TestMyStore(RecordStoreContract):
        def make_store(self) -> RecordStore:
            return MyStore()

It works with pytest and, beside `unittest.TestCase` as a second base, with Django's test runner.
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

# More than the 300 entries at which Django's caches begin to throw away unless told otherwise.
MANY = 400


class RecordStoreContract:
    """Proves a record store: inherit from it and say how to make one."""

    def make_store(self) -> RecordStore:
        """Return a store; each call gives another object on the same memory."""
        raise NotImplementedError("Return an object of the record store to be proven.")

    def make_unreachable_store(self) -> RecordStore:
        """Return a store whose memory does not answer, where there can be such a thing."""
        raise SkipTest("This store cannot be unreachable.")

    def release_thread(self) -> None:
        """Give back what a thread that used the store has opened; called at its end."""

    def test_what_was_never_set_is_absent(self) -> None:
        """A key that nobody set is not in the answer, and that is no error."""
        assert dict(self.make_store().get_many(["rendition:never"])) == {}

    def test_texts_come_back_as_they_were(self) -> None:
        """Every text is returned as it was given, whatever it holds."""
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

    def test_only_what_was_asked_for_is_returned(self) -> None:
        """The answer holds those of the asked keys that are there, and no other."""
        store = self.make_store()
        store.set_many({"rendition:a": "1", "rendition:b": "2"})

        assert dict(store.get_many(["rendition:b", "rendition:c"])) == {"rendition:b": "2"}

    def test_a_later_text_replaces_an_earlier_one(self) -> None:
        """The last text that was set is the one that is returned."""
        store = self.make_store()
        store.set_many({"rendition:a": "old", "rendition:b": "stays"})

        store.set_many({"rendition:a": "new"})

        found = dict(store.get_many(["rendition:a", "rendition:b"]))
        assert found == {"rendition:a": "new", "rendition:b": "stays"}

    def test_what_was_deleted_is_absent(self) -> None:
        """Deleting forgets the named keys, those never set included, and leaves the others."""
        store = self.make_store()
        store.set_many({"rendition:a": "1", "rendition:b": "2"})

        store.delete_many(["rendition:a", "rendition:never"])

        assert dict(store.get_many(["rendition:a", "rendition:b"])) == {"rendition:b": "2"}

    def test_nothing_is_a_valid_argument(self) -> None:
        """Asking for, setting and deleting nothing does nothing."""
        store = self.make_store()

        store.set_many({})
        store.delete_many([])

        assert dict(store.get_many([])) == {}

    def test_keys_may_be_read_only_once(self) -> None:
        """Any iterable of keys will do, a generator too."""
        store = self.make_store()
        store.set_many({"rendition:a": "1"})

        assert dict(store.get_many(_once("rendition:a"))) == {"rendition:a": "1"}
        store.delete_many(_once("rendition:a"))
        assert dict(store.get_many(["rendition:a"])) == {}

    def test_another_object_sees_the_same(self) -> None:
        """What one process has recorded, another one knows."""
        self.make_store().set_many({"rendition:a": "1"})

        assert dict(self.make_store().get_many(["rendition:a"])) == {"rendition:a": "1"}

    def test_many_are_kept_at_once(self) -> None:
        """Hundreds of records are all there: nothing is thrown away at a default limit."""
        texts = {record_key("default", f"{number}.jpg"): str(number) for number in range(MANY)}
        store = self.make_store()

        store.set_many(texts)

        assert dict(store.get_many(texts)) == texts

    def test_writers_at_once_lose_nothing(self) -> None:
        """What workers record at the same time is all there afterwards."""

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

    def test_every_file_name_has_a_record_of_its_own(self) -> None:
        """Records of names that look alike, or break things elsewhere, do not mix."""
        plans = [_plan(name) for name in HOSTILE_NAMES]
        recorder = Recorder(self.make_store())

        for plan in plans:
            recorder.record_created([plan], source_version=f"of {plan.path}")

        versions = {path: record.source_version for path, record in recorder.recall(plans).items()}
        assert versions == {plan.path: f"of {plan.path}" for plan in plans}

    def test_failures_are_kept_with_reason_and_count(self) -> None:
        """A failed rendition says why, and how often in a row it failed."""
        plan, recorder = _plan("a.jpg"), Recorder(self.make_store())
        error = SourceUnreadable("truncated at byte 5")

        for _ in range(3):
            recorder.record_failed({plan: error}, "v1")

        record = recorder.recall([plan])[plan.path]
        assert (record.state, record.attempts) == (RecordState.FAILED, 3)
        assert (record.kind, record.error) == ("unreadable", str(error))

    def test_success_after_failures_starts_afresh(self) -> None:
        """A rendition that was made has no failure left."""
        plan, recorder = _plan("a.jpg"), Recorder(self.make_store())
        recorder.record_failed({plan: SourceUnreadable("truncated")}, "v1")

        recorder.record_created([plan], "v2")

        record = recorder.recall([plan])[plan.path]
        assert record.is_current(plan, "v2")
        assert (record.attempts, record.kind, record.error) == (0, "", "")

    def test_what_is_forgotten_is_unknown(self) -> None:
        """After forgetting, nothing is known of a path."""
        plan, recorder = _plan("a.jpg"), Recorder(self.make_store())
        recorder.record_created([plan], "v1")

        recorder.forget(plan.storage, [plan.path])

        assert recorder.recall([plan]) == {}

    def test_a_text_of_somebody_else_is_unknown(self) -> None:
        """What is no record of ours, or one of another version, counts as nothing."""
        plan, store = _plan("a.jpg"), self.make_store()
        for text in ("", "junk", "[]", "null", "7", '{"v":0}', '{"v":1}', '{"v":1,"path":"a.jpg"}'):
            store.set_many({record_key(plan.storage, plan.path): text})

            assert Recorder(store).recall([plan]) == {}, text

    def test_an_unreachable_memory_has_one_error(self) -> None:
        """Where the memory does not answer, every method says so with StoreUnavailable."""
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
            raise AssertionError("No StoreUnavailable was raised.")


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
