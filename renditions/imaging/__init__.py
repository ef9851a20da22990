"""Pictures in, renditions out: pure functions of bytes, without Django and without a storage.

One module for each question, in the order in which a picture meets them:

    headers       what does the file say about itself, before a decoder runs
    sources       may it be opened, and what is in it
    integrity     is it complete, and do two pictures show the same
    orientation   which way is up
    modes         which pixels are these: palettes, alpha, high bit depths
    colour        which colours do the values mean: ICC profiles to sRGB
    animation     which frames are there, and when is each shown
    geometry      sizes, boxes and focal points
    sizers        which part of the picture, and how large
    filters       what else is done to the pixels
    recipes       sizer, filter and format of one rendition
    pyramid       which smaller picture is a rendition cut from
    resampling    who computes the pixels: SIMD or Pillow
    formats       what can each output format hold, and which options does it take
    encoding      how does a picture become a file
    pipeline      which steps make a rendition, in which order
    full_size     the picture for sizers and filters that make a whole file themselves
    rendering     all of it, for one original
"""
