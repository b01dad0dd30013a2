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
# # Table 3 and Figure 10, from published heatmaps
#
# Gaya-Morey et al. (2024, https://doi.org/10.1007/s11042-024-20090-5) published the mean heatmaps of twelve networks
# and six expressions, and the Ekman masks. This notebook recomputes from them the paper's Table 3 (IoU with the masks)
# and the numbers behind its Figure 10 (dendrograms).
#
# The heatmaps are not part of this package. Name their folders in the environment variables `XAI_COMPARE_HEATMAPS` and
# `XAI_COMPARE_MASKS`. Files are called `{model}_{expression}_heatmap.png`. Any other tool's heatmaps will do; without
# masks those of the package are taken. If no folder is named, `../../shared/data/ekman_expressions` is tried.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.display import display
from scipy.cluster.hierarchy import dendrogram

from xai_compare import comparison, ekman
from xai_compare.comparison import linkage, mask_scores, merges, read_heatmaps, wide
from xai_compare.expressions import BASIC

beside = Path("../../shared/data/ekman_expressions")
named = os.environ.get("XAI_COMPARE_HEATMAPS")
folder = Path(named) if named else beside / "heatmaps_by_net"
masks_folder = os.environ.get("XAI_COMPARE_MASKS") or ("" if named else str(beside / "ground_truth"))

if not folder.is_dir():
    print("No heatmaps here. Name their folder in XAI_COMPARE_HEATMAPS, and that of the masks in XAI_COMPARE_MASKS.")
    print("Nothing below is computed. Restart the kernel once they are named.")
    get_ipython().input_transformers_cleanup.append(lambda lines: ["pass"])

# %%
maps = read_heatmaps(folder)
masks = ekman.read_masks(masks_folder) if masks_folder else ekman.masks()
networks = list(dict.fromkeys(key.a for key in maps))
basic = [name for name in BASIC if name in masks]
print(f"{len(maps)} heatmaps of {len(networks)} networks; masks of {masks_folder or 'the package'}")

# %% [markdown]
# To see the heatmaps and their thresholds, run `xai-compare compare HEATMAPS --masks MASKS --out DIR`: its report draws
# them all.
#
# ## Table 3
# Each heatmap is cut by Otsu's threshold (`heatmap > t`) and compared with the mask of its expression by intersection
# over union.

# %%
scores = mask_scores(maps, masks)
table = wide(scores, "iou", b="ekman")
display(table.round(4))

# %% [markdown]
# ## Against the printed table
# If a transcription of the paper's table (`table3_iou.csv`) lies beside the heatmaps, the two are compared cell by
# cell.

# %%
printed_file = folder.parent / "table3_iou.csv"
if printed_file.is_file():
    printed = pd.read_csv(printed_file, index_col=0)
    printed.columns = [name.lower() for name in printed.columns]
    rows, columns = [n for n in table.index if n in printed.index], [n for n in basic if n in printed.columns]
    ours, theirs = table.loc[rows, columns].round(4), printed.loc[rows, columns]
    same = (ours - theirs).abs() < 0.00005
    print(f"{int(same.to_numpy().sum())} of {same.size} cells agree to four decimals")
    different = same.index[~same.all(axis=1)]
    print("rows that differ:", ", ".join(different) or "none")
    for name in different:
        display(pd.DataFrame({"recomputed": ours.loc[name], "printed": theirs.loc[name]}).T.rename_axis(name))
else:
    print(f"No printed table here ({printed_file.name}).")

# %% [markdown]
# With the published files 66 of 72 cells agree. The six others are the row of SilNet: its printed values do not follow
# from the SilNet heatmaps that the authors published. Why is not known here. Both are shown, and none is corrected.
#
# ## Figure 10
# The paper clusters the networks by one minus their correlation, with average linkage. Its text names Equation 4, the
# *uncentred* correlation. Its figure was drawn with the *centred* one, Pearson's r. Both follow; the heights of the
# upper three merges tell them apart.

# %%
figure, axes = plt.subplots(2, 3, figsize=(13, 8))
for axis, expression in zip(axes.flat, basic, strict=False):
    names = [n for n in networks if (n, expression, "all") in maps]
    stack = np.stack([maps[n, expression, "all"] for n in names])
    dendrogram(
        linkage(stack, centred=True),
        labels=names,
        orientation="right",
        ax=axis,
        color_threshold=0,
        above_threshold_color="#0072B2",
    )
    axis.set_title(expression)
    axis.set_xlabel("1 − Pearson's r")
figure.tight_layout()
plt.show()

# %%
heights = []
for expression in basic:
    names = [n for n in networks if (n, expression, "all") in maps]
    stack = np.stack([maps[n, expression, "all"] for n in names])
    for form in ("pearson", "uncentred"):
        tops = [merge.height for merge in merges(stack, names, centred=form == "pearson")][-3:]
        heights.append((expression, form, *tops))
display(pd.DataFrame(heights, columns=["expression", "form", "third from top", "second", "top"]).round(4))

# %% [markdown]
# ## How alike are the masks of the package and the published ones?

# %%
ours = ekman.masks()
display(pd.Series({name: float(comparison.iou(ours[name], masks[name])) for name in basic}, name="IoU").round(4))
