"""What several subjects read: the maps of a run as they are compared, and people's own maps."""
