"""The ledger: what is still owed, in the database of the pictures' own rows."""

from django.db import models

OBJECT_PK_LENGTH = 255
# Those that are on the row of a run.
COUNTS = ("created", "current", "blank", "failed", "cancelled")


class JobState(models.TextChoices):
    """Where a job stands. A job that is done has no row."""

    QUEUED = "queued", "Queued"  # waits until `due_at`, then for a worker
    WARMING = "warming", "Being warmed"  # a worker holds the lease
    FAILED = "failed", "Failed"  # nobody tries again until somebody asks or a new save


class RunState(models.TextChoices):
    """Where a bulk run stands."""

    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"  # nothing is begun until somebody resumes it
    CANCELLED = "cancelled", "Cancelled"  # what was not begun is owed no more
    DONE = "done", "Done"


UNFINISHED = (RunState.RUNNING, RunState.PAUSED)


class WarmRun(models.Model):
    """A re-warm of one field over all instances.

    `planned = created + current + blank + failed + superseded + cancelled + outstanding` at every
    moment, because each count moves in the transaction that moves its job.
    """

    model_label = models.CharField("model", max_length=150)
    field_name = models.CharField("field", max_length=100)
    force = models.BooleanField(default=False, help_text="Make again what is there.")
    state = models.CharField(choices=RunState.choices, default=RunState.RUNNING, max_length=10)
    # Primary key of the last instance looked at, as text; empty before the first.
    cursor = models.CharField(max_length=255, blank=True, default="")
    walked = models.BooleanField(default=False, help_text="Every instance has been looked at.")
    planned = models.PositiveBigIntegerField(default=0, help_text="Instances looked at.")
    created = models.PositiveBigIntegerField(default=0, help_text="Warmed by this run.")
    current = models.PositiveBigIntegerField(default=0, help_text="Nothing was outstanding.")
    blank = models.PositiveBigIntegerField(default=0, help_text="No picture.")
    failed = models.PositiveBigIntegerField(default=0, help_text="See the jobs for the reasons.")
    cancelled = models.PositiveBigIntegerField(
        default=0, help_text="Not begun when the run was cancelled."
    )
    started_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "rendition_workers"
        verbose_name = "bulk run"
        ordering = ["-pk"]
        constraints = [
            # Two beats start one run, not two.
            models.UniqueConstraint(
                fields=["model_label", "field_name"],
                condition=models.Q(state__in=UNFINISHED),
                name="rendition_warmrun_one_unfinished",
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_label}.{self.field_name} #{self.pk}"

    @property
    def superseded(self) -> int:
        """Instances that were left to a save which came between, or that went."""
        return self.superseded_jobs.using(self._state.db).count()

    @property
    def outstanding(self) -> int:
        """Jobs that still belong to the run."""
        return self.jobs.using(self._state.db).count()

    @property
    def counts(self) -> dict[str, int]:
        """What became of the instances that were looked at, `planned` of them altogether."""
        return {name: getattr(self, name) for name in (*COUNTS, "superseded", "outstanding")}


class SupersededJob(models.Model):
    """One job that left its run for a save or a deletion, and will not come back.

    Saves only add rows. A count on the run's own row would be locked until the transaction of the
    save ends, which may be long: the workers that end other jobs of the run would wait for it, and
    it for them.
    """

    run = models.ForeignKey(WarmRun, on_delete=models.CASCADE, related_name="superseded_jobs")

    class Meta:
        app_label = "rendition_workers"
        verbose_name = "superseded job"

    def __str__(self) -> str:
        return f"of {self.run}"


class WarmJob(models.Model):
    """What is owed to one picture: the declared renditions of one field of one instance."""

    model_label = models.CharField("model", max_length=150)
    object_pk = models.CharField("object", max_length=OBJECT_PK_LENGTH)
    field_name = models.CharField("field", max_length=100)

    state = models.CharField(choices=JobState.choices, default=JobState.QUEUED, max_length=10)
    # Which save this is about. A worker may finish only the generation that it claimed.
    generation = models.PositiveBigIntegerField(default=1)
    # Digest of what is owed, to tell a save that changes it from one that does not.
    signature = models.CharField(max_length=64, blank=True, default="")
    # When the process that asked for it had started: who started earlier may not know what it is.
    enqueuer_started_at = models.DateTimeField(null=True)
    force = models.BooleanField(default=False)  # the original was replaced: make all again

    attempts = models.PositiveIntegerField(default=0)  # begun, in this generation
    due_at = models.DateTimeField()  # not to be claimed before; by the database's clock
    hinted_at = models.DateTimeField(null=True)  # a message was sent last; None: never

    # Exactly one worker may work on the row while its lease runs; None: nobody does.
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=64, blank=True, default="")  # of one delivery
    lease_task = models.CharField(max_length=255, blank=True, default="")  # Celery's id
    lease_worker = models.CharField(max_length=255, blank=True, default="")

    kind = models.CharField(max_length=30, blank=True, default="")  # of the last error
    error = models.TextField(blank=True, default="")
    failures = models.JSONField(default=list)  # [{"path", "kind", "reason"}] of the last attempt

    run = models.ForeignKey(WarmRun, null=True, on_delete=models.SET_NULL, related_name="jobs")
    queued_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        app_label = "rendition_workers"
        verbose_name = "warm job"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_label", "object_pk", "field_name"], name="rendition_warmjob_target"
            )
        ]
        indexes = [
            models.Index(fields=["state", "due_at"], name="rendition_warmjob_due"),
            models.Index(fields=["lease_task"], name="rendition_warmjob_task"),
        ]

    def __str__(self) -> str:
        return f"{self.model_label}.{self.field_name} of {self.object_pk}"
