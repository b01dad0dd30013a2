"""The gap: counts by hand, kappa and correlations against other libraries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.multitest import multipletests

from xai_compare.agreement import cohen_kappa
from xai_compare.emotion import CLASSES, Clips, agreement, confusion, eye_correlations, published
from xai_compare.errors import InputError


def test_confusion_rows_are_shares_of_each_self_report(clips: Clips) -> None:
    table = confusion(clips)
    assert table.index.tolist() == list(CLASSES)
    np.testing.assert_allclose(table[list(CLASSES)].sum(axis=1), 1)
    fear = clips.table["er"] == "fear"
    assert table.loc["fear", "anger"] == pytest.approx((clips.table["fer"][fear] == "anger").mean())
    assert table.loc["fear", "n"] == fear.sum()


def test_kappa_is_scikit_learns(clips: Clips) -> None:
    found = agreement(clips, n=50).set_index(["measure", "of"])
    assert found.loc[("kappa", "7 classes"), "value"] == pytest.approx(
        cohen_kappa_score(clips.table["er"], clips.table["fer"])
    )
    assert found.loc[("kappa", "3 classes"), "value"] == pytest.approx(
        cohen_kappa_score(clips.table["er_coarse"], clips.table["fer_coarse"])
    )
    assert found.loc[("agreement", "7 classes"), "value"] == (clips.table["er"] == clips.table["fer"]).mean()
    assert ((found["ci_low"] <= found["value"]) & (found["value"] <= found["ci_high"])).all()
    assert np.isnan(cohen_kappa(np.diag([5.0, 0.0]))[0])


def test_differences_of_ratings_are_signed_self_report_less_seen(clips: Clips) -> None:
    table = clips.table.assign(er_valence=0.5, fer_valence=np.linspace(-0.5, 0.5, len(clips)))
    found = agreement(replace(clips, table=table), n=50).set_index(["measure", "of"])["value"]
    assert found["self-report less seen", "valence"] == pytest.approx(0.5)
    assert np.isnan(found["pearson", "valence"])
    r = np.corrcoef(clips.table["er_arousal"], clips.table["fer_arousal"])[0, 1]
    assert found["pearson", "arousal"] == pytest.approx(r)


def test_correlations_and_their_adjustment_are_those_of_other_libraries(clips: Clips) -> None:
    features = np.stack([clip.eye.mean(0) for clip in clips])[:, :2]  # type: ignore[union-attr]
    table = eye_correlations(clips, features, ["told", "noise"], n=200)
    assert len(table) == 2 * 2 * 7
    one = table[(table["feature"] == "told") & (table["of"] == "er") & (table["class"] == "neutral")].iloc[0]
    indicator = (clips.table["er"] == "neutral").to_numpy(float)
    for name, function in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr), ("kendall", stats.kendalltau)):
        assert one[name] == pytest.approx(function(features[:, 0], indicator).statistic)
        np.testing.assert_allclose(table[f"q_{name}"], multipletests(table[f"p_{name}"], method="fdr_bh")[1])
    assert one["pearson"] > 0.5
    assert one["q_pearson"] < 0.01
    assert one["ci_low"] < one["pearson"] < one["ci_high"]


def test_a_feature_that_never_varies_has_no_correlation(clips: Clips) -> None:
    table = eye_correlations(clips, np.ones((len(clips), 1)), n=0)
    assert table[["pearson", "q_pearson"]].isna().all().all()


def test_the_gap_needs_both_labels(clips: Clips) -> None:
    with pytest.raises(InputError, match="there is no column 'fer'; the gap needs both labels"):
        confusion(replace(clips, table=clips.table.drop(columns="fer")))


def test_cited_numbers_are_marked_and_carry_the_standard_error_that_the_paper_leaves_out() -> None:
    table = published("III")
    emert = table[(table["row"] == "EMERT") & (table["of"] == "er")].set_index("metric")
    assert emert.loc["war", "value"] == 33.92
    assert emert.loc["war", "standard_error"] == pytest.approx(1.31, abs=0.01)
    assert (published()["source"] == "cited from Liu et al. (2024)").all()
    assert set(published()["table"]) == {"II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"}
