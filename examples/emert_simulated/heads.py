"""What the two heads of the simulated EMERT look at, and how much each modality contributes to them.

    python examples/emert_simulated/heads.py --out runs/emert_simulated

A middle frame of test clips is explained by Grad-CAM, for its own label, by the network that never saw its person.
Where the mouth shows the self-report, the self-report's head may well look at the mouth. So the clips whose evidence is
apart are also judged alone: brows and lids leak the self-report, and the mouth shows another expression.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from run import load, load_reader

import xai_compare as xc
from xai_compare.comparison import region_auc
from xai_compare.comparison.resampling.resamples import resample_counts
from xai_compare.emotion import (
    CLASSES,
    EMERT,
    ClipArrays,
    Scaler,
    frame_view,
    load_network,
    modality_drops,
    modality_share,
)
from xai_compare.synthetic.clips import NEUTRAL, eye_region, mouth_region

FRAME = 3
REGIONS = {"eyes": eye_region, "mouth": mouth_region}


def main() -> None:
    """Write tables/region_auc.csv, tables/modality_share.csv and maps.npz."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/emert_simulated"))
    parser.add_argument("--clips", type=int, default=60, help="explained clips in each fold")
    given = parser.parse_args()
    torch.set_num_threads(1)
    clips, frames, features, fold = load(given.out)
    held = np.load(given.out / "clips.npz")
    labels = {"er": held["reported"], "fer": held["seen"]}
    rows, maps, falls = [], {}, {"er": [], "fer": []}
    for k in sorted(set(fold.tolist())):
        net, scaler, _ = load_network(given.out / "networks" / "all" / f"fold_{k}")
        untrained = untrained_heads(given.out, net, k)
        testing = np.flatnonzero(fold == k)
        # A neutral mouth, and neutral brows, have no place where they show.
        telling = testing[(held["seen"][testing] != NEUTRAL) & (held["leaked"][testing] != NEUTRAL)]
        apart = telling[(held["leaked"] == held["reported"])[telling] & (held["seen"] != held["reported"])[telling]]
        chosen = np.union1d(telling[: given.clips], apart)
        for clip in chosen:
            for head, label in labels.items():
                for kind, one in (("trained", net), ("untrained", untrained)):
                    found = explained(one, features, scaler, frames, int(clip), head, CLASSES[label[clip]])
                    about = {
                        "clip": int(clip),
                        "person": clips.people[clip],
                        "head": head,
                        "network": kind,
                        "apart": bool(np.isin(clip, apart)),
                        "drawn": bool(np.isin(clip, telling[: given.clips])),
                    }
                    rows += measured(found, held["landmarks"][clip, FRAME], about)
                    if kind == "trained":
                        maps.setdefault(head, []).append((int(clip), found))
        training = features.part(np.flatnonzero(fold != k))
        for head, label in labels.items():
            part = modality_drops(net, features.part(testing), training, scaler, label[testing], head)
            falls[head].append(part.assign(clip=testing[part["clip"]]))
        print(f"fold {k}: {len(chosen)} clips explained (simulated)", flush=True)
    (given.out / "tables").mkdir(exist_ok=True)
    table = pd.DataFrame(rows)
    both = {"with mouth and brows": table[table["drawn"]], "evidence apart": table[table["apart"]]}
    summaries = [summary(part).assign(clips=name) for name, part in both.items()]
    pd.concat(summaries).to_csv(given.out / "tables" / "region_auc.csv", index=False)
    shares = [
        modality_share(pd.concat(parts, ignore_index=True), clips.people.tolist()).assign(head=head, simulated=True)
        for head, parts in falls.items()
    ]
    pd.concat(shares).to_csv(given.out / "tables" / "modality_share.csv", index=False)
    save_maps(given.out, maps, held["landmarks"][:, FRAME])


def untrained_heads(out: Path, net: EMERT, seed: int) -> EMERT:
    """The same network as it was before training, but for the backbone: the floor of what a map can be said to find."""
    torch.manual_seed(1000 + seed)
    return EMERT(**net.arguments, backbone=load_reader(out)).eval()


def explained(
    net: EMERT, features: ClipArrays, scaler: Scaler, frames: ClipArrays, clip: int, head: str, label: str
) -> np.ndarray:
    """Grad-CAM of a frame, (h, w)."""
    model = frame_view(net, features, scaler, clip, head, frame=FRAME)
    return xc.explainers.create("grad_cam")(model, frames.face[clip, FRAME][None], label)[0]


def measured(found: np.ndarray, landmarks: np.ndarray, about: dict[str, object]) -> list[dict[str, object]]:
    """How far the map tells each region from the rest of the face."""
    return [
        {**about, "region": name, "auc": float(region_auc(found, region(landmarks, found.shape)))}
        for name, region in REGIONS.items()
    ]


def summary(table: pd.DataFrame, n: int = 2000) -> pd.DataFrame:
    """Mean AUC of each head, region and network, and the differences between heads, with intervals over people."""
    wide = table.pivot(index=["person", "clip"], columns=["network", "head", "region"], values="auc")
    columns = {" ".join(names): wide[names] for names in wide}
    for region in REGIONS:
        columns[f"trained er-less-fer {region}"] = wide["trained", "er", region] - wide["trained", "fer", region]
    for head, region in (("er", "eyes"), ("fer", "mouth")):
        gain = wide["trained", head, region] - wide["untrained", head, region]
        columns[f"trained-less-untrained {head} {region}"] = gain
    rows = []
    for name, values in columns.items():
        sums = values.groupby("person").agg(["sum", "count"])
        counts = resample_counts(len(sums), n, 0)
        drawn = (counts @ sums["sum"].to_numpy()) / (counts @ sums["count"].to_numpy())
        network, head, region = name.split(" ")
        rows.append(
            (
                network,
                head,
                region,
                values.mean(),
                *np.nanquantile(drawn, [0.025, 0.975]),
                int(values.notna().sum()),
                int(values.isna().sum()),
                True,
            )
        )
    return pd.DataFrame(
        rows, columns=["network", "head", "region", "auc", "ci_low", "ci_high", "n", "undefined", "simulated"]
    )


def save_maps(out: Path, maps: dict[str, list[tuple[int, np.ndarray]]], landmarks: np.ndarray) -> None:
    """The mean map of each head on the standard face."""
    means = {}
    for head, found in maps.items():
        places, stack = [clip for clip, _ in found], np.stack([one for _, one in found])
        defined = np.isfinite(stack).all((1, 2))
        scaled = stack[defined] / np.maximum(stack[defined].max((1, 2), keepdims=True), 1e-12)
        means[head] = xc.faces.standardize(scaled, landmarks[places][defined]).mean(0)
    np.savez(out / "maps.npz", **means)


if __name__ == "__main__":
    main()
