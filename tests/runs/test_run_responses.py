"""People's answers beside networks': kappas recomputed with scikit-learn, from a file and from clicks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score
from toy_study import CLASSES, asked, write_pictures

import xai_compare as xc
from xai_compare import synthetic
from xai_compare.analysis.responses import CONSISTENCY_COLUMNS, error_consistency_table
from xai_compare.errors import InputError
from xai_compare.report.data import from_run
from xai_compare.report.section import render_sections


@pytest.fixture(scope="module")
def answered(drawn: synthetic.SimulatedFaces, tmp_path_factory: pytest.TempPathFactory) -> tuple[xc.Run, pd.DataFrame]:
    """A toy study with three people's answers in a file, and clicks of two with answers of their own."""
    place = tmp_path_factory.mktemp("responses")
    folder = write_pictures(drawn, place / "faces")
    images = pd.read_csv(folder / "labels.csv")
    draws, rows = np.random.default_rng(3), []
    for person in ("ann", "bob", "cyn"):
        for image, label in zip(images["image"], images["expression"], strict=True):
            said = label if draws.random() < 0.6 else str(draws.choice(CLASSES))
            rows.append({"participant": person, "image": Path(image).stem, "answer": said.title()})
    answers = pd.DataFrame([*rows, {"participant": "dee", "image": "elsewhere.png", "answer": "fear"}])
    answers.to_csv(place / "answers.csv", index=False)
    clicks = pd.DataFrame({"participant": np.repeat(["p", "q"], len(images)), "image": [*images["image"]] * 2})
    clicks = clicks.assign(x=50.0, y=60.0, correct=draws.integers(0, 2, len(clicks)))
    pd.concat([clicks, clicks.assign(x=40.0)]).to_csv(place / "clicks.csv", index=False)
    human = [{"name": "c", "file": str(place / "clicks.csv"), "format": "clicks", "pixels_per_degree": 6}]
    study = asked(
        folder,
        explainers=["grad_cam"],
        human=human,
        responses={"file": str(place / "answers.csv"), "name": "crowd", "simulated": True},
    )
    return xc.run(study, place / "run", report=False), answers.iloc[:-1]


def test_they_are_cohens_kappas(answered: tuple[xc.Run, pd.DataFrame]) -> None:
    run, answers = answered
    table = run.table("error_consistency")
    assert tuple(table.columns) == CONSISTENCY_COLUMNS
    said = run.table("predictions").set_index("image")
    by = table.set_index(["measure", "a", "b", "participant"])
    labels = {Path(image).stem: (label, own) for image, label, own in said[["label", "predicted"]].itertuples()}
    single, pooled = {"error_consistency": [], "answers": []}, {"error_consistency": [], "answers": []}
    for person, mine in answers.groupby("participant"):
        theirs = [one.lower() for one in mine["answer"]]
        label, own = zip(*(labels[image] for image in mine["image"]), strict=True)
        sides = {
            "answers": (list(own), theirs),
            "error_consistency": (np.equal(own, label).tolist(), np.equal(theirs, label).tolist()),
        }
        for measure, (one, other) in sides.items():
            row = by.loc[(measure, "toy", "human/crowd", person)]
            assert row["kappa"] == pytest.approx(cohen_kappa_score(one, other))
            assert row["ci_low"] <= row["kappa"] <= row["ci_high"]
            assert row["note"].startswith("crowd: simulated; 9 images are few") or row["kappa"] == 0
            single[measure].append(row["kappa"])
            pooled[measure].append((one, other))
    for measure, parts_of in pooled.items():
        one, other = ([answer for part in parts_of for answer in part[i]] for i in (0, 1))
        kappa = by.loc[(measure, "toy", "human/crowd", "pooled"), "kappa"]
        assert kappa == pytest.approx(cohen_kappa_score(one, other))
        assert by.loc[(measure, "toy", "human/crowd", "mean"), "kappa"] == pytest.approx(np.mean(single[measure]))
        assert np.isfinite(by.loc[(measure, "human/crowd", "human/crowd", "mean"), "kappa"])


def test_answers_beside_clicks_count_once_a_trial(answered: tuple[xc.Run, pd.DataFrame]) -> None:
    table = answered[0].table("error_consistency")
    mine = table[(table["b"] == "human/c") & (table["a"] == "toy")]
    assert set(mine["measure"]) == {"error_consistency"}
    images = mine["images"].iloc[0]
    assert mine.set_index("participant")["trials"].to_dict() == {
        "p": images,
        "q": images,
        "pooled": 2 * images,
        "mean": 2 * images,
    }


def test_the_report_shows_them(answered: tuple[xc.Run, pd.DataFrame]) -> None:
    shown = next(one for one in render_sections(from_run(answered[0]), []) if one.name == "responses")
    titles = [listing.title for listing in shown.tables]
    assert len(titles) == 3
    assert titles[0].startswith("Do they err on the same pictures?")


def test_a_network_that_never_errs_says_so() -> None:
    images = [f"{i}.png" for i in range(24)]
    predictions = pd.DataFrame({"model": "best", "image": images, "label": "anger", "predicted": "anger"})
    said = np.where(np.arange(24) % 3, "anger", "fear")
    answers = pd.DataFrame({"participant": "ann", "image": images, "response": said, "right": pd.NA})
    table = error_consistency_table(predictions, {"human/c": answers.astype({"right": "boolean"})})
    mine = table[(table["measure"] == "error_consistency") & (table["participant"] == "ann")].iloc[0]
    assert mine["kappa"] == 0
    assert mine["note"] == "one side is always right, or always wrong: kappa is 0 whatever the other does"


def test_answers_to_no_image_of_the_study_are_refused(drawn: synthetic.SimulatedFaces, tmp_path: Path) -> None:
    folder = write_pictures(drawn, tmp_path / "faces")
    (tmp_path / "answers.csv").write_text("participant,image,response\nann,moon.png,fear\n")
    with pytest.raises(InputError, match="holds no answer to an image of the study"):
        xc.run(asked(folder, responses=str(tmp_path / "answers.csv")), tmp_path / "run")
    (tmp_path / "answers.csv").write_text("participant,image\nann,moon.png\n")
    with pytest.raises(InputError, match="no column 'response' or 'correct'"):
        xc.run(asked(folder, responses=str(tmp_path / "answers.csv")), tmp_path / "run")
