"""A module for each class of faults: how the service is set up, and what is done to it."""
