"""All twelve networks of the paper build, and a training changes them."""

from __future__ import annotations

import lightning
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from xai_compare import synthetic
from xai_compare.models import load
from xai_compare.models.training.config import Optimizer
from xai_compare.models.training.learner import Learner
from xai_compare.models.training.pictures import Order, Varied
from xai_compare.models.zoo import ZOO

CLASSES = ("anger", "happiness")


@pytest.fixture(scope="module")
def drawn() -> synthetic.SimulatedFaces:
    return synthetic.faces(CLASSES, 1, seed=2, size=(112, 104))


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO.names())
def test_it_takes_a_step(name: str, drawn: synthetic.SimulatedFaces) -> None:
    model = load({"zoo": name, "weights": "random", "seed": 1, "classes": list(CLASSES)})
    images = np.stack(
        [
            np.asarray(
                torch.nn.functional.interpolate(torch.from_numpy(one).permute(2, 0, 1)[None].float(), model.input.size)[
                    0
                ].permute(1, 2, 0)
            ).astype(np.uint8)
            for one in drawn.images
        ]
    )
    labels = np.array([CLASSES.index(label) for label in drawn.labels])
    learner = Learner(model, None, Optimizer(name="sgd", lr=1e-3), seed=0)
    loader = DataLoader(Varied(images, labels, torch.nn.Identity(), 0), batch_size=2, sampler=Order(2, 0, batch=2))
    weights = [p for p in model.module.parameters() if p.ndim > 1]
    before = [float(p.detach().double().sum()) for p in weights]
    trainer = lightning.Trainer(
        max_steps=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    model.module.train()
    trainer.fit(learner, loader)
    changed = [float(p.detach().double().sum()) != b for p, b in zip(weights, before, strict=True)]
    assert np.mean(changed) > 0.9
    assert all(torch.isfinite(p).all() for p in weights)
    assert np.isfinite(learner.history[0]["loss"])
