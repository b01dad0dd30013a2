"""Another package: what it adds to xai_compare is a file each, named by its entry points."""
