# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Expression is not emotion
#
# Liu et al. (2024) filmed people while they watched videos, recorded their eyes, asked what they felt (the
# **self-report**) and had others say what their faces show (the **seen expression**). The two differ, and they find
# that eye behaviour adds to what the face tells. Their data are given out on signed request only, so this notebook
# shows two things side by side and never mixes them up:
#
# - **cited**: what the paper prints;
# - **simulated**: what the same network does on simulated clips, whose answers are known.
#
# **Nothing simulated says anything about people.** A self-report is what a person says, a seen expression is what
# others see; neither is the person's emotion, and neither may be used to decide about people.
#
# The tables come from `examples/emert_simulated`, whose README says how they were made and what they cost. The
# environment variable `XAI_COMPARE_EMERT` may name the folder of another run.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import Image, display

import xai_compare as xc

place = Path(os.environ.get("XAI_COMPARE_EMERT", "../examples/emert_simulated"))
tables = {file.stem: pd.read_csv(file) for file in sorted((place / "tables").glob("*.csv"))}
pd.set_option("display.width", 160)
print("tables:", ", ".join(tables))

# %% [markdown]
# ## The network
# The released networks are built name for name, so that the authors' weights would fit. The paper draws two heads on
# one trunk instead; both layouts are here.

# %%
for task in ("classification", "regression", "intensity"):
    net = xc.emotion.EMERT(layout="released", task=task)
    print(f"{task:15} {sum(p.numel() for p in net.parameters()):>11,} parameters")
chance = [torch.zeros(4, 3)] * 3
print(f"modality loss at chance: {float(xc.emotion.modality_loss(chance)):.4f} = 3 ln 3 = {3 * np.log(3):.4f}")

# %% [markdown]
# ## The paper's tables, and the simulation's
# Cited rows have no interval, since the paper gives none. One standard error of a share near 34 % of 1,303 clips is 1.3
# points; the leads of the paper's best rows over the next best are 0.05 to 1.54 points.


# %%
def beside(name: str, metric: str = "war") -> pd.DataFrame:
    """One of the paper's tables, cited beside simulated."""
    table = tables["paper_beside_simulation"]
    table = table[(table["table"] == name) & (table["metric"] == metric)].copy()
    table["data"] = table["data"].str.split(" ").str[0]
    known = table["ci_low"].notna()
    table["shown"] = table["value"].map("{:.2f}".format)
    spread = " [" + table["ci_low"].map("{:.1f}".format) + ", " + table["ci_high"].map("{:.1f}".format) + "]"
    if metric not in ("war", "uar", "f1"):
        spread = " [" + table["ci_low"].map("{:.2f}".format) + ", " + table["ci_high"].map("{:.2f}".format) + "]"
    table.loc[known, "shown"] = (table["shown"] + spread)[known]
    order = list(dict.fromkeys(table["row"]))
    wide = table.pivot_table(index="row", columns=["of", "data"], values="shown", aggfunc="first")
    return wide.reindex(order).fillna("")


for name, title in (("II", "3 classes"), ("III", "7 classes"), ("VI", "modalities"), ("VIII", "modules")):
    print(f"Table {name}: share right (WAR, %), {title}")
    display(beside(name))

# %% [markdown]
# Valence, arousal and intensity are scored by errors, of which less is better; noise is added in testing, or in both.

# %%
for name, metric, title in (
    ("IV", "rmse", "valence and arousal"),
    ("V", "rmse", "intensity of the seen expression"),
    ("VII", "war", "alone or together"),
    ("IX", "war", "noise"),
):
    print(f"Table {name}: {title} ({metric.upper()})")
    display(beside(name, metric))

# %% [markdown]
# ## How far from the best possible judge
# The Bayes ceiling is the share right of a judge who knows how the simulation works. The networks do not, and learn
# from 960 clips.

# %%
display(Image(filename=str(place / "figures" / "scores.png")))
ceiling = tables["ceiling"].pivot(index="modalities", columns="task", values="war")
print(ceiling.round(3))
differences = tables["differences"]
print(differences[differences["protocol"] == "er_7"].round(3).to_string(index=False))

# %% [markdown]
# ## What each head looks at
# Mouths show the seen expression; brows and lids leak the self-report. Each head's Grad-CAM should therefore find its
# own region: AUC 1 if every pixel of the region outranks every other, 0.5 at chance. The floor is the same network with
# untrained heads.

# %%
display(tables["region_auc"].drop(columns="simulated").round(3))
display(Image(filename=str(place / "figures" / "heads.png")))
print("By how much the log probability of the label falls without a modality, and its share (simulated):")
display(tables["modality_share"].drop(columns="simulated").round(3))

# %% [markdown]
# ## The gap
# Rows are self-reports, columns seen expressions. The simulation was told: 55 % the same, 30 % neutral, 15 % another.

# %%
display(Image(filename=str(place / "figures" / "gap.png")))
display(tables["agreement"].round(3))
print(xc.emotion.FILTER_NOTE)

# %% [markdown]
# ## Raters
# Simulated raters name the seen expression as often as planted; Dawid and Skene's model finds that without knowing it.

# %%
display(tables["raters"][["rater", "planted", "drawn", "recovered"]].round(3))
right = tables["raters"].iloc[0]
print(f"items right by consensus {right['right_consensus']:.3f}, by majority {right['right_majority']:.3f} (simulated)")

# %% [markdown]
# Averaging over batches, as the authors' program does, lowers the RMSE without anything getting better:

# %%
values = tables["scores"]
rmse = values[values["metric"] == "rmse"].pivot_table(index="protocol", columns="averaging", values="value")
print(rmse.round(4))
assert (rmse["batches"] <= rmse["pooled"]).all()
plt.close("all")
