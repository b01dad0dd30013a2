"""Captum's attribution methods, each as ``captum:NAME``."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Literal, cast

import captum.attr
import numpy as np
import torch
from pydantic import Field, create_model
from torch import nn

from xai_compare.errors import InputError, nearest
from xai_compare.explainers.base import Explainer, Explanation, Options, Pictures, undefined
from xai_compare.explainers.class_activation import last_layer, layer_refusal
from xai_compare.explainers.probing import Quantity, convert, lacks_logits, untouched
from xai_compare.explainers.registry import family
from xai_compare.explainers.superpixels import superpixels
from xai_compare.models import Model

METHODS = (
    "DeepLift", "DeepLiftShap", "Deconvolution", "FeatureAblation", "GradientShap", "GuidedBackprop", "GuidedGradCam",
    "InputXGradient", "IntegratedGradients", "KernelShap", "LRP", "Lime", "Occlusion", "Saliency",
    "ShapleyValueSampling",
)  # fmt: skip
"""Methods that attribute an output to the pixels of one picture."""

_OURS = ("inputs", "target", "additional_forward_args", "baselines", "feature_mask", "attributions", "kwargs",
         "return_input_shape", "show_progress", "return_convergence_delta", "verbose")  # fmt: skip
_COST = {"FeatureAblation": 31, "IntegratedGradients": 150, "KernelShap": 25, "Lime": 25, "Occlusion": 225,
         "ShapleyValueSampling": 750, "GradientShap": 15}  # fmt: skip


class CaptumOptions(Options):
    """Options that all of captum's methods share; a method's own have captum's names."""

    on: Quantity = Field("logits", description="which output is explained")
    reduce: Literal["sum", "abs"] = Field("sum", description="channels are added, or their absolute values")
    n_segments: int = Field(30, ge=2, le=2000, description="SLIC superpixels, for methods that ablate features")
    compactness: float = Field(20.0, gt=0, description="SLIC: weight of nearness against colour")
    layer: str | None = Field(None, description="for GuidedGradCam; the last spatial one by default")
    seed: int = Field(0, ge=0)


class CaptumMethod(Explainer):
    """One of captum's methods; baselines are black, features are superpixels, channels are added.

    Pictures are explained one at a time, with a seed of their own, on a copy of the network whose rectifiers do not
    work in place.
    """

    method: str

    def __init__(self, method: str, **options: Any) -> None:
        self.method, self.name = method, f"captum:{method}"  # type: ignore[misc]
        self.Options = _options(method)  # type: ignore[misc]
        super().__init__(**options)

    def explain_batch(self, model: Model, pictures: Pictures) -> Explanation:
        """Signed maps in units of the output, unless ``reduce`` is ``abs``."""
        module = _Explained(model, self.options.on)
        maps = []
        with untouched(module), torch.random.fork_rng(devices=[], enabled=True), torch.enable_grad():
            for i, seed in enumerate(pictures.seeds):
                torch.manual_seed(seed)
                np_state = np.random.get_state()
                np.random.seed(seed % 2**32)
                try:
                    maps.append(self._one(model, module, pictures, i))
                finally:
                    np.random.set_state(np_state)
        reasons = ["the attribution is zero everywhere" if not m.any() else "" for m in maps]
        return Explanation(undefined(np.stack(maps), reasons), reasons)

    def _one(self, model: Model, module: _Explained, pictures: Pictures, i: int) -> np.ndarray:
        given = {k: v for k, v in self.options if k not in CaptumOptions.model_fields and v is not None}
        module.weights = pictures.weights[i : i + 1]
        known = inspect.signature(getattr(captum.attr, self.method).attribute).parameters
        black = model.prepare(np.zeros((1, *model.input.size, 3), np.uint8))
        if "baselines" in known:
            given["baselines"] = black.repeat(2, 1, 1, 1) if self.method == "DeepLiftShap" else black
        if "feature_mask" in known:
            labels = superpixels(pictures.images[i], self.options.n_segments, self.options.compactness)
            given["feature_mask"] = torch.from_numpy(labels)[None, None].to(black.device)
        if self.method == "Occlusion" and "sliding_window_shapes" not in given:
            side = [max(2, length // 8) for length in model.input.size]
            given["sliding_window_shapes"] = (black.shape[1], *side)
            given.setdefault("strides", (black.shape[1], *(max(1, length // 2) for length in side)))
        picture = pictures.batch[i : i + 1].clone().requires_grad_()
        try:
            told = self._captum(model, module).attribute(picture, **given)
        except (InputError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
            raise InputError(f"captum's {self.method} cannot explain this network ({line})",
                             where=f"model {model.name!r}", mend="try captum:IntegratedGradients"
                             ) from error  # fmt: skip
        told = told.detach().float()[0]
        return (told.abs() if self.options.reduce == "abs" else told).sum(0).cpu().numpy()

    def _captum(self, model: Model, module: _Explained) -> Any:
        method = getattr(captum.attr, self.method)
        if self.method == "GuidedGradCam":
            return method(module, module.inner.get_submodule(last_layer(model, self.options.layer)))
        return method(module)

    def forwards(self, model: Model) -> int:
        """About as many as captum's defaults need."""
        own = dict(self.options)
        return int(own.get("n_samples") or own.get("n_steps") or _COST.get(self.method, 3))

    def refusal(self, model: Model) -> str | None:
        """Logits are needed unless told otherwise; GuidedGradCam needs a spatial layer."""
        if self.method == "GuidedGradCam" and (why := layer_refusal(model, self.options.layer)):
            return why
        return lacks_logits(model, self.options.on)


class _Explained(nn.Module):
    """The explained quantity ``(n,)`` of a copy of the network, on which captum may do as it likes."""

    def __init__(self, model: Model, on: Quantity) -> None:
        super().__init__()
        self.inner = copy.deepcopy(model.module)
        self.weights = torch.zeros(1, len(model.classes))
        self._model, self._on = [model], on
        for part in self.inner.modules():
            if getattr(part, "inplace", False):
                part.inplace = False  # type: ignore[assignment]

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """``(n,)``."""
        return (convert(self._model[0], self.inner(batch), self._on) * self.weights).sum(1)


def _options(method: str) -> type[Options]:
    """The shared options and those of captum's ``attribute``, with captum's defaults."""
    parameters = inspect.signature(getattr(captum.attr, method).attribute).parameters
    own = {name: (Any, Field(None if p.default is p.empty else p.default, description=f"captum's {name}"))
           for name, p in parameters.items()
           if name not in _OURS and name != "self" and name not in CaptumOptions.model_fields}  # fmt: skip
    made = create_model(f"{method}Options", __base__=CaptumOptions, **cast(dict[str, Any], own))
    return cast(type[Options], made)


@family("captum")
def captum_method(method: str, options: dict[str, Any]) -> CaptumMethod:
    """The explainer ``captum:METHOD``.

    Raises:
        InputError: for an unknown method, naming the nearest.
    """
    if method not in METHODS:
        raise InputError(f"unknown explainer 'captum:{method}'", mend=nearest(method, METHODS))
    return CaptumMethod(method, **options)
