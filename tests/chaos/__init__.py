"""A real service under faults, and a check that every promise was kept.

    python -m tests.chaos --seed 1 --database sqlite --fault kills
    python -m tests.chaos --fault kills --without atomic-publish      # must report broken promises

A run starts two Valkeys (broker and cache), a database, workers, beat, a web server if a fault
needs pages, and a reader of every rendition. It saves pictures, injects faults of one class in an
order that the seed decides, waits until the service has recovered by itself, and checks the result.
`faults/` has one module for each class.
"""
