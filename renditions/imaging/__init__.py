"""Pictures in, renditions out: pure functions of bytes, with no Django and no storage.

The pipeline, one module per question:

    headers       what does the file say about itself, before any decoder runs
    sources       may it be opened, and what is in it
    integrity     is it all there, and do two pictures show the same
    orientation   which way is up
    modes         which pixels are these really: palettes, grey, alpha, high bit depths
    colour        what do the numbers mean: profiles to sRGB
    sizers        which part of the picture, and how large
    pyramid       which picture in hand is a rendition cut from
    resampling    the one seam to whoever moves the pixels
    filters       what else happens to the pixels
    formats       what can each output format hold, and with which options is it written
    encoding      a picture becomes a file
    animation     the same for every frame that is kept
    full_size     sizers and filters that make a whole file from the whole picture
    rendering     all of it, in order
"""
