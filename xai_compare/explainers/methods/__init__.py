"""The explainers of this package: one file for each, called as it is."""
