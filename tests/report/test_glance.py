"""What the page says at a glance, and that it does not flatter: right answers, controls, people, single pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_fakes import FakeRun, make_run
from test_page import Reader

from xai_compare import report
from xai_compare.analysis.responses import NEVER_ERRS
from xai_compare.faces import CANONICAL, SHAPE, standardize
from xai_compare.report import SECTIONS
from xai_compare.report.data import ReportData, from_run
from xai_compare.report.examples import Example, standard
from xai_compare.report.ranking import baseline_sentence, beside_baseline
from xai_compare.report.score_table import ranking, score_listings, score_tables
from xai_compare.report.sections.recognition import answers, mistaken, rates
from xai_compare.report.study_summary import question, single_person_notices, study_summary

EXPRESSIONS = ("anger", "fear", "surprise")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FakeRun:
    """Two networks, LIME and a random control, one simulated person; the second network is wrong about surprise."""
    made = make_run(
        tmp_path_factory.mktemp("glance"), ["good", "bad"], ["lime", "random"], ["clicks"], expressions=EXPRESSIONS
    )
    answered = [
        (model, f"{label}{i}.png", label, "fear" if wrong else label)
        for model in ("good", "bad")
        for label in EXPRESSIONS
        for i in range(8)
        for wrong in [(model == "bad" and label == "surprise") or (i == 0 and label == "anger")]
    ]
    predictions = pd.DataFrame(answered, columns=["model", "image", "label", "predicted"])
    maps = [
        {"source": f"{row.model}/{e}", "kind": "model", "group": row.label, **row._asdict()}
        for row in predictions.itertuples(index=False)
        for e in ("lime", "random")
    ]
    people = {"source": "human/clicks", "kind": "human", "image": "fear0.png", "participants": 1, "points": 5}
    provenance = {
        **made.provenance,
        "controls": ["random"],
        "people": {"clicks": {"sigma_px": 24.0, "participants": 1}},
    }
    table = pd.DataFrame([*maps, people, {**people, "image": "fear1.png", "points": 8}])
    return replace(made, provenance=provenance, maps_table=table, more={"predictions": predictions})


@pytest.fixture(scope="module")
def data(run: FakeRun) -> ReportData:
    return from_run(run)


@pytest.fixture(scope="module")
def page(run: FakeRun) -> str:
    return report.build(run).read_text("utf-8")


def test_accuracy_and_recall_are_counted(data: ReportData) -> None:
    found = rates(answers(data)).set_index(["network", "expression"])
    assert found.loc[("good", "all"), "rate"] == pytest.approx(23 / 24)
    assert found.loc[("bad", "surprise"), "rate"] == 0
    assert found.loc[("bad", "anger"), "rate"] == pytest.approx(7 / 8)
    assert found["pictures"].tolist() == [8, 8, 8, 24] * 2
    # Wilson's interval of 7 of 8 (Newcombe 1998, method 3).
    row = found.loc[("bad", "anger")]
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.5291, 0.9776), abs=1e-4)


def test_a_picture_that_several_trainings_saw_counts_once() -> None:
    table = pd.DataFrame(
        {"network": "n", "image": ["a", "a", "b"], "label": "fear", "predicted": ["fear", "anger", "fear"]}
    )
    whole = rates(table).set_index("expression").loc["all"]
    assert (whole["pictures"], whole["rate"]) == (2, 0.75)


def test_maps_of_wrong_answers_are_warned_of(data: ReportData, page: str) -> None:
    (line,) = mistaken(data)
    assert line.startswith("bad was wrong about most of the pictures behind its maps of surprise (8 of 8)")
    head = page[: page.index("<nav")]
    assert line in head
    assert "See the warning below" in head


def test_a_network_that_saw_hardly_a_picture_is_not_in_the_headline(data: ReportData) -> None:
    table = data.table("predictions")
    lonely = pd.concat([table[table["model"] == "good"], table[table["model"] == "bad"].head(1)])
    (said,) = SECTIONS.get("recognition")().headlines(
        replace(data, read=lambda name: lonely if name == "predictions" else pd.DataFrame())
    )
    assert (said.number, said.label) == ("96 %", "Accuracy")
    assert said.sentence.endswith("Too few labelled pictures for bad (1).")


def test_a_study_without_labels_has_no_accuracy(data: ReportData) -> None:
    bare = replace(data, read=lambda name: pd.DataFrame())
    assert not SECTIONS.get("recognition")().applies(bare)
    unlabelled = data.table("predictions").assign(label="")
    assert not SECTIONS.get("recognition")().applies(replace(data, read=lambda name: unlabelled))


def test_the_confusion_table_counts_labels_by_row(data: ReportData) -> None:
    _, _, bad = SECTIONS.get("recognition")().tables(data)
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in bad.rows}
    assert list(bad.columns[1:]) == ["Anger", "Fear", "Surprise"]
    assert rows == {"anger": ["7", "1", "0"], "fear": ["0", "8", "0"], "surprise": ["0", "8", "0"]}


def test_a_control_is_shown_and_never_ranked(data: ReportData) -> None:
    for metric, b in (("iou", "ekman"), ("dice", "human/clicks")):
        tables = score_tables(data, metric, b)
        assert {name.split("/")[1] for name, *_ in ranking(tables)} == {"lime"}
        (listing,) = score_listings(tables, data, "Scores")
        rows = dict(zip((row[0].text for row in listing.rows), listing.kinds, strict=True))
        assert rows["good · random (control)"] == "people"
        assert not any(cell.strong for row in listing.rows if "control" in row[0].text for cell in row)
    boxes = SECTIONS.get("people")().figures(data)[0].figure
    assert "random" not in " ".join(text.get_text() for text in boxes.axes[0].get_xticklabels())
    assert "as one explainer shows it" in question(data)


def test_the_best_score_is_set_beside_maps_that_know_nothing(data: ReportData) -> None:
    nulls = pd.DataFrame(
        {"metric": "iou", "a": "good/lime", "b": "ekman", "expression": EXPRESSIONS, "null": "whole", "mean": 0.9}
    )
    found = replace(data, read=lambda name: nulls if name == "nulls" else pd.DataFrame())
    text = baseline_sentence(found, "iou", "ekman", "good/lime")
    assert text.startswith("Maps that ignore the expression score as high or higher: the whole face 0.90")
    assert "the control random" in text
    assert beside_baseline(found, "iou", "ekman", "good/lime", EXPRESSIONS) == (
        "below a map that ignores the expression (0.90)"
    )
    (card,) = SECTIONS.get("iou")().headlines(replace(found, scores=found.scores[found.scores["a"] != "bad/lime"]))
    assert card.label == "Mean IoU with the masks"
    assert card.beside == "below a map that ignores the expression (0.90)"
    low = replace(found, read=lambda name: nulls.assign(mean=0.0) if name == "nulls" else pd.DataFrame())
    scores = low.scores.assign(value=np.where(low.scores["a"].str.endswith("random"), 0.0, low.scores["value"]))
    assert baseline_sentence(replace(low, scores=scores), "iou", "ekman", "good/lime").startswith("For comparison")


def test_fewer_than_three_pictures_enter_no_mean_and_are_never_the_highest(data: ReportData) -> None:
    scores = data.scores.copy()
    of_good = (scores["metric"] == "iou") & (scores["a"] == "good/lime") & (scores["expression"] == "anger")
    scores.loc[of_good, ["value", "n"]] = 0.99, 2
    (table,) = score_tables(replace(data, scores=scores), "iou", "ekman")
    networks = table.values.loc[["good/lime", "bad/lime"]]
    assert table.values.at["good/lime", "anger"] == 0.99
    assert not table.is_best("good/lime", "anger")
    assert networks.at["good/lime", "average"] == pytest.approx(networks.loc["good/lime", ["fear", "surprise"]].mean())
    assert table.values.at["average", "anger"] == networks.at["bad/lime", "anger"]
    assert {name: expressions for name, _, expressions in ranking([table])}["good/lime"] == ["fear", "surprise"]
    (listing,) = score_listings([table], data, "Scores")
    assert next(row[1].text for row in listing.rows if row[0].text.startswith("good")).endswith("0.9900*")
    assert "fewer than three pictures (*)" in listing.note
    lonely = scores.assign(n=2)
    assert SECTIONS.get("iou")().headlines(replace(data, scores=lonely)) == []


def test_agreement_of_people_is_set_beside_a_blob_and_a_ceiling(data: ReportData) -> None:
    row = {
        "metric": "pearson",
        "a": "human/clicks",
        "b": "human/gaze",
        "expression": "all",
        "fold": "all",
        "value": 0.94,
    }
    row |= {"floor": 0.96, "floor_kind": "prior", "ceiling_low": 0.84, "ceiling_high": 0.99}
    people = [replace(data.by_name["human/clicks"], name=f"human/{name}", model=name) for name in ("clicks", "gaze")]
    nulls = pd.DataFrame({"null": ["prior", "surrogate"], "mean": [0.96, 0.03], "q95": [np.nan, 0.75]})
    nulls = nulls.assign(metric="pearson", a="human/clicks", b="human/gaze", expression="all")
    two = replace(
        data,
        sources=tuple(people),
        maps={(person.name, "all"): np.zeros((4, 4)) for person in people},
        scores=pd.DataFrame([row]),
        read=lambda name: nulls if name == "nulls" else pd.DataFrame(),
    )
    (said,) = SECTIONS.get("pairs")().headlines(two)
    assert "correlate with r = 0.94" in said.sentence
    assert "score as high or higher: a blob over the face 0.96" in said.sentence
    assert "one in twenty equally smooth random maps more than 0.75" in said.sentence
    assert (
        said.beside == "below a blob over the face (0.96)"
        or said.beside == "below a map that ignores the expression (0.96)"
    )
    assert "One person of gaze agrees with the others at 0.84 on average" in said.sentence
    assert said.sentence.endswith("The score lies between these.")
    exceeding = replace(two, scores=pd.DataFrame([{**row, "value": 0.995}]))
    (said,) = SECTIONS.get("pairs")().headlines(exceeding)
    assert said.sentence.endswith("The score lies above both, so that neither is a limit.")


def test_without_mistakes_there_is_nothing_to_compare(data: ReportData) -> None:
    table = pd.DataFrame(
        {"measure": "error_consistency", "a": ["good", "bad"], "b": "human/clicks", "participant": "pooled"}
    )
    table = table.assign(kappa=[0.0, 0.3], ci_low=0.0, ci_high=[0.0, 0.5], trials=9, images=9)
    table["note"] = [f"clicks: simulated; {NEVER_ERRS}", "clicks: simulated"]
    told = replace(data, read=lambda name: table if name == "error_consistency" else pd.DataFrame())
    section = SECTIONS.get("responses")()
    assert [line[:42] for line in section.findings(told)] == ["On the pictures that good and the people o"]
    (listing,) = section.tables(told)
    assert [[row[0].text, row[-1].text] for row in listing.rows] == [["bad", ""]]


def test_people_are_described_and_one_person_is_remarked_upon(run: FakeRun, page: str) -> None:
    people = dict(study_summary(run))["People"]
    for words in ("one participant", "6.5 points per picture", "1° (standard deviation, 24 pixels)", "right and wrong"):
        assert words in people
    assert "is a single simulated person" in single_person_notices(run)[0]
    assert single_person_notices(run)[0] in page
    several = {**run.provenance, "people": {"clicks": {"participants": 12}}}
    assert single_person_notices(replace(run, provenance=several)) == []


def test_each_number_stands_once_and_scores_are_text(page: str, run: FakeRun) -> None:
    captions = re.findall(r"<caption>(.*?)</caption>", page)
    assert sum("IoU with" in caption for caption in captions) == 1
    assert sum("Dice with" in caption for caption in captions) == 1
    assert not (run.dir / "figures" / "iou_table.png").exists()
    assert "--shade: 1.00" in page


def test_explainers_fold_without_scripts(page: str) -> None:
    folds = [tag for tag in Reader(page).of("details") if tag.get("class") == "fold"]
    assert sum("open" in tag for tag in folds) >= 1
    assert sum("open" not in tag for tag in folds) >= 3
    for words in (
        "<summary>LIME</summary>",
        "<summary>random (control)</summary>",
        "position: sticky",
        "@page { size: A4",
    ):
        assert words in page
    assert "<script" not in page


def example(**changes: Any) -> Example:
    face = np.full((*SHAPE, 3), 120, np.uint8)
    maps = {"lime": np.linspace(-1, 1, SHAPE[0] * SHAPE[1]).reshape(SHAPE), "random": np.ones(SHAPE)}
    return Example("good", "a.png", "fear", "fear", "anger", face, maps, True, **changes)


def test_single_pictures_say_what_was_answered(data: ReportData) -> None:
    section = SECTIONS.get("examples")()
    assert not section.applies(data)
    (picture,) = section.figures(replace(data, load_examples=lambda: [example()]))
    texts = [text.get_text() for text in picture.figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    assert any("labelled fear,\nanswered anger" in text for text in texts)
    assert any("random (control)" in text for text in texts)
    assert any("signed" in text for text in texts)


def test_a_face_is_moved_as_maps_are() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (90, 80, 3), dtype=np.uint8)
    points = CANONICAL[:68] * [79 / 223, 89 / 274] + rng.normal(0, 0.5, (68, 2))
    ours, exact = standard(picture, points), standardize(picture[None], points[None])[0]
    assert np.abs(ours - exact).max() <= 0.51


def test_a_sheet_with_more_sources_than_expressions_is_turned_and_fills_its_width(run: FakeRun) -> None:
    wide = SECTIONS.get("heatmaps")().figures(from_run(run))[0].figure
    assert wide.get_size_inches()[0] >= 7.4
    assert wide.get_size_inches()[0] > wide.get_size_inches()[1]


def test_people_alone_stand_once_and_without_words_about_networks(tmp_path: Path) -> None:
    made = make_run(tmp_path, [], [], ["clicks", "gaze"], known=False, expressions=("fear",))
    page = report.build(made).read_text("utf-8")
    drawn = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert "people_clicks_vs_gaze" in drawn
    assert not drawn & {"heatmaps", "overlay"}
    for words in ("<dt>Networks</dt>", "<dt>Scaling</dt>", "A heatmap is what an explainer says"):
        assert words not in page
    assert "Normalised correlation (uncentred): " in page
