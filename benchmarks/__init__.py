"""What django-renditions costs, beside others, measured in one interleaved run."""
