"""One module for each class of faults: the options of its service, and the faults."""
