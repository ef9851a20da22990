import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "name",
                    models.CharField(
                        max_length=50, primary_key=True, serialize=False, verbose_name="name"
                    ),
                ),
                ("beaten_at", models.DateTimeField(verbose_name="seen at")),
            ],
            options={
                "verbose_name": "heartbeat",
                "verbose_name_plural": "heartbeats",
            },
        ),
        migrations.CreateModel(
            name="WarmRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("model_label", models.CharField(max_length=150, verbose_name="model")),
                ("field_name", models.CharField(max_length=100, verbose_name="field")),
                (
                    "force",
                    models.BooleanField(
                        default=False,
                        help_text="Make the existing renditions again, too.",
                        verbose_name="force",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("cancelled", "Cancelled"),
                            ("done", "Done"),
                        ],
                        default="running",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "declaration",
                    models.CharField(
                        blank=True, default="", max_length=24, verbose_name="declaration"
                    ),
                ),
                (
                    "enqueuer_started_at",
                    models.DateTimeField(null=True, verbose_name="start of the enqueuing process"),
                ),
                (
                    "waits_for_release",
                    models.BooleanField(
                        default=False,
                        help_text="Only workers of an older release took it. Restart them.",
                        verbose_name="waiting for a newer worker",
                    ),
                ),
                (
                    "cursor",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="last object"
                    ),
                ),
                (
                    "walked",
                    models.BooleanField(
                        default=False,
                        help_text="All objects have been looked at.",
                        verbose_name="all planned",
                    ),
                ),
                (
                    "planned",
                    models.PositiveBigIntegerField(
                        default=0, help_text="Objects looked at so far.", verbose_name="planned"
                    ),
                ),
                (
                    "created",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="Renditions were made by this run.",
                        verbose_name="created",
                    ),
                ),
                (
                    "current",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="All renditions existed already.",
                        verbose_name="current",
                    ),
                ),
                (
                    "blank",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="The object has no picture.",
                        verbose_name="without picture",
                    ),
                ),
                (
                    "failed",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="The rendition jobs show the reasons.",
                        verbose_name="failed",
                    ),
                ),
                (
                    "cancelled",
                    models.PositiveBigIntegerField(
                        default=0,
                        help_text="Not started when the run was cancelled.",
                        verbose_name="cancelled",
                    ),
                ),
                (
                    "superseded_counted",
                    models.PositiveBigIntegerField(
                        default=0, editable=False, verbose_name="superseded"
                    ),
                ),
                ("started_at", models.DateTimeField(auto_now_add=True, verbose_name="started at")),
                ("changed_at", models.DateTimeField(auto_now=True, verbose_name="changed at")),
            ],
            options={
                "verbose_name": "bulk run",
                "verbose_name_plural": "bulk runs",
                "ordering": ["-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("running", "paused"))),
                        fields=("model_label", "field_name"),
                        name="rendition_warmrun_one_unfinished",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SupersededJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="superseded_jobs",
                        to="rendition_workers.warmrun",
                        verbose_name="bulk run",
                    ),
                ),
            ],
            options={
                "verbose_name": "superseded job",
                "verbose_name_plural": "superseded jobs",
            },
        ),
        migrations.CreateModel(
            name="WarmJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("model_label", models.CharField(max_length=150, verbose_name="model")),
                ("object_pk", models.CharField(max_length=255, verbose_name="object")),
                ("field_name", models.CharField(max_length=100, verbose_name="field")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("warming", "In progress"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "generation",
                    models.PositiveBigIntegerField(default=1, verbose_name="generation"),
                ),
                (
                    "signature",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="signature"
                    ),
                ),
                (
                    "enqueuer_started_at",
                    models.DateTimeField(null=True, verbose_name="start of the enqueuing process"),
                ),
                ("force", models.BooleanField(default=False, verbose_name="force")),
                ("is_new_upload", models.BooleanField(default=False, verbose_name="new upload")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("due_at", models.DateTimeField(null=True, verbose_name="due at")),
                ("hinted_at", models.DateTimeField(null=True, verbose_name="message sent at")),
                ("lease_until", models.DateTimeField(null=True, verbose_name="claimed until")),
                (
                    "lease_token",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="lease token"
                    ),
                ),
                (
                    "lease_task",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="task"),
                ),
                (
                    "lease_worker",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="worker"),
                ),
                (
                    "kind",
                    models.CharField(blank=True, default="", max_length=30, verbose_name="kind"),
                ),
                (
                    "headline",
                    models.CharField(blank=True, default="", max_length=255, verbose_name="reason"),
                ),
                ("detail", models.TextField(blank=True, default="", verbose_name="detail")),
                ("failures", models.JSONField(default=list, verbose_name="failures")),
                (
                    "original_version",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=100,
                        verbose_name="version of the original",
                    ),
                ),
                ("queued_at", models.DateTimeField(verbose_name="queued at")),
                ("changed_at", models.DateTimeField(verbose_name="changed at")),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="jobs",
                        to="rendition_workers.warmrun",
                        verbose_name="bulk run",
                    ),
                ),
            ],
            options={
                "verbose_name": "rendition job",
                "verbose_name_plural": "rendition jobs",
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(fields=["state", "id"], name="rendition_warmjob_state"),
                    models.Index(
                        condition=models.Q(("due_at__isnull", False), ("run__isnull", True)),
                        fields=["due_at", "id"],
                        name="rendition_warmjob_due",
                    ),
                    models.Index(
                        condition=models.Q(("run__isnull", False)),
                        fields=["run", "due_at"],
                        name="rendition_warmjob_run",
                    ),
                    models.Index(
                        condition=models.Q(("kind__gt", "")),
                        fields=["kind", "id"],
                        name="rendition_warmjob_kind",
                    ),
                    models.Index(
                        condition=models.Q(("lease_until__isnull", False)),
                        fields=["lease_until"],
                        name="rendition_warmjob_leased",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("model_label", "object_pk", "field_name"),
                        name="rendition_warmjob_target",
                    )
                ],
            },
        ),
    ]
