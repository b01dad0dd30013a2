"""The tables of Liu et al. (2024), cited, beside those of the simulation, and its figures.

    python examples/emert_simulated/tables.py --out runs/emert_simulated

Rows of the simulation say "simulated", rows of the paper "cited"; they were measured on different data, and nothing
follows from a difference between them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from run import load

from xai_compare.agreement import cronbach_alpha
from xai_compare.emotion import (
    ABLATIONS,
    BASELINES,
    CLASSES,
    agreement,
    as_protocol,
    confusion,
    dawid_skene,
    eye_correlations,
    published,
    scores,
    setting_difference,
)
from xai_compare.emotion.protocols import PROTOCOLS, TITLES
from xai_compare.synthetic.bayes import ceilings, ideal_predictions
from xai_compare.synthetic.clips import RATERS, SimulatedClips

NOTE = "Simulated faces, eyes and labels: no number says anything about people."


def main() -> None:
    """Write tables/*.csv and figures/*.png."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/emert_simulated"))
    out = parser.parse_args().out
    for name in ("tables", "figures"):
        (out / name).mkdir(exist_ok=True)
    scored = all_scores(out)
    scored.to_csv(out / "tables" / "scores.csv", index=False)
    paired(out).to_csv(out / "tables" / "differences.csv", index=False)
    ceiling(out).to_csv(out / "tables" / "ceiling.csv", index=False)
    beside(scored).to_csv(out / "tables" / "paper_beside_simulation.csv", index=False)
    gap(out)
    raters(out).to_csv(out / "tables" / "raters.csv", index=False)
    figures(out, scored)


def predictions(out: Path) -> pd.DataFrame:
    """Those of every setting."""
    return pd.concat([pd.read_parquet(f) for f in sorted((out / "predictions").glob("*.parquet"))], ignore_index=True)


def all_scores(out: Path) -> pd.DataFrame:
    """Every protocol's scores, pooled and averaged over batches; the head trained beside is scored too."""
    held = predictions(out)
    parts = []
    for protocol, part in held.groupby("protocol", sort=False):
        parts += [scores(part, str(protocol), averaging) for averaging in ("pooled", "batches")]
        twin = str(protocol).replace("er_", "fer_", 1)
        if str(protocol).startswith("er_") and twin in PROTOCOLS and "fer_label" in part:
            both = part[part["fer_label"].notna()]
            parts += [scores(as_protocol(both, twin), twin, averaging) for averaging in ("pooled", "batches")]
    return pd.concat(parts, ignore_index=True).assign(data="simulated")


def paired(out: Path) -> pd.DataFrame:
    """How much more often EMERT with all modalities is right than each other setting, clip by clip."""
    held = predictions(out)
    held = held[held["protocol"] == "er_7"]
    rows = []
    for protocol, table in (("er_7", held), ("fer_7", as_protocol(held, "fer_7"))):
        for name in [n for n in dict.fromkeys(table["setting"]) if n != "all"]:
            found = setting_difference(table, "all", name)
            rows.append({"protocol": protocol, "a": "all", "b": name, **found, "data": "simulated"})
    return pd.DataFrame(rows)


def ceiling(out: Path) -> pd.DataFrame:
    """The Monte-Carlo Bayes ceiling, and what the best possible judge gets right of these very clips."""
    clips = load(out)[0]
    held = np.load(out / "clips.npz")
    simulated = SimulatedClips(
        clips,
        held["reported"],
        held["seen"],
        held["leaked"],
        held["landmarks"],
        held["face"],
        held["eye"],
        held["fixation"],
    )
    table = ceilings(steps=held["eye"].shape[1])
    here = []
    for modalities, task in zip(table["modalities"], table["task"], strict=True):
        said = ideal_predictions(simulated, modalities.split(" + "))[0 if task == "er" else 1]
        here.append((said == (held["reported"] if task == "er" else held["seen"])).mean())
    return table.assign(these_clips=here, data="simulated")


def beside(scored: pd.DataFrame) -> pd.DataFrame:
    """Rows of the paper's tables with the simulation's, in percent where shares are; never mixed up: see ``data``."""
    names = {
        "MuT": "mult",
        "LMF": "lmf",
        "ResNet_LSTM": "resnet_lstm",
        "ResNet_Transformer": "resnet_transformer",
        "EMERT": "all",
        "both": "all",
    }
    protocol = {("II", "er"): "er_3", ("II", "fer"): "fer_3", ("VII", "er"): "er_3", ("VII", "fer"): "fer_3"}
    rows = []
    pooled = scored[scored["averaging"] == "pooled"].set_index(["protocol", "setting", "metric"])
    for one in published().itertuples():
        rows.append((one.table, one.row, one.of, one.metric, one.value, np.nan, np.nan, one.source))
        share = one.metric in ("war", "uar", "f1")
        key = protocol.get((one.table, one.of), f"{one.of}_7" if share else one.of)
        setting = names.get(one.row, one.row)
        if (key, setting, one.metric) in pooled.index and one.table not in ("IX", "X"):
            found = pooled.loc[(key, setting, one.metric)]
            ours = [float(found[c]) * (100 if share else 1) for c in ("value", "ci_low", "ci_high")]
            rows.append((one.table, one.row, one.of, one.metric, *ours, "simulated"))
    columns = ["table", "row", "of", "metric", "value", "ci_low", "ci_high", "data"]
    table = pd.DataFrame(rows, columns=columns)
    noise = pooled.reset_index()
    noise = noise[noise["setting"].str.contains("noise") & noise["metric"].isin(["war", "f1"])]
    extra = [
        ("IX", r.setting, "er", r.metric, 100 * r.value, 100 * r.ci_low, 100 * r.ci_high, "simulated")
        for r in noise.itertuples()
    ]
    return pd.concat([table, pd.DataFrame(extra, columns=columns)], ignore_index=True)


def gap(out: Path) -> None:
    """Confusion, agreement and correlations of self-report and seen expression."""
    clips, frames, _, _ = load(out)
    confusion(clips).assign(data="simulated").to_csv(out / "tables" / "confusion.csv")
    agreement(clips).assign(data="simulated").to_csv(out / "tables" / "agreement.csv", index=False)
    from xai_compare.synthetic.eye_sequences import EYE_FEATURES

    late = frames.eye[:, frames.eye.shape[1] // 2 :].mean(1)
    table = eye_correlations(clips, late[:, :10], EYE_FEATURES[:10])
    table.assign(data="simulated").to_csv(out / "tables" / "eye_correlations.csv", index=False)


def raters(out: Path) -> pd.DataFrame:
    """Planted and recovered reliabilities, and Cronbach's alpha of each class's indicator."""
    clips, _, _, _ = load(out)
    index = {name: k for k, name in enumerate(CLASSES)}
    ratings = np.column_stack([clips.table[rater].map(index) for rater in RATERS])
    found = dawid_skene(ratings, len(CLASSES))
    truth = clips.table["fer"].map(index).to_numpy()
    drawn = (ratings == truth[:, None]).mean(0)
    alphas = [cronbach_alpha(ratings == k) for k in range(len(CLASSES))]
    rows = [
        (name, planted, share, reliability)
        for (name, planted), share, reliability in zip(RATERS.items(), drawn, found.reliability, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["rater", "planted", "drawn", "recovered"])
    majority = np.array([np.bincount(row, minlength=7).argmax() for row in ratings])
    return table.assign(
        right_consensus=(found.labels == truth).mean(),
        right_majority=(majority == truth).mean(),
        alpha_mean=np.mean(alphas),
        data="simulated",
    )


def figures(out: Path, scored: pd.DataFrame) -> None:
    """Scores with intervals and ceilings, the gap, and the heads' mean maps."""
    plt.rcParams.update({"figure.dpi": 120, "font.size": 9})
    draw_scores(out, scored)
    table = pd.read_csv(out / "tables" / "confusion.csv", index_col=0)[list(CLASSES)]
    figure, axes = plt.subplots(figsize=(5, 4.4), layout="constrained")
    image = axes.imshow(100 * table, cmap="viridis", vmin=0, vmax=100)
    for (i, j), value in np.ndenumerate(table.to_numpy()):
        axes.text(j, i, f"{100 * value:.0f}", ha="center", va="center", color="w" if value < 0.6 else "k")
    axes.set_xticks(range(7), CLASSES, rotation=45, ha="right")
    axes.set_yticks(range(7), CLASSES)
    axes.set(xlabel="seen expression", ylabel="self-report", title="Share of each self-report, % (simulated)")
    figure.colorbar(image, shrink=0.8)
    figure.savefig(out / "figures" / "gap.png")
    if (out / "maps.npz").is_file():
        draw_maps(out)
    plt.close("all")


def draw_scores(out: Path, scored: pd.DataFrame) -> None:
    """Share right of every setting, both tasks."""
    order = [s.name for s in ABLATIONS] + BASELINES.names()
    known = pd.read_csv(out / "tables" / "ceiling.csv").set_index(["task", "modalities"])["war"]
    figure, both = plt.subplots(1, 2, figsize=(9, 4.6), sharey=True, layout="constrained")
    for axes, task in zip(both, ("er", "fer"), strict=True):
        part = scored[(scored["protocol"] == f"{task}_7") & (scored["metric"] == "war")]
        part = part[part["averaging"] == "pooled"]
        part = part.set_index("setting").reindex(order)
        for place, (name, row) in enumerate(part.iterrows()):
            axes.plot([row["ci_low"], row["ci_high"]], [place, place], color="tab:blue", lw=2)
            axes.plot(row["value"], place, "o", color="tab:blue", ms=5)
            read = next((s.modalities for s in ABLATIONS if s.name == name), ("face", "eye", "fixation"))
            if name != "eyes shuffled":
                axes.plot(known[task, " + ".join(read)], place, "|", color="k", ms=10)
        commonest = load(out)[0].table[task].value_counts(normalize=True).max()
        axes.axvline(commonest, color="0.6", lw=1, ls=":")
        axes.set(title=f"{TITLES[task]}, 7 classes", xlabel="share right, 95 % interval over people", xlim=(0, 1.02))
        axes.grid(axis="x", alpha=0.3)
    both[0].set_yticks(range(len(order)), order)
    both[0].invert_yaxis()
    figure.suptitle(
        "Simulated clips. Dots: networks on people not seen; black ticks: the Bayes ceiling of what is read;\n"
        "dotted: always the commonest class"
    )
    figure.savefig(out / "figures" / "scores.png")


def draw_maps(out: Path) -> None:
    """The mean Grad-CAM of each head on the standard face."""
    held = np.load(out / "maps.npz")
    figure, both = plt.subplots(1, 2, figsize=(5, 3.4), layout="constrained")
    for axes, head in zip(both, ("er", "fer"), strict=True):
        axes.imshow(held[head], cmap="viridis")
        axes.set(title=f"{TITLES[head]} head", xticks=[], yticks=[])
    figure.suptitle("Mean Grad-CAM on the standard face (simulated)")
    figure.savefig(out / "figures" / "heads.png")


if __name__ == "__main__":
    main()
