"""The tables of the ledger. They are in the database of the images' own rows.

The ledger is the list of what is owed: each saved image is owed its renditions, and a job row is
the debt. It is written with the save, and deleted when everything is made. A failed row is no
longer owed: another attempt would fail again. It keeps the reason until somebody retries it, the
original or the declaration has changed, or something else has made the renditions.
"""

from django.db import DEFAULT_DB_ALIAS, models
from django.utils.translation import gettext_lazy as _

from .failures import Failure

OBJECT_PK_LENGTH = 255
DAY_S = 86_400


class JobState(models.TextChoices):
    """The state of a job. A job that is done has no row."""

    QUEUED = "queued", _("Queued")  # waits for `due_at`, then for a worker
    WARMING = "warming", _("In progress")  # a worker holds the lease
    FAILED = "failed", _("Failed")  # waits for a retry, or for a change of what it gave up on


class Takes(models.TextChoices):
    """What a removal takes away. The values are those of `renditions.settings_table.Cleanup`."""

    RENDITIONS = "renditions", _("Renditions")
    ALL = "all", _("Renditions and original")


class RunKind(models.TextChoices):
    """What a bulk run does."""

    WARM = "warm", _("Make renditions")  # looks at all objects of the field
    PRUNE = "prune", _("Delete files that nothing needs")  # looks at the files of its folders


class RunState(models.TextChoices):
    """The state of a bulk run."""

    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")  # no job is started until somebody resumes the run
    CANCELLED = "cancelled", _("Cancelled")  # jobs that were not started are deleted
    DONE = "done", _("Done")


UNFINISHED = (RunState.RUNNING, RunState.PAUSED)

# How the instances of a bulk run ended; the last two: the files of a prune. These counts are
# columns of the run.
COUNTS = {
    "created": _("created"),
    "current": _("current"),
    "blank": _("without picture"),
    "failed": _("failed"),
    "cancelled": _("cancelled"),
    "kept": _("kept"),
    "deleted": _("deleted"),
}
# These are computed: `outstanding` is the rest, so no step has to count jobs.
COMPUTED_COUNTS = {"superseded": _("superseded"), "outstanding": _("outstanding")}


class WarmRun(models.Model):
    """A re-warm of one field over all instances, or a prune of its files.

    A prune has no jobs: `planned = kept + deleted + failed`, in files. For a re-warm,
    `planned = created + current + blank + failed + superseded + cancelled + outstanding` at every
    moment, because each count changes in the transaction that changes its job.
    """

    model_label = models.CharField(_("model"), max_length=150)
    field_name = models.CharField(_("field"), max_length=100)
    kind = models.CharField(_("kind"), choices=RunKind.choices, default=RunKind.WARM, max_length=10)
    force = models.BooleanField(
        _("force"), default=False, help_text=_("Make the existing renditions again, too.")
    )
    orphans = models.BooleanField(
        _("orphans"), default=False, help_text=_("Delete originals that no object names, too.")
    )
    min_age_s = models.PositiveBigIntegerField(
        _("minimum age in seconds"),
        default=DAY_S,
        help_text=_("Younger files are kept: an object may name them soon."),
    )
    state = models.CharField(
        _("state"), choices=RunState.choices, default=RunState.RUNNING, max_length=10
    )
    # Digest of what the field declared where the run was started, and when that process had
    # started: a worker of an older release must not call current what it does not know of.
    declaration = models.CharField(_("declaration"), max_length=24, blank=True, default="")
    enqueuer_started_at = models.DateTimeField(_("start of the enqueuing process"), null=True)
    waits_for_release = models.BooleanField(
        _("waiting for a newer worker"),
        default=False,
        help_text=_("Only workers of an older release took it. Restart them."),
    )
    # Primary key of the last planned instance, as text; empty before the first. Of a prune: the
    # number of the storage, and the path of the last file.
    cursor = models.TextField(_("last object"), blank=True, default="")
    walked = models.BooleanField(
        _("all planned"), default=False, help_text=_("All objects have been looked at.")
    )
    planned = models.PositiveBigIntegerField(
        _("planned"), default=0, help_text=_("Objects looked at so far.")
    )
    created = models.PositiveBigIntegerField(
        COUNTS["created"], default=0, help_text=_("Renditions were made by this run.")
    )
    current = models.PositiveBigIntegerField(
        COUNTS["current"], default=0, help_text=_("All renditions existed already.")
    )
    blank = models.PositiveBigIntegerField(
        COUNTS["blank"], default=0, help_text=_("The object has no picture.")
    )
    failed = models.PositiveBigIntegerField(
        COUNTS["failed"], default=0, help_text=_("The rendition jobs show the reasons.")
    )
    cancelled = models.PositiveBigIntegerField(
        COUNTS["cancelled"], default=0, help_text=_("Not started when the run was cancelled.")
    )
    kept = models.PositiveBigIntegerField(
        COUNTS["kept"], default=0, help_text=_("Files that are needed, too young or unknown.")
    )
    deleted = models.PositiveBigIntegerField(
        COUNTS["deleted"], default=0, help_text=_("Files that nothing needed.")
    )
    deleted_bytes = models.PositiveBigIntegerField(_("deleted bytes"), default=0)
    # Of a prune; a failed job of a re-warm has its own reason.
    last_error = models.TextField(_("last error"), blank=True, default="")
    # The rest of the superseded ones are rows of `SupersededJob`, until a sweep adds them here.
    superseded_counted = models.PositiveBigIntegerField(
        COMPUTED_COUNTS["superseded"], default=0, editable=False
    )
    # Number of rows that the first step has found. None: no step yet, or a prune, whose files
    # nobody has counted.
    total = models.PositiveBigIntegerField(_("total"), null=True)
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    # The rate of a run is what has ended since it was resumed: a pause does not count as slow work.
    resumed_at = models.DateTimeField(_("resumed at"), auto_now_add=True)
    ended_before = models.PositiveBigIntegerField(_("ended before"), default=0, editable=False)
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)

    class Meta:
        app_label = "rendition_workers"
        verbose_name = _("bulk run")
        verbose_name_plural = _("bulk runs")
        ordering = ["-pk"]
        constraints = [
            # Two beat processes start one run, not two.
            models.UniqueConstraint(
                fields=["model_label", "field_name", "kind"],
                condition=models.Q(state__in=UNFINISHED),
                name="rendition_warmrun_one_unfinished",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_label}.{self.field_name} #{self.pk}"

    @property
    def using(self) -> str:
        """Alias of the database that the run is in."""
        return self._state.db or DEFAULT_DB_ALIAS

    @property
    def superseded(self) -> int:
        """Number of instances that were saved or deleted before the run could warm them."""
        return self.superseded_counted + self.superseded_jobs.using(self.using).count()

    @property
    def outstanding(self) -> int:
        """Number of jobs that still belong to the run."""
        return self.counts["outstanding"]

    @property
    def ended(self) -> int:
        """Number of planned instances, or files, that no job is outstanding for."""
        return self.planned - self.outstanding

    @property
    def counts(self) -> dict[str, int]:
        """How the planned instances ended; the sum is `planned`."""
        return self.counts_with(self.superseded)

    def counts_with(self, superseded: int) -> dict[str, int]:
        """Return `counts` without a query: the caller knows the number of superseded instances."""
        ended = {**{name: getattr(self, name) for name in COUNTS}, "superseded": superseded}
        return {**ended, "outstanding": self.planned - sum(ended.values())}


class SupersededJob(models.Model):
    """One job that left its run for good, because of a save or a deletion.

    A counter on the row of the run would stay locked until the transaction of the save ends. The
    workers that finish other jobs of the run would wait for the save, and the save for them
    (deadlock). An INSERT here locks nothing. `ledger.fold_superseded` keeps the table small.
    """

    run = models.ForeignKey(
        WarmRun,
        verbose_name=_("bulk run"),
        on_delete=models.CASCADE,
        related_name="superseded_jobs",
    )

    class Meta:
        app_label = "rendition_workers"
        verbose_name = _("superseded job")
        verbose_name_plural = _("superseded jobs")

    def __str__(self) -> str:
        return str(self.run)


class WarmJob(models.Model):
    """The outstanding renditions of one image: one field of one instance.

    Or a removal: the files of a picture that this field of this instance no longer shows. An
    instance may have several removals, and a job for its present picture.
    """

    model_label = models.CharField(_("model"), max_length=150)
    object_pk = models.CharField(_("object"), max_length=OBJECT_PK_LENGTH)
    field_name = models.CharField(_("field"), max_length=100)

    # None: the job makes renditions.
    takes = models.CharField(_("takes away"), choices=Takes.choices, null=True, max_length=10)
    # Path of the picture whose files are taken away, and its focal point as text.
    removed_name = models.TextField(_("former picture"), blank=True, default="")
    removed_ppoi = models.CharField(_("former focal point"), max_length=50, blank=True, default="")
    # Digest of `removed_name`, which is too long for an index.
    removal = models.CharField(_("removal"), max_length=24, blank=True, default="")
    # Files are being deleted: no upload may get the name until the removal has ended.
    is_begun = models.BooleanField(_("begun"), default=False)

    state = models.CharField(
        _("state"), choices=JobState.choices, default=JobState.QUEUED, max_length=10
    )
    # Number of the save that the job is for. A worker may finish only the generation it claimed.
    generation = models.PositiveBigIntegerField(_("generation"), default=1)
    # Digest of what has to be made; tells a save that changes it from one that does not.
    signature = models.CharField(_("signature"), max_length=64, blank=True, default="")
    # Start time of the process that enqueued the job. A worker that started earlier may have older
    # code.
    enqueuer_started_at = models.DateTimeField(_("start of the enqueuing process"), null=True)
    # The original was replaced: files that exist are stale.
    force = models.BooleanField(_("force"), default=False)
    # The save stored new content under a new name: there are no renditions yet.
    is_new_upload = models.BooleanField(_("new upload"), default=False)

    attempts = models.PositiveIntegerField(_("attempts"), default=0)  # started, in this generation
    # Not claimable before, by the database's clock. None: failed, so it is never due.
    due_at = models.DateTimeField(_("due at"), null=True)
    hinted_at = models.DateTimeField(_("message sent at"), null=True)  # None: no message was sent

    # While the lease runs, exactly one worker may work on the job; None: no lease.
    lease_until = models.DateTimeField(_("claimed until"), null=True)
    # Of one delivery of the message.
    lease_token = models.CharField(_("lease token"), max_length=64, blank=True, default="")
    # The task id of Celery. Two deliveries of one message share it.
    lease_task = models.CharField(_("task"), max_length=255, blank=True, default="")
    lease_worker = models.CharField(_("worker"), max_length=255, blank=True, default="")

    # The first failure of the last attempt; see `failures.Failure`.
    kind = models.CharField(_("kind"), max_length=30, blank=True, default="")
    headline = models.CharField(_("reason"), max_length=255, blank=True, default="")
    detail = models.TextField(_("detail"), blank=True, default="")
    # All failures of the last attempt, each as `Failure.as_json` returns it.
    failures = models.JSONField(_("failures"), default=list)

    # Version of the original on which the job gave up. Empty: there was no original to be read.
    original_version = models.CharField(
        _("version of the original"), max_length=100, blank=True, default=""
    )

    run = models.ForeignKey(
        WarmRun,
        verbose_name=_("bulk run"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="jobs",
        db_index=False,  # see `rendition_warmjob_run`
    )
    # The `traceparent` of the request that saved, for OpenTelemetry; see `workers.tracing`.
    trace = models.CharField(_("trace"), max_length=55, blank=True, default="")
    queued_at = models.DateTimeField(_("queued at"))
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        app_label = "rendition_workers"
        verbose_name = _("rendition job")
        verbose_name_plural = _("rendition jobs")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_label", "object_pk", "field_name", "removal"],
                name="rendition_warmjob_target",
            )
        ]
        # With millions of failed or queued jobs, each query of the sweep reads only the rows that
        # it wants. Partial indexes are small, and most writes of a job do not touch them. Their
        # conditions are about NULL: SQLite does not see that a parameter fulfils another one.
        indexes = [
            # For the admin, and for a retry of everything.
            models.Index(fields=["state", "id"], name="rendition_warmjob_state"),
            # The same for one model.
            models.Index(fields=["model_label", "state", "id"], name="rendition_warmjob_model"),
            # Jobs of saves, in the order in which they are sent.
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(run__isnull=True, due_at__isnull=False, takes__isnull=True),
                name="rendition_warmjob_due",
            ),
            # Removals, in the same order.
            models.Index(
                fields=["due_at", "id"],
                condition=models.Q(due_at__isnull=False, takes__isnull=False),
                name="rendition_warmjob_removals",
            ),
            # Each upload looks whether its name is owed to be taken away.
            models.Index(
                fields=["removal"],
                condition=models.Q(takes__isnull=False),
                name="rendition_warmjob_removal",
            ),
            models.Index(
                fields=["run", "due_at"],
                condition=models.Q(run__isnull=False),
                name="rendition_warmjob_run",
            ),
            # For the filter of the admin.
            models.Index(
                fields=["kind", "id"],
                condition=models.Q(kind__gt=""),
                name="rendition_warmjob_kind",
            ),
            # What failed most: only failed jobs are never due. Without the key, the rows of a group
            # are one entry.
            models.Index(
                fields=["kind", "model_label", "headline"],
                condition=models.Q(due_at__isnull=True),
                name="rendition_warmjob_failed",
            ),
            # For the filter by age, whose list begins with the oldest or the newest.
            models.Index(fields=["queued_at", "id"], name="rendition_warmjob_age"),
            # As many rows as there are busy workers.
            models.Index(
                fields=["lease_until"],
                condition=models.Q(lease_until__isnull=False),
                name="rendition_warmjob_leased",
            ),
        ]

    def __str__(self) -> str:
        text = f"{self.model_label}.{self.field_name} #{self.object_pk}"
        return f"{text}: {self.removed_name}" if self.takes else text

    @property
    def error(self) -> str:
        """The first failure of the last attempt in full, in English; empty: no failure."""
        return f"{self.headline} {self.detail}".strip()

    def all_failures(self) -> list[Failure]:
        """Return why the last attempt did not make some renditions, or any."""
        return [Failure.from_json(stored) for stored in self.failures]

    def failure_of(self, path: str) -> Failure | None:
        """Return why the last attempt did not make the rendition at `path`; None: no failure.

        A failure of the whole job is the reason for every path.
        """
        failures = self.all_failures()
        of_path = (failure for failure in failures if failure.path == path)
        of_job = (failure for failure in failures if failure.is_of_job)
        return next(of_path, None) or next(of_job, None)


class Overview(WarmJob):
    """The page of the operator in the index of the admin, which lists models. It has no rows."""

    class Meta:
        app_label = "rendition_workers"
        proxy = True
        default_permissions = ()  # who may see the jobs may see the page
        verbose_name = _("overview")
        verbose_name_plural = _("overview")


class Heartbeat(models.Model):
    """When a part of the service was seen last, by the database's clock."""

    SWEEP = "sweep"  # a worker has run a sweep of beat
    BEAT = "beat"  # beat has sent the message for one

    name = models.CharField(_("name"), max_length=50, primary_key=True)
    beaten_at = models.DateTimeField(_("seen at"))

    class Meta:
        app_label = "rendition_workers"
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name


class WorkerNode(models.Model):
    """A worker that runs, or that has gone without a word. A worker that is stopped has no row."""

    name = models.CharField(_("name"), max_length=255, primary_key=True)  # Celery's node name
    queues = models.JSONField(_("queues"), default=list)  # that it consumes
    processes = models.PositiveIntegerField(_("processes"), default=1)  # of its pool
    release = models.CharField(_("release"), max_length=50)  # of this package
    started_at = models.DateTimeField(_("started at"))
    seen_at = models.DateTimeField(_("seen at"))

    class Meta:
        app_label = "rendition_workers"
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name


class Throughput(models.Model):
    """How many jobs one worker process has ended in one minute. A sweep deletes old rows."""

    minute = models.DateTimeField(_("minute"))
    # A row for each process: they never wait for each other's locks.
    process = models.CharField(_("process"), max_length=300)
    made = models.PositiveIntegerField(_("made"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)

    class Meta:
        app_label = "rendition_workers"
        verbose_name = _("throughput")
        verbose_name_plural = _("throughput")
        constraints = [
            models.UniqueConstraint(
                fields=["minute", "process"], name="rendition_throughput_minute"
            )
        ]

    def __str__(self) -> str:
        return f"{self.minute} {self.process}"


class IncompletePicture(models.Model):
    """A picture whose file lacks its end, and that was accepted: its renditions show the rest."""

    model_label = models.CharField(_("model"), max_length=150)
    object_pk = models.CharField(_("object"), max_length=OBJECT_PK_LENGTH)
    field_name = models.CharField(_("field"), max_length=100)
    name = models.TextField(_("picture"))  # path on the storage of the field
    share_of_rows = models.FloatField(
        _("rows"), help_text=_("The share of the rows of pixels that the file has.")
    )
    noticed_at = models.DateTimeField(_("noticed at"))

    class Meta:
        app_label = "rendition_workers"
        verbose_name = _("incomplete picture")
        verbose_name_plural = _("incomplete pictures")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_label", "object_pk", "field_name"],
                name="rendition_incomplete_target",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_label}.{self.field_name} #{self.object_pk}: {self.name}"


class EventKind(models.TextChoices):
    """What has happened to the renditions of one image."""

    MADE = "made", _("Made")  # some renditions
    READY = "ready", _("Ready")  # all renditions
    FAILED = "failed", _("Failed")
    PUBLISHED = "published", _("Published")  # for RENDITIONS["WORKERS"]["ON_PUBLISHED"]


class Event(models.Model):
    """Something that receivers have not been told yet (transactional outbox).

    It is written in the transaction that ends a job, and deleted when all receivers are done.
    """

    kind = models.CharField(_("kind"), choices=EventKind.choices, max_length=10)
    model_label = models.CharField(_("model"), max_length=150)
    object_pk = models.CharField(_("object"), max_length=OBJECT_PK_LENGTH)
    field_name = models.CharField(_("field"), max_length=100)
    # Of the picture; empty: whatever the row shows.
    original_name = models.TextField(_("picture"), blank=True, default="")
    # Paths of the renditions, or failures as `Failure.as_json` returns them.
    content = models.JSONField(_("content"), default=list)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    # While a process tells the receivers, it is later than now: nobody else tells them.
    due_at = models.DateTimeField(_("due at"))

    class Meta:
        app_label = "rendition_workers"
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [models.Index(fields=["due_at", "id"], name="rendition_event_due")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.model_label}.{self.field_name} #{self.object_pk}"

    @property
    def using(self) -> str:
        """Alias of the database that the event is in."""
        return self._state.db or DEFAULT_DB_ALIAS
