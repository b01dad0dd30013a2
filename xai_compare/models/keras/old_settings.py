"""Settings of layers that newer versions of Keras no longer know, and weights that no layer takes."""

from __future__ import annotations

import inspect
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xai_compare.errors import InputError
from xai_compare.models.keras.safety import layers_of, read_config

BASE_KEYS = {"name", "trainable", "dtype", "autocast", "activity_regularizer", "input_dim", "input_shape"}
BASE_KEYS |= {"batch_input_shape", "batch_shape", "batch_size", "shape", "sparse", "ragged", "optional"}
"""Settings that every layer, or every input, takes."""
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "groups": (1,),
    "dilation_rate": (1, [1], [1, 1], [1, 1, 1]),
    "implementation": (0, 1, 2),
}
"""Values with which a setting changes nothing; so do None and False, whatever the setting."""


@contextmanager
def without_old_settings(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """The file, or while this lasts a copy without settings that this Keras does not know and that change nothing.

    A setting that *would* change something stays, and Keras refuses it.

    Yields:
        The file to be read, and what was left out, such as ``"DepthwiseConv2D: groups=1"``.
    """
    config = json.loads(read_config(path))
    dropped = sorted({line for layer in layers_of(config) for line in _drop(layer)})
    if not dropped:
        yield path, []
        return
    with tempfile.TemporaryDirectory(prefix="xai-compare-") as folder:
        copy = Path(folder) / path.name
        _write(path, copy, json.dumps(config))
        yield copy, dropped


def unknown_settings(path: Path) -> str:
    """The settings of a file's layers that this Keras does not know and that would change something; ``""`` if none."""
    lines = []
    for layer in layers_of(json.loads(read_config(path))):
        settings, name = layer.get("config"), str(layer.get("class_name"))
        if isinstance(settings, dict) and (accepted := _accepted(name)):
            unknown = {key: value for key, value in settings.items() if key not in accepted}
            lines += [f"{name}: {key}={value}" for key, value in unknown.items() if not _is_neutral(key, value)]
    return ", ".join(sorted(set(lines)))


def _drop(layer: Mapping[str, Any]) -> list[str]:
    """Take neutral settings that the layer's class does not accept out of its configuration; what was taken."""
    settings, name = layer.get("config"), str(layer.get("class_name"))
    if not isinstance(settings, dict):
        return []
    accepted = _accepted(name)
    if not accepted:
        return []
    unknown = [key for key, value in settings.items() if key not in accepted and _is_neutral(key, value)]
    return [f"{name}: {key}={settings.pop(key)}" for key in unknown]


def _accepted(name: str) -> set[str]:
    """The settings that a layer of this Keras takes; none where it takes any, as models and wrappers do."""
    import keras

    cls = getattr(keras.layers, name, None)
    if not isinstance(cls, type) or "layer" in inspect.signature(cls).parameters:
        return set()
    own: set[str] = set()
    for base in cls.__mro__:
        if base.__module__.startswith("keras") and "__init__" in vars(base):
            own |= set(inspect.signature(vars(base)["__init__"]).parameters)
    return own | BASE_KEYS


def _is_neutral(key: str, value: object) -> bool:
    return value is None or value is False or any(value == neutral for neutral in NEUTRAL.get(key, ()))


def _write(path: Path, copy: Path, config: str) -> None:
    if not zipfile.is_zipfile(path):
        import h5py

        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = config
        return
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for info in old.infolist():
            new.writestr(info, config if info.filename == "config.json" else old.read(info))


def check_weights(network: Any, path: Path) -> None:
    """Hold what a file stores against what the network takes: Keras itself passes over weights that nothing takes.

    Raises:
        InputError: if their numbers differ.
    """
    import h5py

    def arrays(group: Any) -> list[str]:
        names: list[str] = []
        group.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        # States of random numbers are stored too, and are no weights.
        return [name for name in names if not name.startswith(("optimizer", "_")) and "seed_generator" not in name]

    if zipfile.is_zipfile(path):
        with (
            zipfile.ZipFile(path) as archive,
            archive.open("model.weights.h5") as weights,
            h5py.File(weights, "r") as file,
        ):
            stored = arrays(file)
    else:
        with h5py.File(path, "r") as file:
            stored = arrays(file["model_weights"]) if "model_weights" in file else []
    taken = len(network.weights)
    if len(stored) != taken:
        what = f"the file holds {len(stored)} arrays of weights, and the network takes {taken}"
        raise InputError(what, where=path, hint="save the whole network again with model.save()")
