"""Study files: whatever is wrong is said in one line that names the file, the key, the value and the hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from xai_compare.errors import InputError
from xai_compare.study import Study

BASE = """
name: toy
images: {manifest: faces/labels.csv}
models:
  - {name: net, keras: nets/m.hdf5, classes: [angry, happy], input: {size: 64, channels: grey, range: [-1, 1]}}
explainers: [cam, {lime: {n_samples: 10}}]
human:
  - {name: clicks, file: clicks.csv, format: clicks, pixels_per_degree: 30}
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "study.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        Study.load(path)
    line = str(error.value)
    assert "\n" not in line
    assert "pydantic" not in line
    assert line.startswith(str(path))
    return line


def test_defaults_and_aliases(tmp_path: Path) -> None:
    study = Study.load(write(tmp_path, BASE))
    assert (study.name, study.seed, study.masks) == ("toy", 0, "ekman")
    assert study.models[0].classes == ["anger", "happiness"]
    assert [(e.name, e.label, e.options) for e in study.explainers] == [
        ("cam", "cam", {}),
        ("lime", "lime", {"n_samples": 10}),
    ]
    assert study.images.choose_by == "predicted"
    assert study.compare.correlation == ["uncentred", "pearson"]
    assert (study.compare.thresholds.iou, study.compare.thresholds.dice, study.compare.bootstrap) == ("otsu", 50, 2000)


def test_paths_are_relative_to_the_study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    write(folder, BASE + "masks: own masks\n")
    monkeypatch.chdir(tmp_path)
    study = Study.load("deep/er/study.yaml")
    assert study.images.manifest == folder / "faces/labels.csv"
    assert study.images.root == folder / "faces"
    assert study.models[0].keras == str(folder / "nets/m.hdf5")
    assert study.human[0].file == [str(folder / "clicks.csv")]
    assert study.masks == folder / "own masks"


def test_absolute_paths_and_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    text = BASE.replace("faces/labels.csv", "/data/labels.csv, root: ~/faces")
    study = Study.load(write(tmp_path, text))
    assert study.images.manifest == Path("/data/labels.csv")
    assert study.images.root == tmp_path / "me" / "faces"


@pytest.mark.parametrize("weights", ["random", "pretrained"])
def test_words_for_weights_are_no_paths(tmp_path: Path, weights: str) -> None:
    text = BASE.replace("keras: nets/m.hdf5", f"timm: resnet18, weights: {weights}")
    assert Study.load(write(tmp_path, text)).models[0].weights == weights


def test_weights_are_relative_to_the_study_file(tmp_path: Path) -> None:
    text = BASE.replace("keras: nets/m.hdf5", "timm: resnet18, weights: best.safetensors")
    assert Study.load(write(tmp_path, text)).models[0].weights == str(tmp_path / "best.safetensors")


RICH = """
name: Gesichter – 表情
seed: 7
note: 'true'
images: {folder: f, per_expression: 3, choose_by: label, pairs: true, margin: 1.5, max_pixels: 1000}
models:
  - {name: a, factory: 'm:f', classes: [sad, surprise], input: {size: [64, 48], mean: [0.5], std: [2]}, fold: 1}
  - {name: a, factory: "m:f", fold: '02', split: 2, seed: 3, output: logits, options: {width: 2, deep: {er: [1, null]}}}
explainers:
  - {lime: {n_samples: 10, label: few}}
  - {name: lime, label: many, options: {n_samples: 100}}
  - {random: null}
human:
  - {name: g, file: ['a*.csv', b.csv], format: fixations, weights: duration, only_correct: true, simulated: true,
     screen: {size_cm: [38, 30.4], distance_cm: 60, resolution: [1280, 1024]}, sigma_degrees: 0.5}
masks: null
compare: {scaling: positive, thresholds: {dice: 12.5}, correlation: [pearson], bootstrap: 0}
"""


@pytest.mark.parametrize("text", [BASE, RICH], ids=["plain", "rich"])
def test_the_resolved_study_asks_the_same(tmp_path: Path, text: str) -> None:
    study = Study.load(write(tmp_path, text))
    elsewhere = tmp_path / "run"
    elsewhere.mkdir()
    again = Study.load(write(elsewhere, study.dump()))
    assert again == study
    assert again.fingerprint() == study.fingerprint()
    assert again.dump() == study.dump()
    assert "bootstrap" in study.dump()


def test_any_change_changes_the_fingerprint(tmp_path: Path) -> None:
    study = Study.load(write(tmp_path, BASE))
    changed = [
        BASE.replace("n_samples: 10", "n_samples: 11"),
        BASE + "seed: 1\n",
        BASE.replace("size: 64", "size: 48"),
        BASE.replace("[cam, ", "["),
    ]
    prints = {Study.load(write(tmp_path, text)).fingerprint() for text in changed}
    assert len(prints | {study.fingerprint()}) == len(changed) + 1


def test_order_of_keys_and_layout_do_not_matter(tmp_path: Path) -> None:
    turned = BASE.replace("{size: 64, channels: grey, range: [-1, 1]}", "{range: [-1, 1], size: 64, channels: 'grey'}")
    first = Study.load(write(tmp_path, BASE)).fingerprint()
    assert Study.load(write(tmp_path, "# a comment\n" + turned)).fingerprint() == first


@pytest.mark.parametrize(
    ("old", "new", "key", "hint"),
    [
        ("name: toy", "nmae: toy", "'nmae'", "did you mean 'name'?"),
        ("images:", "imges:", "'imges'", "did you mean 'images'?"),
        ("manifest:", "manifset:", "'images.manifset'", "did you mean 'manifest'?"),
        ("keras:", "kears:", "'models.0.kears'", "did you mean 'keras'?"),
        ("channels:", "chanels:", "'models.0.input.chanels'", "did you mean 'channels'?"),
        ("format:", "fromat:", "'human.0.fromat'", "did you mean 'format'?"),
        ("pixels_per_degree: 30", "screen: {size: [1, 2]}", "'human.0.screen.size'", "did you mean 'size_cm'?"),
        ("name: toy", "name: toy\ncompare: {botstrap: 3}", "'compare.botstrap'", "did you mean 'bootstrap'?"),
        ("name: toy", "name: toy\ncompare: {thresholds: {ios: otsu}}", "'compare.thresholds.ios'", "'iou'"),
        ("[cam, ", "[{name: cam, opitons: {}}, ", "opitons", "did you mean 'options'?"),
    ],
)
def test_a_misspelt_key_is_named_with_its_nearest(tmp_path: Path, old: str, new: str, key: str, hint: str) -> None:
    line = refused(write(tmp_path, BASE.replace(old, new, 1)))
    assert "unknown key" in line
    assert key in line
    assert hint in line


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: toy", "name: [a]", "'name'"),
        ("name: toy", "name: 2026", "'name' = 2026"),
        ("name: toy\n", "", "'name' is missing"),
        ("images: {manifest: faces/labels.csv}\n", "", "'images' is missing"),
        ("manifest: faces/labels.csv", "", "name either a manifest or a folder"),
        ("manifest: faces/labels.csv", "manifest: a, folder: b", "name either a manifest or a folder"),
        ("labels.csv}", "labels.csv, per_expression: 0}", "'images.per_expression' = 0"),
        ("labels.csv}", "labels.csv, per_expression: -3}", "'images.per_expression' = -3"),
        ("labels.csv}", "labels.csv, per_expression: many}", "'images.per_expression' = 'many'"),
        ("labels.csv}", "labels.csv, choose_by: luck}", "'predicted' or 'label'"),
        ("labels.csv}", "labels.csv, pairs: true}", "pairs needs choose_by: label"),
        ("labels.csv}", "labels.csv, margin: .nan}", "images.margin"),
        ("name: toy", "name: toy\nseed: -1", "'seed' = -1"),
        ("name: toy", "name: toy\nseed: 1.5", "'seed' = 1.5"),
        ("name: toy", "name: toy\nseed: 99999999999", "'seed'"),
        ("name: toy", "name: toy\ncompare: {bootstrap: -5}", "'compare.bootstrap' = -5"),
        ("name: toy", "name: toy\ncompare: {thresholds: {dice: 300}}", "'compare.thresholds.dice' = 300"),
        ("name: toy", "name: toy\ncompare: {thresholds: {iou: 50}}", "'compare.thresholds.iou' = 50"),
        ("name: toy", "name: toy\ncompare: {correlation: [spearman]}", "'spearman'"),
        ("name: toy", "name: toy\ncompare: {scaling: max}", "'compare.scaling' = 'max'"),
        ("name: net", "name: a/b", "'models.0.name' = 'a/b'"),
        ("name: net", "name: ''", "'models.0.name' = ''"),
        ("classes: [angry, happy]", "classes: [angry, hapy]", "unknown expression 'hapy'"),
        ("classes: [angry, happy]", "classes: angry", "'models.0.classes' = 'angry'"),
        ("channels: grey", "channels: cmyk", "'models.0.input.channels' = 'cmyk'"),
        ("range: [-1, 1]", "range: [1]", "models.0.input.range"),
        ("size: 64", "size: big", "models.0.input.size"),
        ("pixels_per_degree: 30", "pixels_per_degree: 0", "'human.0.pixels_per_degree' = 0"),
        ("format: clicks", "sigma_degrees: 1", "'human.0.format' is missing"),
        ("[cam, ", "[5, ", "explainers.0"),
        ("[cam, ", "[{cam: 5}, ", "explainers.0"),
        ("[cam, ", "[{cam: [1, 2]}, ", "explainers.0"),
        ("[cam, ", "[{}, ", "explainers.0"),
        ("explainers: [cam, {lime: {n_samples: 10}}]", "explainers: cam", "explainers"),
        ("explainers: [cam, {lime: {n_samples: 10}}]", "explainers: [cam, cam]", "'cam' names two explainers"),
        ("- {name: clicks,", "- {name: clicks, file: x, format: y}\n  - {name: clicks,", "names two human sources"),
        ("models:", "models:\n  - {name: net, bundled: x}", "'net' names two models"),
        ("- {name: net, ", "- {3: net, ", "models.0"),
        ("name: toy", "name: toy\n5: x", "5"),
        ("manifest: faces/labels.csv", "manifest: ~nobody-here/x.csv", "nobody-here"),
        ("manifest: faces/labels.csv", 'manifest: "a\\0b.csv"', "null character"),
    ],
)
def test_every_mistake_is_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in BASE
    assert says in refused(write(tmp_path, BASE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be a mapping"),
        ("- a\n- b\n", "must be a mapping"),
        ("just words", "must be a mapping"),
        ("name: [", "not valid YAML"),
        ("a: b: c", "not valid YAML"),
        ("\tname: x", "not valid YAML"),
        (b"name: \xff\xfe", "not valid YAML"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not valid YAML"),
        ("name: a\n---\nname: b", "not valid YAML"),
        ("name: *nobody", "not valid YAML"),
        ("a: " + "[" * 5000, "not valid YAML"),
        (BASE + "name: again\n", "'name' is there twice"),
        (BASE.replace("size: 64", "size: 64, size: 48"), "'size' is there twice"),
    ],
    ids=[
        "empty",
        "list",
        "words",
        "bracket",
        "colons",
        "tab",
        "not UTF-8",
        "picture",
        "two documents",
        "no anchor",
        "deep",
        "repeated key",
        "repeated inner key",
    ],
)
def test_what_is_no_study(tmp_path: Path, text: str | bytes, says: str) -> None:
    assert says in refused(write(tmp_path, text))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            Study.load(path)


@pytest.mark.parametrize(
    "tag",
    [
        '!!python/object/apply:os.system ["touch {file}"]',
        '!!python/object/new:os.system ["touch {file}"]',
        "!!python/name:os.system",
        "!!python/module:os",
        "!own {a: 1}",
    ],
)
def test_tags_run_nothing(tmp_path: Path, tag: str) -> None:
    file = tmp_path / "made"
    assert "not valid YAML" in refused(write(tmp_path, BASE + f"note: {tag.replace('{file}', str(file))}\n"))
    assert not file.exists()


def bomb(depth: int = 40) -> str:
    lines = ["&a0 [x, x]"] + [f"&a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, depth)]
    return "[" + ", ".join(lines) + "]"


@pytest.mark.parametrize(
    "text",
    [
        BASE + f"note: {bomb()}\n",
        BASE.replace("n_samples: 10", f"n_samples: {bomb()}"),
        BASE.replace("n_samples: 10", "n_samples: &me [*me]"),
        BASE.replace("name: net,", f"name: net, options: {{a: {bomb()}}},"),
        BASE.replace("name: net,", "name: net, options: &o {a: *o},"),
        BASE.replace("explainers:", "explainers: &e [*e]\nnote:"),
    ],
    ids=["in a text", "in options", "itself in options", "in a model", "itself in a model", "itself"],
)
def test_bombs_and_loops_end_at_once(tmp_path: Path, text: str) -> None:
    assert len(refused(write(tmp_path, text))) < 1000


def test_plain_aliases_are_welcome(tmp_path: Path) -> None:
    text = BASE.replace("[angry, happy]", "&c [angry, happy]").replace(
        "explainers:", "  - {name: other, timm: resnet18, classes: *c}\nexplainers:"
    )
    assert Study.load(write(tmp_path, text)).models[1].classes == ["anger", "happiness"]


def test_parse_takes_what_python_has(tmp_path: Path) -> None:
    study = Study.parse({"name": "a", "images": {"folder": tmp_path}, "explainers": ["cam"]})
    assert study.images.folder == tmp_path
    with pytest.raises(InputError, match=r"^study: unknown key 'nam'"):
        Study.parse({"nam": "a", "images": {"folder": tmp_path}})


def test_a_key_of_an_earlier_version_is_answered_with_its_new_name() -> None:
    study = {"name": "a", "images": {"folder": "faces"}, "faithfulness": {"forgetting": True}}
    with pytest.raises(InputError, match=r"unknown key 'faithfulness.forgetting'; it is called 'parameter_random"):
        Study.parse(study)


def test_statistics_of_an_earlier_version_are_asked_for_by_tests() -> None:
    study = {"name": "a", "images": {"folder": "faces"}, "compare": {"statistics": {"metric": "dice"}}}
    with pytest.raises(InputError, match=r"unknown key 'compare.statistics'; it is called 'tests' now"):
        Study.parse(study)
    Study.parse({**study, "compare": {"statistics": None}})
