"""The report as a stage of a run."""
