"""Augmentation by hotspot shape and temperature distribution (3.3), and the classic transformations beside it."""
