"""Gaze: from the samples of an eye tracker to fixations and saccades."""
