"""What a run computes: each subject with its stage, its numbers and its tables."""
