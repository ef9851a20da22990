"""The service's own model, its pages and its API."""
