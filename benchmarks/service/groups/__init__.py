"""What each group of rows does; `measure` returns its values by name."""
