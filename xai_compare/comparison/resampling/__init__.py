"""How far a score would move with other images: resamples, the bootstrap, intervals, and what is drawn."""
