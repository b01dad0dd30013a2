"""Agreement on labels: published examples, hand arithmetic, and other implementations."""

import experiment
import numpy as np
import pandas as pd
import pytest

from xai_compare import agreement
from xai_compare.errors import InputError
from xai_compare.human import labels
from xai_compare.human.clicks import answers
from xai_compare.human.readers import read_points


def long(table, **columns):
    """Answers as trials, from rows of pictures and columns of people; None where there is none."""
    rows = [
        {"participant": f"p{person}", "image": f"i{image}", "response": answer}
        for image, line in enumerate(table)
        for person, answer in enumerate(line)
        if answer is not None
    ]
    return pd.DataFrame(rows).assign(**columns)


FLEISS = [
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
]
"""The worked example of Fleiss (1971) as retold everywhere: 14 raters, 10 subjects, 5 categories."""


def fleiss_trials():
    names = ("anger", "fear", "sadness", "surprise", "neutral")
    return long([[name for name, n in zip(names, line, strict=True) for _ in range(n)] for line in FLEISS])


def test_fleiss_published_example():
    trials = fleiss_trials()
    found = labels.per_image(trials)
    expected = [1.000, 0.253, 0.308, 0.440, 0.330, 0.462, 0.242, 0.176, 0.286, 0.286]
    np.testing.assert_allclose(found["agreement"], expected, atol=0.0006)
    kappa = labels.overall(trials).set_index("measure")["value"]["fleiss_kappa"]
    assert kappa == pytest.approx(0.210, abs=0.0005)


def test_krippendorff_published_example():
    """The reliability data of Krippendorff (2011), "Computing Krippendorff's alpha-reliability", part C, nominal."""
    lines = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    table = [[None if cell == "." else f"e{cell}" for cell in line.split()] for line in lines]
    alpha = labels.overall(long(list(zip(*table, strict=True)))).set_index("measure")["value"]["krippendorff_alpha"]
    assert alpha == pytest.approx(0.743, abs=0.0005)


def test_cronbach_against_its_form_by_covariances():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(40, 1)) + rng.normal(size=(40, 6))
    covariance = np.cov(scores.T)
    items = len(covariance)
    mean_variance = np.trace(covariance) / items
    mean_covariance = (covariance.sum() - np.trace(covariance)) / (items * (items - 1))
    by_covariances = items * mean_covariance / (mean_variance + (items - 1) * mean_covariance)
    assert agreement.cronbach_alpha(scores) == pytest.approx(by_covariances)


def test_majority_and_ties():
    trials = long([["anger", "angry", "fear"], ["fear", "anger", None], ["fear", None, None]], label="anger")
    found = labels.per_image(trials)
    assert found["majority"].tolist() == ["anger", "", "fear"]
    assert found["as_labelled"].tolist() == [True, pd.NA, False]
    assert found["agreement"].tolist() == pytest.approx([1 / 3, 0, np.nan], nan_ok=True)
    assert found["note"].tolist() == ["", "", "fewer than two answers"]


def test_the_simulated_experiment(tmp_path):
    trials = answers.exclude(answers.trial_table(read_points(experiment.write_json(tmp_path / "a.json"))))
    found = labels.per_image(trials)
    assert found["n"].eq(22).all()
    table = labels.overall(trials).set_index("measure")
    assert (table["value"] > 0.5).loc[["fleiss_kappa", "krippendorff_alpha"]].all()
    clicks = trials[trials["kept"]].groupby("image")["clicks"].mean().rename("clicks").reset_index()
    assert labels.against(found, clicks).set_index("measure")["r"]["clicks"] < -0.4


def test_undefined_is_said():
    one = labels.overall(long([["fear", "fear"], ["fear", "fear"]])).set_index("measure")
    assert one["value"].isna().all()
    assert (one["note"] != "").all()
    with pytest.raises(InputError, match="no 'response'"):
        labels.per_image(pd.DataFrame({"participant": ["p"], "image": ["a"]}))
