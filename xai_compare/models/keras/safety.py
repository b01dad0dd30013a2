"""What a Keras file would build, read before Keras sees it, so that nothing in it can run."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from xai_compare.errors import InputError, first_line

SUFFIXES = (".h5", ".hdf5", ".keras")
_MODELS = {"Functional", "Model", "Sequential"}
_CARRIES_CODE = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "FlaxLayer", "JaxLayer", "TFOpLambda", "SlicingOpLambda"}
_CODE_VALUES = {"__lambda__", "__tensor__", "__torch_module__"}
_OWN_MODULES = {
    "layers",
    "models",
    "engine",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "dtype_policies",
    "ops",
    "random",
}
_LIMIT = 64 << 20
_MOST_LAYERS = 5000
_LARGEST = 8 << 30


def check_file(path: Path, where: str) -> None:
    """Refuse a Keras file that is damaged, holds no architecture, or names anything but Keras' own layers.

    Lambda layers carry marshalled bytecode, wrapped torch modules a pickle; neither is ever decoded here.

    Raises:
        InputError: saying which layer, or what is wrong with the file.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError("not a Keras file", where=path, hint=f"known endings: {', '.join(SUFFIXES)}")
    try:
        config = json.loads(read_config(path))
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise InputError(
            f"the Keras file cannot be read ({first_line(error)})",
            where=path,
            hint="it may be truncated or of another format",
        ) from None
    if not isinstance(config, Mapping) or config.get("class_name") not in _MODELS:
        named = config.get("class_name") if isinstance(config, Mapping) else type(config).__name__
        raise InputError(
            f"the network is a {named}, whose code is not in the file",
            where=path,
            hint="save it as a functional or sequential Keras model",
        )
    # What the network was compiled with is never built.
    config = {key: value for key, value in config.items() if key != "compile_config"}
    for entry in _walk(config):
        _check_entry(entry, path)
    layers = list(layers_of(config))
    if len(layers) > _MOST_LAYERS:
        raise InputError(f"it declares {len(layers):,} layers, more than {_MOST_LAYERS:,}", where=path)
    for layer in layers:
        _check_layer(str(layer.get("class_name")), path)


def read_config(path: Path) -> str:
    """The architecture of a Keras file, as JSON."""
    return _archive_config(path) if zipfile.is_zipfile(path) else _h5_config(path)


def _h5_config(path: Path) -> str:
    import h5py

    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
    if config is None:
        raise InputError(
            "the file holds weights but no architecture", where=path, hint="save the whole network with model.save()"
        )
    if len(config) > _LIMIT:
        raise InputError(f"its architecture is larger than {_LIMIT >> 20} MiB", where=path)
    return config.decode() if isinstance(config, bytes) else str(config)


def _archive_config(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > _LARGEST:
            raise InputError(f"the archive unpacks to more than {_LARGEST >> 30} GiB", where=path)
        if archive.getinfo("config.json").file_size > _LIMIT:
            raise InputError(f"its config.json is larger than {_LIMIT >> 20} MiB", where=path)
        return archive.read("config.json").decode()


def _walk(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping inside a JSON value, without recursion."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def layers_of(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The layers of a model's configuration, and of the models and wrappers inside it."""
    for entry in _walk(config):
        inner = entry.get("layers")
        if isinstance(inner, list):
            yield from (layer for layer in inner if isinstance(layer, Mapping))
        wrapped = entry.get("layer")
        if isinstance(wrapped, Mapping) and "class_name" in wrapped:
            yield wrapped


def _check_entry(entry: Mapping[str, Any], path: Path) -> None:
    name, module, registered = (entry.get(key) for key in ("class_name", "module", "registered_name"))
    foreign = isinstance(module, str) and isinstance(name, str) and not _own(module)
    custom = isinstance(registered, str) and ">" in registered
    if isinstance(name, str) and (name in _CARRIES_CODE | _CODE_VALUES or foreign or custom):
        _refuse(str(registered if custom else name), path)


def _own(module: str) -> bool:
    """Whether a module holds nothing but Keras' parts of networks, and no function that reads files or downloads."""
    package, *inner = module.split(".")
    inner = inner[1:] if inner[:1] == ["src"] else inner
    return module == "builtins" or (package == "keras" and (not inner or inner[0] in _OWN_MODULES))


def _check_layer(name: str, path: Path) -> None:
    import keras

    known = getattr(keras.layers, name, None)
    if name in _MODELS or (isinstance(known, type) and issubclass(known, keras.layers.Layer)):
        return
    _refuse(name, path)


def _refuse(name: str, path: Path) -> None:
    raise InputError(
        f"the network has a {name} layer, which carries code of its own, and code in a file is never run",
        where=path,
        hint="save it without, or give a factory that builds the network",
    )
