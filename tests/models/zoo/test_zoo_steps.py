"""All twelve networks of the paper build, and a training changes them."""

from __future__ import annotations

import lightning
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from xai_compare import synthetic
from xai_compare.models import load
from xai_compare.models.training.checkpointing import quiet_lightning
from xai_compare.models.training.classifier import ClassifierModule
from xai_compare.models.training.config import Optimizer
from xai_compare.models.training.sampling import EpochSampler
from xai_compare.models.training.training_faces import AugmentedFaces
from xai_compare.models.zoo import ZOO

CLASSES = ("anger", "happiness")


@pytest.fixture(scope="module")
def drawn() -> synthetic.SimulatedFaces:
    return synthetic.faces(CLASSES, 1, seed=2, size=(112, 104))


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO.names())
def test_it_takes_a_step(name: str, drawn: synthetic.SimulatedFaces) -> None:
    model = load({"zoo": name, "weights": "random", "seed": 1, "classes": list(CLASSES)})
    pictures = torch.from_numpy(drawn.images).permute(0, 3, 1, 2).float()
    sized = torch.nn.functional.interpolate(pictures, model.input.size, mode="bilinear", antialias=True)
    images = sized.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    labels = np.array([CLASSES.index(label) for label in drawn.labels])
    learner = ClassifierModule(model, None, Optimizer(name="sgd", lr=1e-3), seed=0)
    loader = DataLoader(
        AugmentedFaces(images, labels, torch.nn.Identity(), 0), batch_size=2, sampler=EpochSampler(2, 0, 2, batch=2)
    )
    weights = [p for p in model.module.parameters() if p.ndim > 1]
    before = [float(p.detach().double().sum()) for p in weights]
    with quiet_lightning():
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
    # Residual branches that begin at zero pass nothing back in the first step: ask the first and the last layer.
    assert changed[0]
    assert changed[-1]
    assert all(torch.isfinite(p).all() for p in weights)
    assert np.isfinite(learner.history[0]["loss"])
