"""Small valid inputs of every command and reader, each with the call that reads them. Faces and data are simulated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from fuzzing.people import OUT, Case, people
from PIL import Image
from safetensors.torch import save_file
from scipy.io import savemat

from xai_compare import ekman, synthetic

_TRAIN = {"name": "fuzz", "network": {"zoo": "weinet"}, "data": {"manifest": "labels.csv", "cropped": True}}
_TRAIN |= {"folds": 2, "epochs": 1, "augment": "none"}


def _faces(folder: Path, people: int = 1) -> None:
    """A study of rendered faces, two of each person, its clicks and masks."""
    data = synthetic.faces(("anger", "happiness"), people, seed=2, size=(96, 96))
    synthetic.write_dataset(folder, data, n_observers=2)
    Image.fromarray(data.images[0]).save(folder / "face.png")
    (folder / "masks").mkdir()
    for name, mask in ekman.masks().items():
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / f"{name}.png")
    asked = {
        "name": "fuzz",
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": ["random"],
        "human": [{"name": "clicks", "file": "clicks.csv", "format": "clicks", "pixels_per_degree": 20}],
        "masks": "masks",
        "compare": {"bootstrap": 0},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(asked, sort_keys=False))


def _many_faces(folder: Path) -> None:
    _faces(folder, 6)


def _with_model(folder: Path, source: dict[str, Any]) -> None:
    study = yaml.safe_load((folder / "study.yaml").read_text())
    study["models"] = [{"name": "m", "classes": ["anger", "happiness"]} | source]
    (folder / "study.yaml").write_text(yaml.safe_dump(study))


def _weights(folder: Path, ending: str) -> None:
    """As `_faces`, with a network of weights of a file."""
    _faces(folder)
    torch.manual_seed(0)
    from xai_compare.models import load

    module = load({"zoo": "weinet", "weights": "random", "classes": ["anger", "happiness"], "seed": 0}).module
    state = {name: value.contiguous() for name, value in module.state_dict().items()}
    (save_file if ending == "safetensors" else torch.save)(state, folder / f"weights.{ending}")
    _with_model(folder, {"zoo": "weinet", "weights": f"weights.{ending}"})


def _onnx(folder: Path) -> None:
    """As `_faces`, with a network of one convolution as ONNX."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    _faces(folder)
    rng = np.random.default_rng(0)
    held = {"w": rng.normal(size=(4, 3, 3, 3)), "v": rng.normal(size=(4, 2)), "b": np.zeros(2)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], strides=[4, 4]), helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]), helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "v", "b"], ["y"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 64, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in held.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "net.onnx")
    _with_model(folder, {"onnx": "net.onnx", "input": {"range": [0, 1]}})


def _runs() -> list[Case]:
    run = ["run", "study.yaml", "--out", OUT, "--overwrite", "--device", "cpu"]
    explain = ["explain", "face.png", "--model", "compact", "--explainer", "random", "--out", OUT]
    check = ["check-model", "study.yaml:compact", "--manifest", "labels.csv", "--out", OUT]
    numbers = ("--device", "--seed", "--batch-size", "--workers", "--keep", "--tls", "--scheduler")
    cases = [
        Case("run", run, ("study.yaml", "labels.csv", "clicks.csv", "images/*.png", "masks/*.png"), _faces, numbers),
        Case("explain", explain, ("face.png",), _faces, ("--target", "--device", "--seed"), True),
        Case("explain, options", explain, (), _faces, ("--explainer", "--explainer", "--model")),
        Case(
            "check-model",
            check,
            ("study.yaml", "labels.csv", "images/*.png"),
            lambda f: _faces(f, 6),
            ("--most", "--root"),
        ),
    ]
    for kind, make in {
        "pt": lambda f: _weights(f, "pt"), "safetensors": lambda f: _weights(f, "safetensors"), "onnx": _onnx,
    }.items():  # fmt: skip
        call = [*explain[:2], "--model", "study.yaml:m", *explain[4:]]
        cases.append(Case(f"explain, {kind}", call, (f"*.{kind}", "study.yaml"), make))
    return cases


def _heatmaps(folder: Path) -> None:
    draws = np.random.default_rng(0)
    for name in ("maps", "arrays", "masks"):
        (folder / name).mkdir()
    for expression in ("anger", "fear"):
        for model in ("a", "b"):
            grey = draws.integers(0, 256, (275, 224), dtype=np.uint8)
            Image.fromarray(grey).save(folder / "maps" / f"{model}_{expression}_heatmap.png")
            np.save(folder / "arrays" / f"{model}_{expression}.npy", draws.random((20, 16)))
        small = np.zeros((20, 16), np.uint8)
        small[4:9, 3:9] = 255
        Image.fromarray(small).save(folder / "masks" / f"{expression}.png")
    from xai_compare.faces import CANONICAL

    points = pd.DataFrame({"landmark": range(68), "x": CANONICAL[:68, 0], "y": CANONICAL[:68, 1]})
    points.to_csv(folder / "landmarks.csv", index=False)


def _compared() -> list[Case]:
    arrays = ["--pattern", "{model}_{expression}.npy", "--masks", "masks"]
    end = ["--out", OUT, "--overwrite"]
    options = ("--pattern", "--masks", "--masks-name", "--landmarks")
    return [
        Case("compare", ["compare", "maps", "--landmarks", "landmarks.csv", *end],
             ("maps/*", "landmarks.csv", "landmarks.csv"), _heatmaps, options),
        Case("compare, arrays", ["compare", "arrays", *arrays, *end], ("arrays/*", "masks/*"), _heatmaps, options),
    ]  # fmt: skip


def _picture(path: Path, size: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path)


def _affectnet(folder: Path) -> None:
    rows = []
    for k in range(4):
        _picture(folder / "Manually_Annotated_Images" / "1" / f"{k}.jpg")
        rows.append((f"1/{k}.jpg", k, 0.1, 0.2))
    names = ["subDirectory_filePath", "expression", "valence", "arousal"]
    pd.DataFrame(rows, columns=names).to_csv(folder / "training.csv", index=False)


def _affectnet_arrays(folder: Path) -> None:
    (folder / "train_set" / "annotations").mkdir(parents=True)
    for k in range(3):
        _picture(folder / "train_set" / "images" / f"{k}.jpg")
        np.save(folder / "train_set" / "annotations" / f"{k}_exp.npy", np.array(str(k)))


def _fer2013(folder: Path) -> None:
    pixels = " ".join(str(k % 256) for k in range(48 * 48))
    rows = [(k, pixels, usage) for k, usage in enumerate(("Training", "PublicTest", "PrivateTest"))]
    pd.DataFrame(rows, columns=["emotion", "pixels", "Usage"]).to_csv(folder / "fer2013.csv", index=False)
    names = ["Usage", "Image name", "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"]
    votes = [(row[2], f"fer{k}.png", 1, 8, 0, 0, 0, 0, 0, 0, 0, 1) for k, row in enumerate(rows)]
    pd.DataFrame(votes, columns=[*names, "contempt", "unknown", "NF"]).to_csv(folder / "fer2013new.csv", index=False)


def _raf_db(folder: Path) -> None:
    (folder / "EmoLabel").mkdir()
    (folder / "EmoLabel" / "list_patition_label.txt").write_text("train_1.jpg 1\ntest_2.jpg 4\n")
    for name in ("train_1", "test_2"):
        _picture(folder / "Image" / "original" / f"{name}.jpg")


def _ck_plus(folder: Path) -> None:
    for k in (1, 9):
        _picture(folder / "cohn-kanade-images" / "S005" / "001" / f"S005_001_{k:08d}.png")
    label = folder / "Emotion" / "S005" / "001" / "S005_001_00000009_emotion.txt"
    label.parent.mkdir(parents=True)
    label.write_text("   3.0000000e+00\n")


def _named(*names: str) -> Callable[[Path], None]:
    return lambda folder: [_picture(folder / name) for name in names] and None


def _datasets() -> list[Case]:
    made: dict[str, tuple[tuple[str, ...], Callable[[Path], object]]] = {
        "affectnet": (("*.csv",), _affectnet),
        "affectnet ": (("train_set/annotations/*",), _affectnet_arrays),
        "fer2013": (("fer2013.csv",), _fer2013),
        "fer+": (("*.csv",), _fer2013),
        "raf-db": (("EmoLabel/*",), _raf_db),
        "ck+": (("Emotion/*/*/*", "cohn-kanade-images/*/*/*"), _ck_plus),
        "jaffe": (("*",), _named("KA.AN1.39.tiff", "KA.HA1.40.tiff")),
        "kdef": (("*",), _named("AF01ANS.JPG", "AM01HAS.JPG")),
        "wsefep": (("*/*",), _named("MK/MK_anger_0321.jpg", "MK/MK_joy_1.jpg")),
        "bu-4dfe": (("*/*/*",), _named("F001/Angry/000.jpg", "F001/Angry/001.jpg")),
    }
    return [
        Case(f"dataset {name}", ["dataset", name.strip(), ".", "--out", f"{OUT}/list.csv"], files, make)
        for name, (files, make) in made.items()
    ]


def _trained(folder: Path) -> None:
    rows = []
    for person in range(4):
        for expression in ("anger", "happiness"):
            _picture(folder / "images" / f"{person}_{expression}.png", 24)
            rows.append((f"images/{person}_{expression}.png", expression, f"p{person}", "made"))
    pd.DataFrame(rows, columns=["image", "expression", "subject", "dataset"]).to_csv(folder / "labels.csv", index=False)
    clicks = [("p", row[0], 5 + k, 9, 1) for row in rows for k in range(3)]
    pd.DataFrame(clicks, columns=["participant", "image", "x", "y", "correct"]).to_csv(
        folder / "clicks.csv", index=False
    )
    asked = _TRAIN | {"fine_tune": {"clicks": "clicks.csv", "radius": 4}}
    (folder / "train.yaml").write_text(yaml.safe_dump(asked, sort_keys=False))


def _pulled(folder: Path) -> None:
    """A training whose faces are found in the pictures, towards maps of a folder."""
    _faces(folder, 2)
    (folder / "maps").mkdir()
    for expression in ("anger", "happiness"):
        np.save(folder / "maps" / f"{expression}.npy", np.random.default_rng(0).random((275, 224)))
    asked = _TRAIN | {"data": {"manifest": "labels.csv"}, "towards": {"maps": "maps"}}
    (folder / "train.yaml").write_text(yaml.safe_dump(asked, sort_keys=False))


def _trainings() -> list[Case]:
    call = ["train", "train.yaml", "--out", OUT]
    return [
        Case("train", call, ("train.yaml", "labels.csv", "clicks.csv", "images/*"), _trained),
        Case("train, maps", call, ("train.yaml", "maps/*", "maps/*", "images/*.png"), _pulled),
    ]


def _clips(folder: Path, ending: str = "npz") -> None:
    from xai_compare.emotion import Clip, write_clips

    rng = np.random.default_rng(0)
    names = ("sadness", "happiness", "anger")
    held = [
        Clip(f"c{k}", f"p{k % 4}", rng.integers(0, 256, (3, 16, 16, 3), np.uint8), rng.random((9, 5), np.float32),
             rng.random((9, 2), np.float32)) for k in range(8)
    ]  # fmt: skip
    labels = {"er": [names[k % 3] for k in range(8)], "fer": [names[k % 2] for k in range(8)], "simulated": True,
              "er_valence": rng.uniform(-1, 1, 8), "fer_intensity": 1}  # fmt: skip
    write_clips(folder, pd.DataFrame(labels), held, [f"e{k}" for k in range(5)])
    if ending == "parquet":
        table = pd.read_csv(folder / "clips.csv")
        for k, clip in enumerate(held):
            assert clip.eye is not None
            values = pd.DataFrame(clip.eye, columns=[f"e{j}" for j in range(5)])
            values[["fixation_x", "fixation_y"]] = clip.fixation
            values.to_parquet(folder / "clips" / f"c{k}.parquet")
            _picture(folder / "clips" / f"c{k}" / "0.png", 16)
        table["file"] = [f"clips/c{k}.parquet" for k in range(8)]
        table.to_csv(folder / "clips.csv", index=False)


def _seed_iv(folder: Path) -> None:
    place = folder / "eye_feature_smooth" / "1"
    place.mkdir(parents=True)
    for person in (1, 2):
        savemat(place / f"{person}_2016.mat", {f"eye_{k}": np.ones((31, 4)) * k for k in range(1, 5)})


def _mahnob(folder: Path) -> None:
    header = ["Timestamp", "GazePointXLeft", "GazePointYLeft", "PupilLeft", "PupilRight", "DistanceLeft",
              "DistanceRight", "ValidityLeft", "ValidityRight"]  # fmt: skip
    for k in (1, 2):
        place = folder / "Sessions" / str(k)
        place.mkdir(parents=True)
        rows = ["\t".join(map(str, [20 * j, 600 + j, 400, 3.1, 3.2, 600, 600, 0, 0])) for j in range(40)]
        (place / "P1-Rec1-All-Data-x.tsv").write_text("\n".join(["Export", "\t".join(header), *rows]) + "\n")
        about = f'<session feltEmo="{k}" feltVlnc="5" feltArsl="3"><subject id="{k}"/></session>'
        (place / "session.xml").write_text(about)


def _emotions() -> list[Case]:
    sizes = ["--frames", "2", "--steps", "4", "--side", "16", "--folds", "2", "--epochs", "1"]
    numbers = ("folds", "epochs", "batch", "rate", "weight-decay", "frames", "steps", "side", "seed", "train-noise")
    texts = ("test-noise", "protocol", "setting", "by", "backbone", "layout")
    options = tuple(f"--{name}" for name in (*numbers, *texts))
    call = ["emotion", ".", "--out", OUT]
    read = (*["clips.csv"] * 2, "eye_features.csv", *["clips/*"] * 3, "clips/*/*")
    cases = [
        Case("emotion, gap", [*call, "--only-gap"], ("clips.csv",), _clips),
        Case("emotion", [*call, *sizes], read, _clips, options),
        Case("emotion, parquet", [*call, *sizes], read, lambda f: _clips(f, "parquet")),
    ]
    for layout, files, make in (
        ("seed_iv", ("eye_feature_smooth/1/*",), _seed_iv),
        ("mahnob", ("Sessions/*/*",), _mahnob),
    ):
        more = ["--setting", "eye", "--layout", layout, *sizes, "--alone"]
        cases.append(Case(f"emotion, {layout}", [*call, *more], files, make))
    return cases


def cases() -> list[Case]:
    """Every command and reader."""
    return [*people(), *_runs(), *_compared(), *_datasets(), *_trainings(), *_emotions()]
