"""Repeated measures and mixed models, against statsmodels, pingouin and known variances."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pingouin
import pytest
from statsmodels.stats.anova import AnovaRM

from xai_compare.comparison.statistics.factorial import (
    ANOVA_COLUMNS,
    MIXED_COLUMNS,
    complete_cells,
    mixed_model,
    repeated_anova,
)
from xai_compare.errors import InputError


def scores(images: int = 18, seed: int = 0, people: int = 1) -> pd.DataFrame:
    """Simulated scores: pictures differ, explainers differ, networks do not; expressions differ between pictures."""
    rng = np.random.default_rng(seed)
    easy, keen = rng.normal(0, 0.3, images), rng.normal(0, 0.2, people)
    rows = []
    for i, explainer, network, p in product(range(images), ("cam", "lime", "ep"), ("one", "two"), range(people)):
        value = easy[i] + keen[p] + 0.2 * (explainer == "lime") + 0.3 * (i % 3 == 0) + rng.normal(0, 0.15)
        rows.append((f"i{i:02d}", f"e{i % 3}", explainer, network, f"p{p}", value))
    return pd.DataFrame(rows, columns=["image", "expression", "explainer", "network", "person", "value"])


def test_it_is_statsmodels_analysis_of_repeated_measures() -> None:
    table = scores()
    found = repeated_anova(table, "image", ["explainer", "network"]).set_index("effect")
    expected = AnovaRM(table, "value", "image", within=["explainer", "network"]).fit().anova_table
    assert list(found.reset_index().columns) == list(ANOVA_COLUMNS)
    for effect, row in expected.iterrows():
        mine = found.loc[effect]
        np.testing.assert_allclose(mine[["f", "df", "df_error", "p"]].astype(float), row.to_numpy(), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_epsilon_and_effect_sizes_are_pingouins() -> None:
    table = scores()
    found = repeated_anova(table, "image", ["explainer", "network"]).set_index("effect")
    expected = pingouin.rm_anova(table, "value", ["explainer", "network"], "image", effsize="ng2", detailed=True)
    for effect, row in zip(("explainer", "network", "explainer:network"), expected.to_dict("records"), strict=True):
        assert found.loc[effect, "epsilon"] == pytest.approx(row["eps"], rel=1e-6)
        assert found.loc[effect, "generalized_eta_squared"] == pytest.approx(row["ng2"], rel=1e-6)
    one = repeated_anova(table[table["network"] == "one"], "image", ["explainer"]).iloc[0]
    alone = pingouin.rm_anova(table[table["network"] == "one"], "value", "explainer", "image", correction=True)
    corrected = next(column for column in alone if "GG" in column.upper())
    assert one["p_corrected"] == pytest.approx(float(alone[corrected].iloc[0]), rel=1e-5)


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_a_factor_between_pictures_makes_a_split_plot() -> None:
    table = scores()
    one = table[table["network"] == "one"]
    found = repeated_anova(one, "image", ["explainer"], "expression").set_index("effect")
    expected = pingouin.mixed_anova(one, "value", "explainer", "image", "expression").set_index("Source")
    pairs = {"expression": "expression", "explainer": "explainer", "expression:explainer": "Interaction"}
    for effect, source in pairs.items():
        assert found.loc[effect, "f"] == pytest.approx(expected.loc[source, "F"], rel=1e-9)
        assert found.loc[effect, "partial_eta_squared"] == pytest.approx(expected.loc[source, "np2"], rel=1e-9)


def test_pictures_with_a_missing_cell_are_left_out() -> None:
    table = scores()
    table.loc[3, "value"] = np.nan
    found = repeated_anova(table, "image", ["explainer", "network"])
    whole = repeated_anova(table[table["image"] != "i00"], "image", ["explainer", "network"])
    assert (found["units"] == 17).all()
    pd.testing.assert_frame_equal(found, whole)
    assert len(complete_cells(table, "image", ["explainer"])) == 18


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"within": ["person"]}, "at least two levels"),
        ({"unit": "person", "within": ["explainer"]}, "1 of 1 units"),
        ({"unit": "explainer", "within": ["network"], "between": "expression"}, "several levels of 'expression'"),
    ],
)
def test_what_cannot_be_analysed_says_why(change: dict, says: str) -> None:
    asked = {"unit": "image", "within": ["explainer"]} | change
    with pytest.raises(InputError, match=says):
        repeated_anova(scores(), **asked)


def test_a_mixed_model_finds_its_variances() -> None:
    table = scores(images=40, people=25, seed=3)
    found = mixed_model(table, ["explainer", "network"], ["image", "person"])
    assert list(found.columns) == list(MIXED_COLUMNS)
    fixed = found[found["kind"] == "fixed"].set_index("effect")
    assert list(fixed.index) == ["explainer", "network", "explainer:network"]
    assert fixed["df"].tolist() == [2, 1, 2]
    assert fixed.loc["explainer", "p"] < 1e-10
    assert fixed.loc["network", "p"] > 0.001
    shares = found[found["kind"] == "variance"].set_index("effect")["value"]
    truth = {"image": 0.09 + 0.3**2 * 2 / 9, "person": 0.04, "rest": 0.15**2}
    for name, variance in truth.items():
        assert shares[name] == pytest.approx(variance / sum(truth.values()), abs=0.12)
    assert shares.sum() == pytest.approx(1)


def test_of_balanced_scores_the_mixed_model_is_the_analysis_of_repeated_measures() -> None:
    table = scores()
    one = table[table["network"] == "one"]
    mixed = mixed_model(one, ["explainer"], ["image"])
    repeated = repeated_anova(one, "image", ["explainer"])
    assert mixed["chi2"].iloc[0] / 2 == pytest.approx(repeated["f"].iloc[0], rel=1e-3)


def test_models_that_cannot_be_fitted_say_why() -> None:
    table = scores(images=6)
    with pytest.raises(InputError, match="'person' has fewer than 3 levels"):
        mixed_model(table, ["explainer"], ["image", "person"])
    with pytest.raises(InputError, match="no fixed factor"):
        mixed_model(table[table["explainer"] == "cam"], ["explainer"], ["image"])
    lacking = table[(table["explainer"] != "cam") | (table["network"] != "one")]
    with pytest.raises(InputError, match="every combination"):
        mixed_model(lacking, ["explainer", "network"], ["image"])
    assert len(mixed_model(lacking, ["explainer", "network"], ["image"], interactions=False)) == 6
