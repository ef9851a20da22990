"""A second site over the photos of the gallery: pages that show pictures in every way."""
