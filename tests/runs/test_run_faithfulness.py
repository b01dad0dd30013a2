"""Faithfulness as part of a run: a sample, each explainer beside the random map, resumable, told by the tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests
from toy_study import NETWORK, asked, maps_of, write_pictures

import xai_compare as xc
from xai_compare import explainers, synthetic
from xai_compare.analysis.faithfulness import stage as faithfulness
from xai_compare.analysis.faithfulness.stage import sample
from xai_compare.analysis.faithfulness.tables import COLUMNS, CONTROLS, SCORES
from xai_compare.errors import InputError
from xai_compare.explainers.faithfulness import curves, drops, edges, infidelity, rectangles, reseeded, unexplained
from xai_compare.explainers.methods.random import RandomMap
from xai_compare.faces import standardize
from xai_compare.faces.warp import inverse_warp, unwarp
from xai_compare.report.data import from_run
from xai_compare.report.section import render_sections
from xai_compare.runs.estimate import estimate
from xai_compare.runs.inspection import status, verify
from xai_compare.runs.worker import Worker

WANTED = {"images": 5, "steps": 8, "rectangles": 16, "retest": 3}


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faithfulness, "PART", 2)


@pytest.fixture(scope="module")
def faces_folder(drawn: synthetic.SimulatedFaces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_pictures(drawn, tmp_path_factory.mktemp("judged") / "faces")
    table = pd.read_csv(folder / "labels.csv")
    table["region"] = [f"region_{name}" if i % 3 else "" for i, name in enumerate(table["image"])]
    table.to_csv(folder / "labels.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def judged(faces_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faithfulness, "PART", 2)
        place = tmp_path_factory.mktemp("judged_run") / "run"
        return xc.run(asked(faces_folder, faithfulness=WANTED), place, report=False)


def test_every_score_stands_beside_the_random_maps(judged: xc.Run) -> None:
    table = judged.faithfulness
    assert list(zip(table["explainer"], table["score"], strict=True)) == [
        (explainer, score) for explainer in ("grad_cam", "random") for score in SCORES
    ]
    assert (table["model"] == "toy").all()
    np.testing.assert_allclose(table["difference"], table["mean"] - table["control_mean"], atol=1e-12)
    inside = table.dropna(subset="ci_low")
    assert (inside["ci_low"] <= inside["difference"] + 1e-9).all()
    assert (inside["difference"] <= inside["ci_high"] + 1e-9).all()
    plain = ~table["score"].str.startswith("known") & (table["score"] != "parameter_randomization")
    assert (table.loc[plain, "n"] == 5).all()
    assert (table.loc[table["score"].str.startswith("known"), "n"] < 5).all()
    known = table.loc[table["score"] == "known_auc", "note"]
    assert known.str.contains("the region is known in").all()
    # The study's own random explainer is the control: only the store's 16 bits stand between them.
    same = table[(table["explainer"] == "random") & (table["score"] != "parameter_randomization")]
    np.testing.assert_allclose(same["difference"], 0, atol=0.02)
    forgot = table[table["score"] == "parameter_randomization"].set_index("explainer")
    assert (forgot["control"] == "the same explainer again").all()
    assert (table.loc[table["score"] != "parameter_randomization", "control"] == "random map").all()
    # Random maps do not depend on the network, and change altogether when they are drawn once more.
    assert forgot.at["random", "mean"] == pytest.approx(0, abs=1e-3)
    assert forgot.at["random", "control_mean"] > 0.5
    assert forgot.at["random", "n"] == 3
    assert forgot.at["random", "note"].startswith("explained once more: 3 of 5 pictures")
    assert forgot.at["grad_cam", "mean"] > 0.1
    assert forgot.at["grad_cam", "control_mean"] == 0
    assert forgot.at["grad_cam", "n"] == 5
    curve = judged.faithfulness_curves
    assert len(curve) == 2 * 2 * 9
    assert judged.provenance["faithfulness"]["pictures"]["toy"] == _sampled(judged)
    assert (judged.dir / "tables" / "faithfulness.csv").is_file()


def _sampled(run: xc.Run) -> list[str]:
    items = [{"image": image, "group": label} for image, label in run.images[["image", "expression"]].to_numpy()]
    return [items[i]["image"] for i in sample(items, 5, run.study.seed)]


def test_a_sample_goes_round_the_expressions_and_grows() -> None:
    items = [{"image": f"{group}{i}", "group": group} for group in ("fear", "anger") for i in range(6)]
    items += [{"image": "happy0", "group": "happiness"}]
    some, more = sample(items, 5, 3), sample(items, 9, 3)
    assert [items[i]["group"] for i in some] == ["anger", "fear", "happiness", "anger", "fear"]
    assert more[:5] == some
    assert sample(items, 5, 4) != some
    assert sorted(sample(items, 99, 3)) == list(range(13))


def test_stored_maps_judge_as_the_explainers_own(judged: xc.Run, faces_folder: Path) -> None:
    worker = Worker(judged.study, "cpu", allow_code=True)
    model, images = worker.model(0), _sampled(judged)
    pictures, landmarks = worker.inputs(0, images)
    targets = [str(worker.pictures.rows.at[image, "expression"]) for image in images]
    maps = explainers.create("grad_cam")(model, pictures, targets)
    back = unwarp(standardize(maps, landmarks), inverse_warp(landmarks, model.input.size))
    assert np.median(np.abs(back - maps)) < 0.03 * np.ptp(maps)
    own = curves(model, pictures, maps, targets, steps=8)
    table = judged.faithfulness.set_index(["explainer", "score"])["mean"]
    assert table["grad_cam", "deletion"] == pytest.approx(own.deletion_area.mean(), abs=0.01)
    assert table["grad_cam", "insertion"] == pytest.approx(own.insertion_area.mean(), abs=0.01)
    told = infidelity(model, pictures, maps, targets, n=16, seed=judged.study.seed)
    assert table["grad_cam", "infidelity"] == pytest.approx(told.mean(), abs=0.03)
    boxes = rectangles(model.input.size, 16, seed=judged.study.seed)
    np.testing.assert_array_equal(unexplained(maps, boxes, drops(model, pictures, boxes, targets)), told)


def test_further_controls_are_of_no_network_or_of_another_picture(judged: xc.Run, faces_folder: Path) -> None:
    table = judged.table("faithfulness_controls")
    assert tuple(table.columns) == COLUMNS
    assert list(dict.fromkeys(table["control"])) == list(CONTROLS.values())
    assert set(table["score"]) == set(SCORES) - {"parameter_randomization"}
    np.testing.assert_allclose(table["difference"], table["mean"] - table["control_mean"], atol=1e-12)
    known = table["p"].notna().to_numpy()
    expected = multipletests(table.loc[known, "p"], method="holm")[1]
    np.testing.assert_allclose(table.loc[known, "p_adjusted"], expected)
    worker = Worker(judged.study, "cpu", allow_code=True)
    model, images = worker.model(0), _sampled(judged)
    pictures, landmarks = worker.inputs(0, images)
    targets = [str(worker.pictures.rows.at[image, "expression"]) for image in images]
    sharp = unwarp(standardize(edges(pictures), landmarks), inverse_warp(landmarks, model.input.size))
    told = table.set_index(["explainer", "control", "score"])["control_mean"]
    area = curves(model, pictures, sharp, targets, steps=8).deletion_area.mean()
    assert told["grad_cam", CONTROLS["edges"], "deletion"] == pytest.approx(area)
    assert told["random", CONTROLS["edges"], "deletion"] == pytest.approx(area)
    maps = maps_of(judged, "toy/grad_cam")
    # Parts hold two pictures, so that each is judged by its neighbour's map; the fifth has no neighbour.
    swapped = np.stack([maps[images[i]] for i in (1, 0, 3, 2)])
    back = unwarp(swapped, inverse_warp(landmarks[:4], model.input.size))
    area = curves(model, pictures[:4], back, targets[:4], steps=8).deletion_area.mean()
    assert told["grad_cam", CONTROLS["other picture"], "deletion"] == pytest.approx(area, abs=0.01)
    n = table.set_index(["explainer", "control", "score"])["n"]
    assert n["grad_cam", CONTROLS["other picture"], "deletion"] == 4
    assert n["grad_cam", CONTROLS["face prior"], "deletion"] == 5


def test_edges_are_where_grey_values_change() -> None:
    picture = np.zeros((1, 20, 16, 3), np.uint8)
    picture[:, :, 8:] = (90, 90, 90)
    found = edges(picture)[0]
    assert found.shape == (20, 16)
    assert found[:, 7:9] == pytest.approx(4 * 90, rel=1e-5)
    assert not found[:, :7].any()
    assert not found[:, 9:].any()


def test_another_seed_and_nothing_else() -> None:
    lime = explainers.create("lime", n_samples=40, seed=3)
    other = reseeded(lime)
    assert other is not None
    assert other.options.model_dump() == lime.options.model_dump() | {"seed": 4}
    assert lime.options.seed == 3
    assert reseeded(explainers.create("grad_cam")) is None


def test_a_stopped_judgement_goes_on_to_the_same_bits(
    judged: xc.Run, faces_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, calls = asked(faces_folder, faithfulness=WANTED), iter(range(99))
    original = RandomMap.explain_batch

    def stopping(self: RandomMap, model: object, batch: object) -> object:
        if next(calls) == 3:  # One call makes all nine maps; the third part's control is the fourth or fifth.
            raise KeyboardInterrupt
        return original(self, model, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(RandomMap, "explain_batch", stopping)
    with pytest.raises(KeyboardInterrupt):
        xc.run(study, tmp_path / "run", report=False)
    monkeypatch.undo()
    monkeypatch.setattr(faithfulness, "PART", 2)
    row = status(tmp_path / "run").set_index("source").loc["toy: faithfulness"]
    assert 0 < row["done"] < row["maps"] == 15
    kept = (tmp_path / "run" / "records/faithfulness.jsonl").read_bytes()
    run = xc.run(study, tmp_path / "run", report=False)
    pd.testing.assert_frame_equal(run.faithfulness, judged.faithfulness, check_exact=True)
    pd.testing.assert_frame_equal(run.faithfulness_curves, judged.faithfulness_curves, check_exact=True)
    assert (tmp_path / "run" / "records/faithfulness.jsonl").read_bytes().startswith(kept)
    assert verify(run.dir).empty
    done = (run.dir / "records/faithfulness.jsonl").stat().st_mtime_ns
    xc.run(study, tmp_path / "run", report=False)
    assert (run.dir / "records/faithfulness.jsonl").stat().st_mtime_ns == done


def test_damage_is_found_and_mended(faces_folder: Path, tmp_path: Path) -> None:
    study = asked(
        faces_folder, explainers=["random"], faithfulness={**WANTED, "images": 2, "parameter_randomization": False}
    )
    run = xc.run(study, tmp_path / "run", report=False)
    assert "parameter_randomization" not in set(run.faithfulness["score"])
    file = run.dir / "records/faithfulness.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[-1]["outcome"]["scores"]["deletion"][0] = 0.0
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert sorted(verify(run.dir)["problem"]) == ["damaged record", "does not match its checksum"]
    again = xc.run(study, tmp_path / "run", report=False)
    pd.testing.assert_frame_equal(again.faithfulness, run.faithfulness, check_exact=True)
    more = asked(
        faces_folder, explainers=["random"], faithfulness={**WANTED, "images": 4, "parameter_randomization": False}
    )
    grown = xc.run(more, tmp_path / "run", overwrite=True, report=False)
    assert grown.faithfulness["n"].max() == 4
    none = xc.run(asked(faces_folder, explainers=["random"]), tmp_path / "run", overwrite=True, report=False)
    assert none.faithfulness.empty
    assert not file.exists()
    assert not (run.dir / "tables" / "faithfulness.csv").exists()


def test_undefined_maps_are_counted_and_named(faces_folder: Path, tmp_path: Path) -> None:
    model = {**NETWORK, "factory": "toy_networks:dark", "options": {"class_without_evidence": 1}}
    study = asked(faces_folder, models=[model], explainers=["grad_cam"], faithfulness=WANTED)
    table = xc.run(study, tmp_path / "run", report=False).faithfulness.set_index("score")
    assert (table.loc[["deletion", "infidelity", "parameter_randomization"], "n"] == 3).all()
    assert table["note"].str.contains(r"left out: 2: happiness\d.png \(the map is constant\)").any()


def test_the_study_key(faces_folder: Path) -> None:
    assert asked(faces_folder).faithfulness is None
    assert asked(faces_folder, faithfulness=False).faithfulness is None
    assert asked(faces_folder, faithfulness=True).faithfulness == asked(faces_folder, faithfulness={}).faithfulness
    with pytest.raises(InputError, match=r"unknown key 'faithfulness\.step'"):
        asked(faces_folder, faithfulness={"step": 3})
    steps = estimate(asked(faces_folder, faithfulness=WANTED), "cpu", allow_code=True).set_index("step")
    # Curves of two explainers and the control, the rectangles, and each explainer once more.
    again = sum(steps.at[name, "forward passes"] / 9 for name in ("grad_cam", "random"))
    assert steps.at["faithfulness", "forward passes"] == 5 * (7 * 16 + 17 + again)
    bare = estimate(asked(faces_folder, faithfulness={**WANTED, "controls": False}), "cpu", allow_code=True)
    assert bare.set_index("step").at["faithfulness", "forward passes"] == 5 * (3 * 16 + 17 + again)


def test_the_section_of_controls_says_which_are_beaten(judged: xc.Run) -> None:
    (part,) = [part for part in render_sections(from_run(judged), []) if part.name == "controls"]
    table = judged.table("faithfulness_controls")
    (listing,) = part.tables
    assert len(listing.rows) == 2 * 3
    assert [row[1].text for row in listing.rows[:3]] == list(CONTROLS.values())
    first = table[(table["explainer"] == "grad_cam") & (table["control"] == listing.rows[0][1].text)].set_index("score")
    shown = listing.rows[0][2].text
    assert shown.startswith(f"{first.loc['deletion', 'mean']:.2f} | {first.loc['deletion', 'control_mean']:.2f}")
    bold = sum(cell.strong for row in listing.rows for cell in row)
    sign = np.where(table["better"] == "low", -1, 1)
    assert bold == int(((table["p_adjusted"] < 0.05) & (table["difference"] * sign > 0)).sum())
    assert "against the edges of the picture" in part.findings[0]
