"""Keras networks, as torch layers or operation by operation."""
