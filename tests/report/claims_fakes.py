"""Made-up runs for every sentence of the report: all tables there may be, and ways in which each claim can be false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from report_fakes import make_run

from xai_compare.analysis.responses import NEVER_ERRS
from xai_compare.comparison.observers import CEILING, ELSEWHERE, LEFT_OUT, PRIOR
from xai_compare.expressions import BASIC
from xai_compare.faces.areas import PARTS
from xai_compare.report.data import ReportData, from_run

EXPRESSIONS = tuple(BASIC[:3])
Tables = dict[str, pd.DataFrame]
Change = Callable[[ReportData, Tables], ReportData]


def whole(folder: Path) -> tuple[ReportData, Tables]:
    """Two networks, three explainers (one a control), two groups of people, known regions, and every table."""
    run = make_run(folder, ["one", "two"], ["cam", "lime", "random"], ["clicks", "gaze"], expressions=EXPRESSIONS)
    run = replace(run, provenance={**run.provenance, "controls": ["random"]})
    data = from_run(run)
    tables = {
        "maps": _maps(data),
        "predictions": _predictions(),
        "nulls": _nulls(data),
        "differences": _differences(data),
        "per_image": _per_image(data),
        "error_consistency": _consistency(),
        "faithfulness": run.faithfulness.assign(control="random", p_adjusted=0.001),
        "faithfulness_curves": run.faithfulness_curves,
        "faithfulness_controls": _controls(),
        "multiverse": _universes(),
        "multiverse_factors": _factors(),
        "trainings": _trainings(),
        "part_values": _parts(),
        "part_interactions": _interactions(),
        "human_data": pd.DataFrame(
            {"source": "human/gaze", "level": "good", "line": "These data can be used.", "simulated": True}, index=[0]
        ),
        "human_removed": _removed(),
        **_tests(data),
    }
    return with_tables(data, tables), tables


def with_tables(data: ReportData, tables: Tables) -> ReportData:
    """The data with other tables."""
    return replace(data, read=lambda name: tables.get(name, pd.DataFrame()))


def _maps(data: ReportData) -> pd.DataFrame:
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


def _predictions() -> pd.DataFrame:
    rows = [
        (network, f"{label}{i}.png", label, label if network == "one" or i % 2 else "fear")
        for network in ("one", "two")
        for label in EXPRESSIONS
        for i in range(8)
    ]
    return pd.DataFrame(rows, columns=["model", "image", "label", "predicted"])


def _nulls(data: ReportData) -> pd.DataFrame:
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


def _differences(data: ReportData) -> pd.DataFrame:
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


def _per_image(data: ReportData) -> pd.DataFrame:
    rows = []
    for b in ("human/clicks", "human/gaze"):
        names = [source.name for source in data.networks]
        for a in (*names, f"{b}: {LEFT_OUT}", PRIOR, f"{b}: {ELSEWHERE}", CEILING):
            for i in range(4):
                value = 0.9 if a == CEILING else 0.4 + 0.05 * i
                rows.append(("pearson", a, b, f"fear{i}.png", "fear", value, ""))
    return pd.DataFrame(rows, columns=["metric", "a", "b", "image", "expression", "value", "note"])


def _consistency() -> pd.DataFrame:
    rows = [
        {"measure": measure, "a": a, "b": "human/clicks", "participant": who, "kappa": 0.3, "note": note}
        for measure in ("error_consistency", "answers")
        for a, note in (("one", f"clicks: simulated; {NEVER_ERRS}"), ("two", ""), ("human/clicks", ""))
        for who in ("pooled", "mean", "p1")
    ]
    return pd.DataFrame(rows).assign(ci_low=0.1, ci_high=0.5, trials=24, images=12)


def _controls() -> pd.DataFrame:
    rows = [
        {"model": model, "explainer": name, "control": control, "score": "deletion", "better": "low", "mean": 0.3}
        for model in ("one", "two")
        for name in ("cam", "lime")
        for control in ("edges", "face prior")
    ]
    return pd.DataFrame(rows).assign(control_mean=0.5, difference=-0.2, p_adjusted=0.001)


def _universes() -> pd.DataFrame:
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


def _factors() -> pd.DataFrame:
    rows = [
        {"metric": metric, "b": b, "factor": factor, "levels": 2, "spread": spread, "eta_squared": spread}
        for metric, b in (("iou", "ekman"), ("dice", "human/clicks"))
        for factor, spread in (("explainer", 0.3), ("scaling", 0.1))
    ]
    table = pd.DataFrame(rows).assign(tau_mean=0.5, tau_least=-1.0, first_changes=0.25, pairs=4, compared="networks")
    table.loc[table["metric"] == "dice", ["tau_mean", "tau_least", "first_changes"]] = 1.0, 1.0, 0.0
    return table


def _trainings() -> pd.DataFrame:
    rows = [
        {"metric": "iou", "a": "one/cam", "b": "ekman", "expression": expression, "unit": "images x trainings"}
        for expression in ("all", *EXPRESSIONS)
    ]
    return pd.DataFrame(rows).assign(value=0.4, ci_low=0.3, ci_high=0.5, n=3, note="")


def _parts() -> pd.DataFrame:
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


def _interactions() -> pd.DataFrame:
    rows = [
        {"source": "one/cam", "expression": "all", "index": "SII", "a": PARTS[0], "b": part, "value": sign * 0.1}
        for part, sign in ((PARTS[1], 1), (PARTS[2], -1))
    ]
    table = pd.DataFrame(rows)
    return table.assign(ci_low=table["value"] - 0.05, ci_high=table["value"] + 0.05)


def _removed() -> pd.DataFrame:
    rows = [("human/gaze", "picture", "no match", "old.png"), ("human/gaze", "trial", "eye lost", "fear0.png")]
    return pd.DataFrame(rows, columns=["source", "what", "reason", "image"]).assign(count=1, simulated=True)


def _tests(data: ReportData) -> Tables:
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


def _scores(data: ReportData, **columns: object) -> ReportData:
    return replace(data, scores=data.scores.assign(**columns))


def _nan(tables: Tables) -> Tables:
    """Every number of every table undefined, but for places and counts."""
    kept = {"x", "y", "n", "levels", "pairs", "trials", "images", "count", "units", "margin", "points", "participants"}
    changed = {}
    for name, table in tables.items():
        numbers = [c for c in table.select_dtypes("number") if c not in kept]
        changed[name] = table.assign(**dict.fromkeys(numbers, np.nan))
    return changed


def _few(pictures: int) -> Change:
    def change(data: ReportData, tables: Tables) -> ReportData:
        fewer = {**tables, "predictions": tables["predictions"].groupby("model").head(pictures)}
        fewer["differences"] = tables["differences"].assign(n=pictures, p=np.nan, p_adjusted=np.nan)
        fewer["per_image"] = tables["per_image"].groupby(["a", "b"]).head(pictures)
        counts = dict.fromkeys(data.counts, pictures)
        return _scores(with_tables(replace(data, counts=counts), fewer), n=pictures)

    return change


def _insignificant(data: ReportData, tables: Tables) -> ReportData:
    changed = {}
    for name, table in tables.items():
        ps = [column for column in ("p", "p_adjusted", "p_corrected") if column in table]
        changed[name] = table.assign(**dict.fromkeys(ps, 0.6))
    changed["nulls"] = changed["nulls"].assign(n=6)
    changed["faithfulness_controls"] = changed["faithfulness_controls"].assign(difference=0.0)
    changed["tests_power"] = changed["tests_power"].assign(power=0.1)
    scores = dict.fromkeys(("p", "p_adjusted"), 0.6)
    return _scores(with_tables(data, changed), **scores)


def _worse(data: ReportData, tables: Tables) -> ReportData:
    """Maps that ignore everything score higher, and networks are wrong about all pictures."""
    changed = {**tables, "nulls": tables["nulls"].assign(mean=0.99, q95=0.99)}
    changed["predictions"] = tables["predictions"].assign(predicted="nothing")
    changed["maps"] = tables["maps"].assign(predicted="nothing")
    faithful = tables["faithfulness"]
    changed["faithfulness"] = faithful.assign(difference=0.2, ci_low=0.1, ci_high=0.3, better="low")
    changed["faithfulness_controls"] = tables["faithfulness_controls"].assign(difference=0.2)
    return with_tables(data, changed)


def _only(data: ReportData, tables: Tables, keep: Callable[[str], bool]) -> ReportData:
    """Only the sources whose names are kept, in every table."""
    sources = tuple(source for source in data.sources if keep(source.name))
    gone = [source.name for source in data.sources if not keep(source.name)]
    changed = dict(tables)
    for name, table in tables.items():
        for column in ("a", "a1", "a2", "source"):
            if column in table:
                table = table[~table[column].isin(gone)]
        if "b" in table:
            table = table[~table["b"].isin(gone)]
        changed[name] = table
    networks = {source.model for source in sources}
    for name in ("faithfulness", "faithfulness_controls", "multiverse", "error_consistency"):
        column = next(one for one in ("model", "a") if one in changed[name])
        table = changed[name][changed[name][column].isin(networks)]
        if "explainer" in table:
            table = table[[f"{one.model}/{one.explainer}" not in gone for one in table.itertuples()]]
        changed[name] = table
    changed["predictions"] = tables["predictions"][tables["predictions"]["model"].isin(networks)]
    for name in [name for name in changed if name.startswith(("faithfulness", "tests", "multiverse", "error"))]:
        if not networks & {"one"}:
            changed[name] = changed[name].iloc[:0]
    scores = data.scores[~data.scores["a"].isin(gone) & ~data.scores["b"].isin(gone)]
    maps = {key: value for key, value in data.maps.items() if keep(key[0])}
    counts = {key: value for key, value in data.counts.items() if keep(key[0])}
    return with_tables(replace(data, sources=sources, scores=scores, maps=maps, counts=counts), changed)


def _above_ceiling(data: ReportData, tables: Tables) -> ReportData:
    values = tables["per_image"]["value"].where(tables["per_image"]["a"] == CEILING, 0.99)
    changed = {**tables, "per_image": tables["per_image"].assign(value=values)}
    return _scores(with_tables(data, changed), value=0.97, ceiling_low=0.5, ceiling_high=0.9)


def _one_person(data: ReportData, tables: Tables) -> ReportData:
    changed = {**tables, "maps": tables["maps"].assign(participants=tables["maps"]["participants"].clip(upper=1))}
    left_out = tables["per_image"]["a"].str.contains(LEFT_OUT) | (tables["per_image"]["a"] == CEILING)
    changed["per_image"] = tables["per_image"].assign(value=tables["per_image"]["value"].mask(left_out))
    return with_tables(data, changed)


def _matched(data: ReportData, tables: Tables) -> ReportData:
    return _scores(data, note=data.scores["note"] + "; on the 3 pictures that both have (of 4 and 4)")


def _stable(data: ReportData, tables: Tables) -> ReportData:
    """Nothing moves anything, and one test could not be made."""
    maps = tables["maps"]
    changed = {**tables, "maps": maps.assign(repeatability=maps["repeatability"].clip(lower=0.99))}
    changed["multiverse_factors"] = tables["multiverse_factors"].assign(spread=0.0)
    controls = tables["faithfulness_controls"].copy()
    controls.loc[0, ["difference", "p_adjusted"]] = np.nan
    return with_tables(data, {**changed, "faithfulness_controls": controls})


def _other_pictures(data: ReportData, tables: Tables) -> ReportData:
    """Every source has other pictures."""
    maps, places = tables["maps"], {source.name: place for place, source in enumerate(data.networks)}
    number = maps["source"].map(places).fillna(0)
    return with_tables(
        data,
        {
            **tables,
            "maps": maps.assign(image=maps["image"].where(number == 0, maps["image"] + "x"))[
                maps.groupby(["source", "group"]).cumcount() <= number % 4
            ],
        },
    )


def _answered(model: str, wrong: bool, most: int) -> Change:
    def change(data: ReportData, tables: Tables) -> ReportData:
        table = tables["predictions"]
        mine = table["model"] == model
        table = table.assign(predicted=table["predicted"].mask(mine & wrong, "nothing"))
        return with_tables(data, {**tables, "predictions": pd.concat([table[~mine], table[mine].head(most)])})

    return change


def _alone_and_wrong(data: ReportData, tables: Tables) -> ReportData:
    wrong = {**tables, "predictions": tables["predictions"].assign(predicted="nothing")}
    return _only(data, wrong, lambda name: name in ("one/cam", "human/clicks"))


def _two_tie(data: ReportData, tables: Tables) -> ReportData:
    value = data.scores["value"].where(~data.scores["a"].isin(["one/cam", "two/cam"]), 0.9)
    return _scores(data, value=value)


def _untested(some: bool) -> Change:
    def change(data: ReportData, tables: Tables) -> ReportData:
        table = tables["differences"].copy()
        table.loc[(table.index % 3 == 0) | (not some), ["p", "p_adjusted"]] = np.nan
        return with_tables(data, {**tables, "differences": table.assign(note="they share two images")})

    return change


def _without_masks(data: ReportData, tables: Tables) -> ReportData:
    changed = {name: t[t["metric"] != "iou"] if "metric" in t else t for name, t in tables.items()}
    return with_tables(replace(data, masks={}, scores=data.scores[data.scores["b"] != "ekman"]), changed)


CHANGES: dict[str, Change] = {
    "everything significant": lambda data, tables: data,
    "nothing significant": _insignificant,
    "no picture": _few(0),
    "one picture": _few(1),
    "two pictures": _few(2),
    "one network": lambda data, tables: _only(data, tables, lambda name: not name.startswith(("two", "all models"))),
    "one source": lambda data, tables: _only(data, tables, lambda name: name in ("one/cam", "human/clicks")),
    "one person": _one_person,
    "ties": lambda data, tables: _scores(data, value=0.5),
    "above the ceiling": _above_ceiling,
    "worse than chance": _worse,
    "undefined everywhere": lambda data, tables: _scores(with_tables(data, _nan(tables)), value=np.nan, ci_low=np.nan),
    "no nulls": lambda data, tables: with_tables(data, {n: t for n, t in tables.items() if n != "nulls"}),
    "no people": lambda data, tables: _only(data, tables, lambda name: not name.startswith("human")),
    "people only": lambda data, tables: _only(data, tables, lambda name: name.startswith("human")),
    "people only, undefined": lambda data, tables: _scores(
        _only(data, tables, lambda name: name.startswith("human")), value=np.nan
    ),
    "one group of people": lambda data, tables: _only(data, tables, lambda name: name == "human/clicks"),
    "no masks": _without_masks,
    "other masks": lambda data, tables: replace(data, mask_title="Mask"),
    "parts replace each other": lambda data, tables: with_tables(
        data, {**tables, "part_interactions": tables["part_interactions"].iloc[1:]}
    ),
    "stable": _stable,
    "other pictures": _other_pictures,
    "few answers of one network": _answered("two", wrong=False, most=2),
    "one of two networks is wrong": _answered("two", wrong=True, most=24),
    "one source, wrong": _alone_and_wrong,
    "two sources tie": _two_tie,
    "some untested": _untested(some=True),
    "all untested": _untested(some=False),
    "one expression undefined": lambda data, tables: _scores(
        data, value=data.scores["value"].mask(data.scores["expression"] == EXPRESSIONS[0])
    ),
    "no tables": lambda data, tables: with_tables(data, {}),
    "the same pictures": _matched,
}
"""What a run is like, and how it is made of the whole one."""
