"""`python -m xai_compare.cli`."""

from xai_compare.cli import script

script()
