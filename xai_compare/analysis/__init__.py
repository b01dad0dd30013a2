"""What a run computes: a module or package for each subject, with its stage, its numbers and its tables."""
