"""Which rendition to make, from which original, at which path. Pure values, without Django."""
