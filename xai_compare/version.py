"""The version of the package, the only place where it is written."""

VERSION = "0.1.0"
