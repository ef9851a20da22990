"""A worker that dies at any point loses nothing, and repeats only unfinished work."""

import pytest

from tests.app.models import Person
from tests.workers.concurrency import Killed, dies_at
from tests.workers.hooks import hooked, raises
from workers import ledger, worker
from workers.models import WarmJob, WarmRun
from workers.targets import JobTarget
from workers.testing import work_owed


def is_whole(person: Person) -> bool:
    storage = person.headshot.storage
    return all(storage.exists(plan.path) for plan in person.headshot.plans())


def restart(using: str) -> None:
    """Do what a worker does that starts where one of its name was killed, then work."""
    ledger.release_worker(using, "w1")
    work_owed(using)


def enqueued_by_run(using: str, run: WarmRun, person: Person) -> ledger.Hint:
    WarmJob.objects.using(using).all().delete()
    target = JobTarget(using, "app.Person", str(person.pk), "headshot")
    ledger.enqueue_for_run(run, "", [target])
    job = WarmJob.objects.using(using).get()
    return ledger.Hint(using, job.pk, job.generation)


def test_a_job_that_is_killed_at_any_statement_is_finished_by_another(ledger_db, picture):
    """At whichever statement a worker dies, all renditions are made and counted once."""
    run = WarmRun.objects.using(ledger_db).create(model_label="app.Person", field_name="headshot")
    point, died = 0, True
    while died:
        person = Person(headshot=picture())
        person.save(using=ledger_db)
        hint = enqueued_by_run(ledger_db, run, person)

        died = dies_at(point, ledger_db, lambda hint=hint: worker.run_job(hint, "t1", "w1"))
        restart(ledger_db)

        assert is_whole(person)
        assert not WarmJob.objects.using(ledger_db).exists()
        point += 1
        run.refresh_from_db()
        assert run.created + run.current == point
    assert point > 5


def test_a_save_that_is_killed_at_any_statement_is_complete_or_absent(ledger_db, picture):
    """At whichever statement a save dies, row and job both exist or both do not."""
    point, died = 0, True
    while died:
        died = dies_at(point, ledger_db, lambda: Person(headshot=picture()).save(using=ledger_db))
        people = Person.objects.using(ledger_db).values_list("pk", flat=True)
        enqueued = WarmJob.objects.using(ledger_db).values_list("object_pk", flat=True)
        assert sorted(map(str, people)) == sorted(enqueued)
        point += 1
    assert point > 2
    assert len(people) == 1


@pytest.mark.django_db
def test_a_job_that_is_killed_between_two_renditions_makes_only_the_rest(settings, picture):
    """What a killed worker has published is not made again."""
    with hooked(settings) as hook:
        person = Person.objects.create(headshot=picture())
        job = WarmJob.objects.get()
        raises(Killed())
        with pytest.raises(Killed):
            worker.run_job(ledger.Hint("default", job.pk, 1), "t1", "w1")
        storage = person.headshot.storage
        made = [plan.path for plan in person.headshot.plans() if storage.exists(plan.path)]
        stamps = {path: storage.get_modified_time(path) for path in made}

        restart("default")

        assert is_whole(person)
        assert 0 < len(made) < 3
        assert {path: storage.get_modified_time(path) for path in made} == stamps
        assert hook.calls == 2
