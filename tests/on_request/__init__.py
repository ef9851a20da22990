"""The view behind a 404 of the media path, on real web servers of several processes."""
