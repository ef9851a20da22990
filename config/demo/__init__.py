"""`make demo`: the whole service on one machine, with nothing else to install."""
