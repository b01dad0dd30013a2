"""The size of the canonical face, apart from all that takes time to import."""

SHAPE = (275, 224)
"""Height and width of the canonical face, in pixels."""
