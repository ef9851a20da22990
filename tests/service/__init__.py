"""The one harness that starts processes for the tests.

Smoke, chaos, browser, demo and docs tests use it. Every process that it starts is killed when the
tests end, also when they are killed themselves.
"""
