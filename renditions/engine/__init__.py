"""Make renditions, tell whether they are made, adopt existing files, and delete files."""
