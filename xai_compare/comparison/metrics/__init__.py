"""The metrics, one family a file; a new file here, or an entry point of another package, is found by itself."""
