"""What clips of faces and eyes came to: the gap, how well networks read it, and a page, in one directory."""

from xai_compare.report.emotion.writing import write

__all__ = ["write"]
