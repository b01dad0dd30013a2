"""Tests over scores and maps: differences, analyses of variance, equivalence, agreement, clustering."""
