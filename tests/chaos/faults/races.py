"""Pictures are replaced, moved, deleted and retried during bulk runs, all at the same time.

Two beats run, and every message is sent three times.

At most one process has the picture of a job open. Each rendition is written once for each save. No
rendition shows older content. No file of a deleted picture stays.

Guards: `generation` (a worker may finish only the save that it claimed), `lease` (only one process
works on a job).
"""

from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile

from tests.chaos.run import Chaos
from tests.chaos.service import Options

MORE = "70x70"  # of the key that is added in the middle of the run


def options(*, short: bool, database: str) -> Options:
    """Two beats, and every message sent three times."""
    # Long enough that no lease ends during a job on a busy machine.
    times = {"SOFT_TIME_LIMIT_S": 30, "HARD_TIME_LIMIT_S": 35, "LEASE_S": 40}
    return Options(beats=2, settings=times, hooks=("triple-delivery", "growing-key-sets"))


def run(chaos: Chaos) -> None:
    """Change pictures at random while they are being warmed."""
    from tests.chaos import judge
    from tests.chaos.app.models import Picture
    from tests.chaos.hooks import look_at_key_sets
    from workers import ledger, runs
    from workers.models import WarmJob

    # Slow reads and writes, so that changes come in the middle of jobs.
    chaos.trouble(open={"delay_s": 0.05}, save={"delay_s": 0.01})
    field = Picture._meta.get_field("image")
    pictures, gone = chaos.save_many(chaos.size(500, 30)), []
    actions = (_replace, _move, _move, _delete, _save_again)
    for step in range(chaos.size(300, 30)):
        picture = _in_hand(chaos, pictures)
        action = chaos.dice.choice(actions)
        if action is _delete:
            pictures.remove(picture)
            gone += [Path(picture.image.storage.path(plan.path)) for plan in _all_plans(picture)]
        action(chaos, picture)
        chaos.verdict.injected += 1
        if step % 25 == 0:
            ledger.retry(WarmJob.objects.all())
        if step == chaos.size(200, 20):
            # One more key is declared; the next save or bulk run enqueues it.
            chaos.environment.more_keys.touch()
            look_at_key_sets()
        # Not in a short run: there a bulk run would repair what a missing guard breaks.
        if step % 50 == 5 and not chaos.short:
            _turn_run(chaos, field)
        chaos.service.pause(chaos.dice.uniform(0, 0.03))
    chaos.trouble()
    for run in runs.unfinished(field):
        runs.resume(run)
    chaos.service.wait(_all_runs_done, 240, "bulk runs are done")
    chaos.settle(200)
    # A bulk run repairs renditions of older originals: judge before it what the saves have made.
    judge.judge_renditions(chaos, but_for=MORE)
    runs.start(field)
    chaos.service.wait(_all_runs_done, 240, "the last bulk run is done")
    chaos.settle()
    chaos.service.pause(1)
    _nothing_of_the_deleted(chaos, gone)
    _counts_add_up(chaos)


def _turn_run(chaos: Chaos, field: Any) -> None:
    """Start a bulk run, or pause, resume or cancel the current one, as the admin does."""
    from workers import runs

    run = runs.unfinished(field).first()
    if run is None:
        runs.start(field, force=chaos.dice.random() < 0.5)
    else:
        chaos.dice.choice((runs.pause, runs.resume, runs.cancel))(run)


def _in_hand(chaos: Chaos, pictures: list[Any]) -> Any:
    """Return a random picture, most of the time one that is being warmed."""
    from workers.models import JobState, WarmJob

    warming = WarmJob.objects.filter(state=JobState.WARMING, model_label="chaos.Picture")
    pks = set(warming.values_list("object_pk", flat=True))
    busy = [picture for picture in pictures if str(picture.pk) in pks]
    return chaos.dice.choice(busy if busy and chaos.dice.random() < 0.8 else pictures)


def _replace(chaos: Chaos, picture: Any) -> None:
    """Save new content under the same name."""
    from tests.chaos.pictures import drawn

    picture.number = chaos.next_number()
    name = picture.image.name
    picture.image.storage.delete(name)
    picture.image.save(Path(name).name, ContentFile(drawn(picture.number)), save=False)
    picture.save()
    chaos.expect(picture.image.name == name, "the name is the same")


def _move(chaos: Chaos, picture: Any) -> None:
    picture.image.ppoi = (round(chaos.dice.random(), 2), round(chaos.dice.random(), 2))
    picture.save()


def _save_again(chaos: Chaos, picture: Any) -> None:
    picture.save()


def _delete(chaos: Chaos, picture: Any) -> None:
    """Delete the row and then all of its files."""
    storage, name, plans = picture.image.storage, picture.image.name, _all_plans(picture)
    picture.delete()
    for path in (name, *(plan.path for plan in plans)):
        storage.delete(path)


def _all_plans(picture: Any) -> tuple[Any, ...]:
    return picture.image.plans()


def _all_runs_done() -> bool:
    from workers.models import RunState, WarmRun

    return not WarmRun.objects.filter(state=RunState.RUNNING).exists()


def _nothing_of_the_deleted(chaos: Chaos, paths: list[Path]) -> None:
    left = [path for path in paths if path.exists()]
    for path in left[:3]:
        chaos.note(f"left of a deleted picture: {path.name}")
    chaos.expect(not left, f"no rendition of a deleted picture stays; {len(left)} did")


def _counts_add_up(chaos: Chaos) -> None:
    from workers.models import WarmRun

    for run in WarmRun.objects.all():
        # Not the run's own number of outstanding jobs: that is the rest of the other counts.
        jobs = run.jobs.count()
        outstanding = run.outstanding
        chaos.expect(outstanding == jobs, f"run {run.pk}: {outstanding} outstanding, {jobs} jobs")
