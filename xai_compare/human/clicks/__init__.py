"""Clicks, discs uncovered by clicks, the path of a mouse, and the answers of two-alternative tasks."""
