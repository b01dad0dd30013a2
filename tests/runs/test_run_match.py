"""Networks against people on the very same pictures, where their mean maps would be of different ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from toy_study import asked, maps_of, score

import xai_compare as xc
from xai_compare.report.data import from_run
from xai_compare.report.sections.people import other_pictures

PEOPLE = {"name": "c", "file": "c.csv", "format": "clicks", "pixels_per_degree": 6}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, drawn: object) -> dict[str, xc.Run]:
    """Clicks on two of three faces of each expression, matched by pictures and by labels."""
    from toy_study import write_pictures

    place = tmp_path_factory.mktemp("match")
    folder = write_pictures(drawn, place / "faces")  # type: ignore[arg-type]
    images = pd.read_csv(folder / "labels.csv")["image"]
    rng = np.random.default_rng(2)
    clicks = [
        (person, image, *rng.uniform(20, 90, 2).round(1), order)
        for person in ("a", "b", "c")
        for i, image in enumerate(images)
        if i >= 3  # One face of each expression is left out.
        for order in (1, 2)
    ]
    table = pd.DataFrame(clicks, columns=["participant", "image", "x", "y", "order"])
    table.to_csv(place / "c.csv", index=False)
    people = [{**PEOPLE, "file": str(place / "c.csv")}]
    made = {}
    for match in ("pictures", "labels"):
        study = asked(folder, human=people, compare={"bootstrap": 8, "match": match})
        made[match] = xc.run(study, place / match, report=False)
    return made


def _means(run: xc.Run) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Each single map of the network and of the people, scaled as it enters a mean."""
    ours, theirs = maps_of(run, "toy/grad_cam"), maps_of(run, "human/c")
    rows = run.table("maps").query("source == 'toy/grad_cam'").set_index("image")
    scaled = {i: (m - rows.at[i, "low"]) / (rows.at[i, "high"] - rows.at[i, "low"]) for i, m in ours.items()}
    return scaled, {image: one / one.sum(dtype=float) for image, one in theirs.items()}


def test_scores_are_of_the_pictures_that_both_have(runs: dict[str, xc.Run]) -> None:
    run = runs["pictures"]
    ours, theirs = _means(run)
    labels = run.table("maps").query("source == 'human/c'").set_index("image")["group"]
    for expression in ("anger", "happiness", "surprise"):
        both = [image for image in labels.index[labels == expression] if image in ours]
        mean = [np.mean([maps[image] for image in both], axis=0).ravel() for maps in (ours, theirs)]
        row = score(run, "pearson", "toy/grad_cam", "human/c", expression)
        assert row["value"] == pytest.approx(np.corrcoef(*mean)[0, 1], abs=1e-5)  # float32 maps
        assert row["n"] == len(both) == 2
        assert row["note"].endswith("on the 2 pictures that both have (of 3 and 2)")


def test_by_labels_all_that_each_has_is_compared(runs: dict[str, xc.Run]) -> None:
    run, matched = runs["labels"], runs["pictures"]
    ours = run.heatmaps.heatmap.sel(source="toy/grad_cam", expression="anger", fold="all").to_numpy().ravel()
    theirs = run.heatmaps.heatmap.sel(source="human/c", expression="anger", fold="all").to_numpy().ravel()
    row = score(run, "pearson", "toy/grad_cam", "human/c", "anger")
    assert row["value"] == pytest.approx(np.corrcoef(ours, theirs)[0, 1], abs=1e-5)
    assert "both have" not in row["note"]
    # All that has nothing to do with these people is the same to the last digit.
    rest = [one.scores[one.scores["b"] != "human/c"].reset_index(drop=True) for one in (run, matched)]
    pd.testing.assert_frame_equal(*[one.drop(columns="p_adjusted") for one in rest])
    assert len(run.scores) == len(matched.scores)


@pytest.mark.parametrize(
    ("match", "start"),
    [("pictures", "Compared on the pictures that both have"), ("labels", "These mean maps are of different pictures")],
)
def test_the_page_says_which_pictures(runs: dict[str, xc.Run], match: str, start: str) -> None:
    data = from_run(runs[match])
    (sentence,) = other_pictures(data, data.by_name["human/c"])
    assert sentence.startswith(start)
    assert "anger (toy: 3; c: 2; both: 2)" in sentence
