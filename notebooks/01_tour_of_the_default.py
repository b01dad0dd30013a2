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
# # A tour of the default study
#
# The study that comes with the package asks: where do two small networks look when they name an expression, and do
# they look where people click, and where anatomy says that the expression is?
#
# **Everything here is simulated, but for one photograph.** The faces are drawn by the package, and so are the
# "people". The numbers show how the tool works. They say nothing about real people.
#
# If the environment variable `XAI_COMPARE_RUN` names a folder, the run there is opened, or made there. Without it, the
# study runs into a temporary folder. That takes some minutes.

# %%
import os
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from scipy.cluster.hierarchy import dendrogram

import xai_compare as xc
from xai_compare.report.style import PALETTE

place = os.environ.get("XAI_COMPARE_RUN")
folder = Path(place) if place else Path(tempfile.mkdtemp()) / "default"
run = xc.Run.open(folder) if (folder / "report.html").is_file() else xc.run(out=folder)
print("simulated:", ", ".join(sorted(run.simulated)))

# %% [markdown]
# ## What was asked
# A run keeps its study, every default spelled out.

# %%
study = run.study
print("study:     ", study.name)
print("networks:  ", ", ".join(model.name for model in study.models))
print("explainers:", ", ".join(str(one.label) for one in study.explainers))
print("people:    ", ", ".join(people.name for people in study.human))

# %% [markdown]
# ## The pictures
# Each face is drawn from action units: the movements of the face that make an expression. So we know exactly which
# pixels the expression changed. One person, six expressions:

# %%
basic = list(xc.expressions.BASIC)
inputs = folder / "inputs"
labels = pd.read_csv(inputs / "labels.csv")
simulated = labels[labels["dataset"] == "simulated"]
person = simulated["subject"].iloc[0]

figure, axes = plt.subplots(1, len(basic), figsize=(10, 2.4))
for axis, expression in zip(axes, basic, strict=True):
    row = simulated[(simulated["subject"] == person) & (simulated["expression"] == expression)].iloc[0]
    axis.imshow(xc.images.read_image(inputs / row["image"]))
    axis.set_title(expression)
    axis.axis("off")
figure.suptitle("Simulated faces")
figure.tight_layout()
plt.show()

# %% [markdown]
# What did the networks say? The rows are labels, the columns predictions.

# %%
for name, part in run.predictions.groupby("model"):
    part = part[part["image"].isin(simulated["image"])]
    right = (part["label"] == part["predicted"]).mean()
    print(f"{name}: {right:.0%} of {len(part)} simulated faces as labelled")
    display(pd.crosstab(part["label"], part["predicted"]).reindex(index=basic, columns=basic, fill_value=0))

# %% [markdown]
# Pictures that could not be used, with the reason:

# %%
display(run.skipped)

# %% [markdown]
# ## Heatmaps
# A **source** is anything that attends: a network seen through an explainer, people, or a known region. The maps of
# all pictures of an expression are brought onto one standard face, 275 pixels high and 224 wide, and averaged.
# `run.heatmaps` holds these means, with labels.

# %%
display(run.heatmaps.heatmap)

# %%
heatmaps = run.heatmaps.heatmap.sel(fold="all")
shown = ["compact/grad_cam", "compact/lime", "residual/lime", "human/clicks"]
face = run.heatmaps.mean_face.to_numpy()

figure, axes = plt.subplots(len(shown) + 1, len(basic), figsize=(7.5, 8.2))
for row, source in zip(axes, shown, strict=False):
    for axis, expression in zip(row, basic, strict=True):
        one = heatmaps.sel(source=source, expression=expression).to_numpy()
        axis.imshow(xc.report.overlay(face, one)[::2, ::2])
    row[0].set_ylabel(source.replace(" ", "\n"), fontsize=8)
for axis, expression in zip(axes[-1], basic, strict=True):
    axis.imshow(xc.report.overlay(face, xc.ekman.mask(expression).astype(float))[::2, ::2])
    axes[0, basic.index(expression)].set_title(expression)
axes[-1, 0].set_ylabel("Ekman mask", fontsize=8)
for axis in axes.flat:
    axis.set_xticks([])
    axis.set_yticks([])
figure.suptitle("Mean maps on the mean face; faces and clicks are simulated", fontsize=10)
figure.tight_layout()
plt.show()

# %% [markdown]
# `run.maps` holds every single map, in raw values, and says whose and of which picture it is.

# %%
display(run.maps)

# %% [markdown]
# ## Scores
# Every score is one row: what was measured, between whom, for which expression, and how sure it is. `note` says which
# average it is.

# %%
scores = run.scores[run.scores["fold"] == "all"]
display(scores.head())

# %% [markdown]
# **IoU with the Ekman masks.** 1 would be perfect; a map that ignores the network does not get 0.

# %%
iou = scores[scores["metric"] == "iou"]
display(iou.pivot(index="a", columns="expression", values="value").reindex(columns=basic).round(3))

# %% [markdown]
# **Dice with the simulated people's clicks**, with 95 % bootstrap intervals over images. `photographic` looks at the
# one photograph only, and has no interval: it is left out.

# %%
with_people = scores["b"].str.startswith("human/") & ~scores["a"].str.startswith("human/")
dice = scores[(scores["metric"] == "dice") & with_people]
figure, axis = plt.subplots(figsize=(8, 3.6))
networks = [name for name in dice["a"].unique() if not name.startswith(("all models/", "photographic/"))]
for step, name in enumerate(networks):
    rows = dice[dice["a"] == name].set_index("expression").reindex(basic)
    at = np.arange(len(basic)) + (step - len(networks) / 2) * 0.09
    low, high = rows["value"] - rows["ci_low"], rows["ci_high"] - rows["value"]
    bars = [low.clip(lower=0), high.clip(lower=0)]
    axis.errorbar(at, rows["value"], bars, fmt="os^Dvph*"[step], ms=4, color=PALETTE[step], label=name)
axis.set_xticks(np.arange(len(basic)), basic)
axis.set_ylabel("Dice at 50, with clicks (simulated)")
axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **Do explainers find what really differs?** We drew the faces, so the region that the expression changed is known.
# `known_auc` is the chance that a pixel inside it has a higher value than one outside. Guessing gives 0.5.

# %%
known = scores[(scores["metric"] == "known_auc") & (scores["expression"] == "all")]
display(known.set_index("a")[["value", "ci_low", "ci_high", "n"]].sort_values("value", ascending=False).round(3))

# %% [markdown]
# ## Which sources are alike?
# Average linkage over one minus Pearson's correlation, for one expression. `run.merges` holds the same in numbers.

# %%
expression = "fear"
sources = [name for name in run.heatmaps.source.values if not name.startswith("all models/")]
maps = heatmaps.sel(source=sources, expression=expression).to_numpy()
sources = [name for name, one in zip(sources, maps, strict=True) if np.isfinite(one).all()]
tree = xc.comparison.linkage(heatmaps.sel(source=sources, expression=expression).to_numpy(), centred=True)

figure, axis = plt.subplots(figsize=(8, 3.5))
dendrogram(tree, labels=sources, orientation="right", ax=axis, color_threshold=0, above_threshold_color="#0072B2")
axis.set_xlabel("1 − Pearson's correlation")
axis.set_title(f"{expression} (simulated faces and clicks)")
plt.show()

# %% [markdown]
# ## The report
# `report.html` holds all of this and more on one page that opens offline. Beside it are its figures, as PNG or SVG.

# %%
for path in sorted((folder / "figures").glob("*.png")):
    print(path.name)

# %%
print("seconds per stage")
display(pd.Series(run.provenance["stages"], name="seconds").round(1))
