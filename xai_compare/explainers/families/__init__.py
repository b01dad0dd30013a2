"""Families of explainers, each a prefix such as ``captum:``; one file for each, called as its prefix."""
