"""Every table that a run may have, made up, for the sentences of the report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xai_compare.analysis.responses import NEVER_ERRS
from xai_compare.comparison.observers import CEILING, ELSEWHERE, LEFT_OUT, PRIOR
from xai_compare.expressions import BASIC
from xai_compare.faces.areas import PARTS
from xai_compare.report.data import ReportData

EXPRESSIONS = tuple(BASIC[:3])
Tables = dict[str, pd.DataFrame]


def maps(data: ReportData) -> pd.DataFrame:
    rows = []
    for source in data.networks + data.of_kind("human"):
        for expression in EXPRESSIONS:
            for i in range(4):
                people = source.kind == "human"
                rows.append(
                    {
                        "source": source.name,
                        "kind": source.kind,
                        "image": f"{expression}{i + people}.png",
                        "group": expression,
                        "label": expression,
                        "predicted": "" if people else "fear" if source.model == "two" else expression,
                        "repeatability": 0.95 - 0.1 * i if "lime" in source.name else np.nan,
                        "progress": 0.01 if "cam" in source.name else np.nan,
                        "participants": 12.0 if people else np.nan,
                        "points": 30.0 if people else np.nan,
                    }
                )
    return pd.DataFrame(rows)


def predictions() -> pd.DataFrame:
    rows = [
        (network, f"{label}{i}.png", label, label if network == "one" or i % 2 else "fear")
        for network in ("one", "two")
        for label in EXPRESSIONS
        for i in range(8)
    ]
    return pd.DataFrame(rows, columns=["model", "image", "label", "predicted"])


def nulls(data: ReportData) -> pd.DataFrame:
    rows = []
    scored = data.scores[(data.scores["fold"] == "all")].drop_duplicates(["metric", "a", "b", "expression"])
    for row in scored.to_dict("records"):
        key = {name: row[name] for name in ("metric", "a", "b", "expression")}
        for null in ("whole", "prior", "other", "other_map", "surrogate", "mean_map"):
            rows.append({**key, "null": null, "mean": 0.05, "q95": 0.1, "p": 0.01, "n": 9, "note": ""})
    for name in ("all models", *(source.name for source in data.networks)):
        key = {"metric": "iou", "a": name, "b": "ekman", "expression": "all", "null": "permuted"}
        rows.append({**key, "mean": 0.2, "q95": 0.3, "p": 0.002, "n": 720, "note": ""})
    return pd.DataFrame(rows)


def differences(data: ReportData) -> pd.DataFrame:
    rows = []
    names = [source.name for source in data.networks]
    for metric, b in (
        ("iou", "ekman"),
        ("dice", "human/clicks"),
        ("dice", "human/gaze"),
        ("known_auc", "known/region"),
    ):
        for i, a1 in enumerate(names):
            for a2 in names[i + 1 :]:
                key = {"metric": metric, "a1": a1, "a2": a2, "b": b, "expression": "all", "difference": 0.2}
                rows.append(
                    {**key, "ci_low": 0.1, "ci_high": 0.3, "p": 0.001, "p_adjusted": 0.002, "n": 30, "note": ""}
                )
    return pd.DataFrame(rows)


def per_image(data: ReportData) -> pd.DataFrame:
    rows = []
    for b in ("human/clicks", "human/gaze"):
        names = [source.name for source in data.networks]
        for a in (*names, f"{b}: {LEFT_OUT}", PRIOR, f"{b}: {ELSEWHERE}", CEILING):
            for i in range(4):
                value = 0.9 if a == CEILING else 0.4 + 0.05 * i
                rows.append(("pearson", a, b, f"fear{i}.png", "fear", value, ""))
    return pd.DataFrame(rows, columns=["metric", "a", "b", "image", "expression", "value", "note"])


def consistency() -> pd.DataFrame:
    rows = [
        {"measure": measure, "a": a, "b": "human/clicks", "participant": who, "kappa": 0.3, "note": note}
        for measure in ("error_consistency", "answers")
        for a, note in (("one", f"clicks: simulated; {NEVER_ERRS}"), ("two", ""), ("human/clicks", ""))
        for who in ("pooled", "mean", "p1")
    ]
    return pd.DataFrame(rows).assign(ci_low=0.1, ci_high=0.5, trials=24, images=12)


def controls() -> pd.DataFrame:
    rows = [
        {"model": model, "explainer": name, "control": control, "score": "deletion", "better": "low", "mean": 0.3}
        for model in ("one", "two")
        for name in ("cam", "lime")
        for control in ("edges", "face prior")
    ]
    return pd.DataFrame(rows).assign(control_mean=0.5, difference=-0.2, p_adjusted=0.001)


def universes() -> pd.DataFrame:
    rows = [
        {
            "metric": metric,
            "b": b,
            "model": model,
            "explainer": name,
            "scaling": scaling,
            "cut": "otsu",
            "sigma": np.nan,
        }
        for metric, b in (("iou", "ekman"), ("dice", "human/clicks"))
        for model in ("one", "two")
        for name in ("cam", "lime")
        for scaling in ("min_max", "positive")
    ]
    return pd.DataFrame(rows).assign(value=np.linspace(0.2, 0.6, len(rows)))


def factors() -> pd.DataFrame:
    rows = [
        {"metric": metric, "b": b, "factor": factor, "levels": 2, "spread": spread, "eta_squared": spread}
        for metric, b in (("iou", "ekman"), ("dice", "human/clicks"))
        for factor, spread in (("explainer", 0.3), ("scaling", 0.1))
    ]
    table = pd.DataFrame(rows).assign(tau_mean=0.5, tau_least=-1.0, first_changes=0.25, pairs=4, compared="networks")
    table.loc[table["metric"] == "dice", ["tau_mean", "tau_least", "first_changes"]] = 1.0, 1.0, 0.0
    return table


def trainings() -> pd.DataFrame:
    rows = [
        {"metric": "iou", "a": "one/cam", "b": "ekman", "expression": expression, "unit": "images x trainings"}
        for expression in ("all", *EXPRESSIONS)
    ]
    return pd.DataFrame(rows).assign(value=0.4, ci_low=0.3, ci_high=0.5, n=3, note="")


def parts() -> pd.DataFrame:
    rows = [
        {"source": source, "kind": kind, "expression": expression, "part": part, "value": value, "share": value}
        for source, kind in (("one/cam", "model"), ("two/cam", "model"), ("human/clicks", "human"))
        for expression in ("all", *EXPRESSIONS)
        for part, value in zip(PARTS, np.linspace(0.1, 0.4, len(PARTS)), strict=True)
    ]
    table = pd.DataFrame(rows).assign(size=0.12, n=12)
    table.loc[table["source"] == "two/cam", "value"] *= -1
    for name in ("value", "share"):
        table = table.assign(**{f"{name}_low": table[name] - 0.05, f"{name}_high": table[name] + 0.05})
    return table


def interactions() -> pd.DataFrame:
    rows = [
        {"source": "one/cam", "expression": "all", "index": "SII", "a": PARTS[0], "b": part, "value": sign * 0.1}
        for part, sign in ((PARTS[1], 1), (PARTS[2], -1))
    ]
    table = pd.DataFrame(rows)
    return table.assign(ci_low=table["value"] - 0.05, ci_high=table["value"] + 0.05)


def removed() -> pd.DataFrame:
    rows = [("human/gaze", "picture", "no match", "old.png"), ("human/gaze", "trial", "eye lost", "fear0.png")]
    return pd.DataFrame(rows, columns=["source", "what", "reason", "image"]).assign(count=1, simulated=True)


def tests(data: ReportData) -> Tables:
    pair = {"metric": "iou", "b": "ekman", "a1": "one/cam", "a2": "two/cam", "note": ""}
    anova = {"metric": "iou", "b": "ekman", "effect": "network", "f": 9.0, "df": 1.0, "df_error": 20.0, "note": ""}
    anova |= {"p_corrected": 0.01, "p_adjusted": 0.02, "partial_eta_squared": 0.3, "generalized_eta_squared": 0.1}
    height, width = 6, 5
    grid = pd.DataFrame([(y, x) for y in range(height) for x in range(width)], columns=["y", "x"])
    power = {**pair, "units": "12 people", "power": [0.5, 0.9], "n": [10, 20], "ci_low": 0.4, "ci_high": 0.95}
    equal = {**pair, "margin": 0.05, "difference": 0.01, "p": 0.001, "ci_low": 0.0, "ci_high": 0.02, "n": 20}
    return {
        "tests_anova": pd.DataFrame([{**anova, "units": 22}]),
        "tests_equivalence": pd.DataFrame([{**equal, "p_adjusted": 0.002}, {**equal, "p_adjusted": 0.4}]).reindex(
            columns=[*equal, "p_adjusted"]
        ),
        "tests_power": pd.DataFrame(power),
        "tests_where": grid.assign(a1="one/cam", a2="two/cam", t=np.linspace(-5, 5, len(grid)), p=0.01, n=20),
    }
