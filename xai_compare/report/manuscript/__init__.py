"""What a manuscript takes from a run: each figure by itself, at its printed size, and the sentences about it."""
