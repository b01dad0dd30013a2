"""What the plug-in tests are not to meet: the toy package registers its things where it is imported."""

collect_ignore = ["toy_plugins"]
