"""What networks use of the face's parts: recomputed from the explainer, and people's shares from their maps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from toy_study import asked, maps_of, write_pictures

import xai_compare as xc
from xai_compare import synthetic
from xai_compare.analysis.interactions import PAIRS, VALUES, pair_rows, value_rows
from xai_compare.faces import CANONICAL, SHAPE
from xai_compare.faces.areas import PARTS, face_parts
from xai_compare.report.data import from_run
from xai_compare.report.section import render_sections


@pytest.fixture(scope="module")
def ran(drawn: synthetic.SimulatedFaces, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    place = tmp_path_factory.mktemp("parts")
    folder = write_pictures(drawn, place / "faces")
    images = pd.read_csv(folder / "labels.csv")["image"]
    draws = np.random.default_rng(0)
    clicks = pd.DataFrame({"participant": np.repeat(["p", "q", "r"], len(images)), "image": [*images] * 3})
    clicks = clicks.assign(x=draws.uniform(30, 90, len(clicks)), y=draws.uniform(30, 90, len(clicks)))
    clicks.to_csv(place / "clicks.csv", index=False)
    human = [{"name": "c", "file": str(place / "clicks.csv"), "format": "clicks", "pixels_per_degree": 6}]
    study = asked(folder, explainers=["random"], human=human, interactions={"images": 5})
    return xc.run(study, place / "run", report=False)


def test_values_add_up_to_the_whole_faces_probability(ran: xc.Run) -> None:
    table = ran.table("part_values")
    assert tuple(table.columns) == VALUES
    own = table[(table["kind"] == "model") & (table["expression"] == "all")]
    assert own["part"].tolist() == list(PARTS)
    assert own["n"].eq(5).all()
    np.testing.assert_allclose(own["share"].sum(), 1, atol=1e-9)
    np.testing.assert_allclose(own["size"].sum(), 1, atol=1e-9)
    assert (own["value_low"] <= own["value"]).all()
    assert (own["value"] <= own["value_high"]).all()
    pairs = ran.table("part_interactions")
    assert tuple(pairs.columns) == PAIRS
    assert len(pairs[pairs["expression"] == "all"]) == 2 * 28


def test_peoples_shares_are_those_of_their_maps(ran: xc.Run) -> None:
    table = ran.table("part_values")
    own = table[(table["kind"] == "human") & (table["expression"] == "all")].set_index("part")
    (source,) = set(own["source"])
    maps = maps_of(ran, source)
    areas = face_parts(CANONICAL[:68], SHAPE)
    for part in PARTS:
        shares = [one[areas.mask(part)].sum() / one.sum() for one in maps.values()]
        # Maps are stored in half precision at the least.
        assert own.loc[part, "share"] == pytest.approx(np.mean(shares), abs=1e-3)
        assert np.isnan(own.loc[part, "value"])


def test_the_page_shows_them(ran: xc.Run) -> None:
    sections = {section.name: section for section in render_sections(from_run(ran), [])}
    section = sections["parts"]
    assert [figure.name for figure in section.figures] == ["parts", "part-interactions"]
    assert section.findings
    assert all(len(row) == len(PARTS) + 2 for table in section.tables for row in table.rows)


def test_means_and_intervals_are_students() -> None:
    from scipy import stats

    draws = np.random.default_rng(1)
    size = np.full(8, 0.125)
    names = ("values", "interactions", "faithful_interactions")
    shapes = ((8,), (8, 8), (8, 8))
    pictures = {
        f"{k}.png": ("fear", {"size": size, **{n: draws.normal(size=s) for n, s in zip(names, shapes, strict=True)}})
        for k in range(6)
    }
    row = dict(zip(VALUES, value_rows("net", "model", pictures)[3], strict=True))
    numbers = [one["values"][3] for _, one in pictures.values()]
    low, high = stats.t.interval(0.95, 5, np.mean(numbers), stats.sem(numbers))
    assert (row["value"], row["value_low"], row["value_high"]) == pytest.approx((np.mean(numbers), low, high))
    pair = dict(zip(PAIRS, pair_rows("net", pictures)[0], strict=True))
    assert (pair["a"], pair["b"], pair["index"]) == ("eyes", "brows", "SII")
    assert pair["value"] == pytest.approx(np.mean([one["interactions"][0, 1] for _, one in pictures.values()]))


def test_too_few_pictures_have_no_interval() -> None:
    numbers = {"size": np.full(8, 0.125), "share": np.full(8, 0.125)}
    rows = value_rows("people", "human", {"a": ("fear", numbers), "b": ("fear", numbers)})
    assert np.isnan(dict(zip(VALUES, rows[0], strict=True))["share_low"])
