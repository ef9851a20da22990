"""The cost of django-renditions and of other packages, measured in one interleaved run."""
