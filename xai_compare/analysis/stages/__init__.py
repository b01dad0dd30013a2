"""The stages of a run, a file each; see `xai_compare.runs.stage`."""
