"""Pictures in, renditions out: pure functions of bytes, with no Django and no storage.

The pipeline, one module per question:

    headers       what does the file say about itself, before any decoder runs
    sources       may it be opened, and what is in it
    orientation   which way is up
    modes         which pixels are these really: palettes, grey, alpha
    deep_greys    the same of 16 and 32 bits
    strips        large pictures some rows at a time
    profiles      which of the embedded colour profiles may be used
    colour        what do the numbers mean: profiles to sRGB
    sizers        which part of the picture, and how large
    levels        which picture in hand is a rendition cut from
    resampling    the one seam to whoever moves the pixels
    filters       what else happens to the pixels
    formats       what is each format able to do, and how is it written
    animation     the same for every frame that is kept
    reels         frames as encoders want them, one at a time
    whole_image   old sizers and filters that want the whole picture
    rendering     all of it, in order
"""
