"""Nothing is lost: real processes, real faults, and somebody who counts.

    python -m tests.chaos --seed 1 --database sqlite --fault kills
    python -m tests.chaos --fault kills --without atomic-publish      # must not end with zeros

A run starts two Valkeys (broker and cache), a database, workers, beat, a web server where somebody
asks for pages, and a reader of every rendition; it saves pictures, injects one class of faults from
a seed, lets the service heal by itself, and judges what is there in the end. `faults/` has a module
for each class.
"""
