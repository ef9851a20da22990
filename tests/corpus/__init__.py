"""Test pictures of Pillow, and files made to do harm, rendered in child processes."""
