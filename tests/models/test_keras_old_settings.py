"""Files of older versions of Keras, and files whose weights are not those of the network."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from xai_compare import models
from xai_compare.errors import InputError

SPEC = {"name": "n", "classes": ["anger", "fear"], "input": {"range": [0, 1]}}


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.layers.Input((12, 12, 3)),
            keras.layers.DepthwiseConv2D(3, padding="same", activation="relu"),
            keras.layers.Conv2D(4, 3),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )


def edited(source: Path, target: Path, **settings: dict[str, object]) -> Path:
    """A copy of a Keras file whose layers of a class have further settings."""

    def changed(text: str) -> str:
        config = json.loads(text)
        for layer in config["config"]["layers"]:
            layer["config"].update(settings.get(layer["class_name"], {}))
        return json.dumps(config)

    if source.suffix == ".keras":
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
            for info in old.infolist():
                data = old.read(info)
                new.writestr(info, changed(data.decode()) if info.filename == "config.json" else data)
    else:
        target.write_bytes(source.read_bytes())
        with h5py.File(target, "r+") as file:
            file.attrs["model_config"] = changed(file.attrs["model_config"])
    return target


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_settings_that_change_nothing_are_left_out(suffix: str, tmp_path: Path) -> None:
    plain = tmp_path / f"plain{suffix}"
    network().save(plain)
    old = edited(
        plain,
        tmp_path / f"old{suffix}",
        DepthwiseConv2D={"groups": 1},
        BatchNormalization={"virtual_batch_size": None, "fused": None, "renorm": False},
        Dense={"implementation": 1},
    )
    picture = np.random.default_rng(0).integers(0, 255, (2, 12, 12, 3), dtype=np.uint8)
    expected = models.load({**SPEC, "keras": str(plain)}).predict(picture)
    loaded = models.load({**SPEC, "keras": str(old)})
    np.testing.assert_array_equal(loaded.predict(picture), expected)
    assert "DepthwiseConv2D: groups=1" in loaded.source["left_out"]
    assert np.ptp(expected, axis=0).max() > 0


@pytest.mark.parametrize("settings", [{"groups": 2}, {"no_such_setting": 7}], ids=["groups", "unknown"])
def test_settings_that_would_change_something_are_refused(settings: dict[str, object], tmp_path: Path) -> None:
    network().save(tmp_path / "plain.h5")
    old = edited(tmp_path / "plain.h5", tmp_path / "old.h5", DepthwiseConv2D=settings)
    with pytest.raises(InputError, match=f"does not know DepthwiseConv2D: {next(iter(settings))}="):
        models.load({**SPEC, "keras": str(old)})


def test_weights_that_no_layer_takes_are_refused(tmp_path: Path) -> None:
    network().save(tmp_path / "n.h5")
    with h5py.File(tmp_path / "n.h5", "r+") as file:
        file["model_weights"].create_dataset("forgotten/kernel", data=np.ones(3))
    with pytest.raises(InputError, match="the file holds 11 arrays of weights, and the network takes 10"):
        models.load({**SPEC, "keras": str(tmp_path / "n.h5")})


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_weights_that_are_missing_are_refused(suffix: str, tmp_path: Path) -> None:
    place = tmp_path / f"n{suffix}"
    network().save(place)
    if suffix == ".h5":
        with h5py.File(place, "r+") as file:
            group = file["model_weights"]
            name = next(name for name in group if name.startswith("dense"))
            del group[name]
    else:
        with zipfile.ZipFile(place) as old:
            parts = {info.filename: old.read(info) for info in old.infolist()}
        weights = tmp_path / "w.h5"
        weights.write_bytes(parts["model.weights.h5"])
        with h5py.File(weights, "r+") as file:
            del file["layers/dense/vars/1"]
        parts["model.weights.h5"] = weights.read_bytes()
        with zipfile.ZipFile(place, "w") as new:
            for filename, data in parts.items():
                new.writestr(filename, data)
    with pytest.raises(InputError, match=r"Keras cannot load the network|arrays of weights"):
        models.load({**SPEC, "keras": str(place)})


def test_the_reported_file_answers_as_the_plain_one(shared: Path) -> None:
    spec = {
        "classes": ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"],
        "input": {"range": [0, 1]},
    }
    groups, plain = (
        models.load({**spec, "keras": str(shared / "reports" / "13" / f"{n}.h5")}) for n in ("groups", "plain")
    )
    pictures = np.random.default_rng(0).integers(0, 256, (3, *plain.input.size, 3), np.uint8)
    np.testing.assert_array_equal(groups.predict(pictures), plain.predict(pictures))
