"""Packages that only some studies need, and the command that installs them."""

from __future__ import annotations

from importlib.util import find_spec

from xai_compare.errors import InputError

EXTRAS: dict[str, tuple[str, ...]] = {
    "keras": ("keras", "h5py"),
    "onnx": ("onnx", "onnx2torch", "onnxruntime"),
    "hf": ("transformers",),
    "train": ("lightning",),
    "cluster": ("dask", "distributed"),
    "gaze": ("remodnav", "multimatch-gaze"),
}
"""Each extra of this package, and the packages that it installs (as in setup.cfg)."""


def require(*packages: str, where: object | None = None) -> None:
    """Ask for packages of `EXTRAS` before they are imported.

    Args:
        packages: by the names under which they are installed.
        where: what needs them, for the message.

    Raises:
        InputError: for the first that is not installed, with the command that installs it.
    """
    for package in packages:
        if not installed(package):
            extra = next(name for name, members in EXTRAS.items() if package in members)
            raise InputError(f"{package} is not installed", where=where, hint=install_command(extra))


def installed(package: str) -> bool:
    """Whether a package can be imported; it is looked up, not imported.

    >>> installed("numpy"), installed("no-such-package")
    (True, False)
    """
    try:
        return find_spec(package.replace("-", "_")) is not None
    except ImportError:
        return False


def install_command(extra: str) -> str:
    """The command that installs an extra.

    >>> install_command("keras")
    "pip install 'xai-compare[keras]'"
    """
    return f"pip install 'xai-compare[{extra}]'"
