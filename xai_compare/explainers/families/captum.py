"""Captum's attribution methods, each as ``captum:NAME``."""

from __future__ import annotations

import copy
import inspect
import warnings
from typing import Any, Literal, cast

import captum.attr
import numpy as np
import torch
from captum.attr._core.lrp import SUPPORTED_LAYERS_WITH_RULES, SUPPORTED_NON_LINEAR_LAYERS
from captum.attr._utils.lrp_rules import EpsilonRule
from pydantic import Field, create_model
from torch import nn

from xai_compare.errors import InputError, nearest
from xai_compare.explainers.base import Batch, Explainer, Explanation, Options
from xai_compare.explainers.batched_forward import black_input
from xai_compare.explainers.families import METHODS
from xai_compare.explainers.feature_maps import last_layer, layer_refusal
from xai_compare.explainers.model_outputs import Quantity, convert, logits_refusal, preserve_state
from xai_compare.explainers.registry import family
from xai_compare.explainers.superpixels import superpixels
from xai_compare.explainers.threads import GLOBAL_STATE
from xai_compare.explainers.unshared_layers import UnsharedLayers
from xai_compare.models import Model

_HOOKING = ("DeepLift", "DeepLiftShap", "Deconvolution", "GuidedBackprop", "GuidedGradCam", "LRP")
_RECTIFYING = ("Deconvolution", "GuidedBackprop", "GuidedGradCam")

_OURS = (
    "inputs",
    "target",
    "additional_forward_args",
    "baselines",
    "feature_mask",
    "attributions",
    "kwargs",
    "return_input_shape",
    "show_progress",
    "return_convergence_delta",
    "verbose",
)
_COST = {
    "FeatureAblation": 31,
    "IntegratedGradients": 150,
    "KernelShap": 25,
    "Lime": 25,
    "Occlusion": 225,
    "ShapleyValueSampling": 750,
    "GradientShap": 15,
}


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
    work in place. For methods that hook layers, each use of a layer is a layer of its own in that copy (see
    `unshared_layers`). The extra ``completeness`` of DeepLift and LRP is the sum of the attributions over the output
    (less
    that of black, for DeepLift): 1 where the method's rules cover the network, anything where they do not.
    """

    method: str

    def __init__(self, method: str, **options: Any) -> None:
        self.method, self.name = method, f"captum:{method}"  # type: ignore[misc]
        self.Options = _options(method)  # type: ignore[misc]
        super().__init__(**options)

    def explain_batch(self, model: Model, batch: Batch) -> Explanation:
        """Signed maps in units of the output, unless ``reduce`` is ``abs``."""
        module = _Explained(model, self.options.on, batch.inputs[:1] if self.method in _HOOKING else None)
        if self.method in _RECTIFYING and not module.rectifies():
            raise InputError(
                f"captum's {self.method} works on ReLUs, and this network has none",
                where=f"model {model.name!r}",
                hint="try captum:IntegratedGradients",
            )
        maps, ratios = [], []
        with (
            GLOBAL_STATE,
            warnings.catch_warnings(),
            preserve_state(module),
            torch.random.fork_rng(devices=[], enabled=True),
            torch.enable_grad(),
        ):
            warnings.simplefilter("ignore")  # Captum tells of the hooks that it sets; they are gone afterwards.
            for i, seed in enumerate(batch.seeds):
                torch.manual_seed(seed)
                np_state = np.random.get_state()
                np.random.seed(seed % 2**32)
                try:
                    maps.append(self._one(model, module, batch, i))
                    ratios.append(self._completeness(model, module, batch.inputs[i : i + 1], maps[-1]))
                finally:
                    np.random.set_state(np_state)
        reasons = [
            "the attribution is zero everywhere" if not m.any() else self._unlike_lrp(ratio)
            for m, ratio in zip(maps, ratios, strict=True)
        ]
        extras = {"completeness": np.array(ratios)} if self._complete else {}
        return Explanation(np.stack(maps), reasons, extras)

    @property
    def _complete(self) -> bool:
        return self.method in ("DeepLift", "LRP") and self.options.reduce == "sum"

    def _unlike_lrp(self, ratio: float) -> str:
        """LRP shares the output out (biases may take much of it); of a hundredfold output nothing can be read."""
        if self.method != "LRP" or not self._complete or abs(ratio) <= 100:
            return ""
        return (
            f"the relevances add up to {ratio:.1e} times the output, for captum's rules do not cover this network "
            "(functions between layers, such as additions of skip connections)"
        )

    def _completeness(self, model: Model, module: _Explained, batch: torch.Tensor, relevance: np.ndarray) -> float:
        if not self._complete:
            return float("nan")
        with torch.no_grad():
            output = float(module(batch))
            if self.method == "DeepLift":
                output -= float(module(black_input(model)))
        return float(relevance.sum(dtype=np.float64)) / output if output else float("nan")

    def _one(self, model: Model, module: _Explained, batch: Batch, i: int) -> np.ndarray:
        given = {k: v for k, v in self.options if k not in CaptumOptions.model_fields and v is not None}
        module.weights = batch.weights[i : i + 1]
        known = inspect.signature(getattr(captum.attr, self.method).attribute).parameters
        black = black_input(model)
        if "baselines" in known:
            given["baselines"] = black.repeat(2, 1, 1, 1) if self.method == "DeepLiftShap" else black
        if "feature_mask" in known:
            labels = superpixels(batch.images[i], self.options.n_segments, self.options.compactness)
            given["feature_mask"] = torch.from_numpy(labels)[None, None].to(black.device)
        if self.method == "Occlusion" and "sliding_window_shapes" not in given:
            side = [max(2, length // 8) for length in model.input.size]
            given["sliding_window_shapes"] = (black.shape[1], *side)
            given.setdefault("strides", (black.shape[1], *(max(1, length // 2) for length in side)))
        picture = batch.inputs[i : i + 1].clone().requires_grad_()
        try:
            attribution = self._captum(model, module).attribute(picture, **given)
        except (InputError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
            raise InputError(
                f"captum's {self.method} cannot explain this network ({line})",
                where=f"model {model.name!r}",
                hint="try captum:IntegratedGradients",
            ) from error
        attribution = attribution.detach().float()[0]
        return (attribution.abs() if self.options.reduce == "abs" else attribution).sum(0).cpu().numpy()

    def _captum(self, model: Model, module: _Explained) -> Any:
        method = getattr(captum.attr, self.method)
        if self.method == "GuidedGradCam":
            return method(module, module.layer(last_layer(model, self.options.layer)))
        if self.method == "LRP":
            _give_rules(module, model.name)
        return method(module)

    def forwards(self, model: Model) -> int:
        """About as many as captum's defaults need."""
        own = dict(self.options)
        return int(own.get("n_samples") or own.get("n_steps") or _COST.get(self.method, 3))

    def refusal(self, model: Model) -> str | None:
        """Logits are needed unless told otherwise; GuidedGradCam needs a spatial layer."""
        if self.method == "GuidedGradCam" and (why := layer_refusal(model, self.options.layer)):
            return why
        return logits_refusal(model, self.options.on)


class _Explained(nn.Module):
    """The explained quantity ``(n,)`` of a copy of the network, on which captum may do as it likes.

    Args:
        model: the network.
        on: the quantity.
        picture: prepared, ``(1, c, h, w)``; if given, each use of a layer becomes a layer of its own.
    """

    def __init__(self, model: Model, on: Quantity, picture: torch.Tensor | None) -> None:
        super().__init__()
        copied = copy.deepcopy(model.module)
        for part in copied.modules():
            if getattr(part, "inplace", False):
                part.inplace = False  # type: ignore[assignment]
        self.inner = copied if picture is None else UnsharedLayers(copied, picture)
        self.weights = torch.zeros(1, len(model.classes))
        self._model, self._on = [model], on

    def rectifies(self) -> bool:
        """Whether there is any ReLU."""
        return any(isinstance(part, nn.ReLU) for part in self.modules())

    def layer(self, name: str) -> nn.Module:
        """The layer of the copy that stands for the network's layer of that name."""
        return (self.inner.inner if isinstance(self.inner, UnsharedLayers) else self.inner).get_submodule(name)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """``(n,)``."""
        return (convert(self._model[0], self.inner(batch), self._on) * self.weights).sum(1)


def _give_rules(module: nn.Module, name: str) -> None:
    """Give LRP a rule for layers that only move values, and refuse those for which captum has none."""
    leaves = [part for part in module.modules() if not any(True for _ in part.children())]
    known = (*SUPPORTED_LAYERS_WITH_RULES, *SUPPORTED_NON_LINEAR_LAYERS)
    for part in leaves:
        if isinstance(part, (nn.Flatten, nn.ZeroPad2d)):
            part.rule = EpsilonRule()
    if kinds := sorted({type(p).__name__ for p in leaves if type(p) not in known and not hasattr(p, "rule")}):
        raise InputError(
            f"captum's LRP has no rule for layers of the kind {', '.join(kinds)}",
            where=f"model {name!r}",
            hint="try captum:IntegratedGradients",
        )


def _options(method: str) -> type[Options]:
    """The shared options and those of captum's ``attribute``, with captum's defaults."""
    parameters = inspect.signature(getattr(captum.attr, method).attribute).parameters
    own = {
        name: (Any, Field(None if p.default is p.empty else p.default, description=f"captum's {name}"))
        for name, p in parameters.items()
        if name not in _OURS and name != "self" and name not in CaptumOptions.model_fields
    }
    made = create_model(f"{method}Options", __base__=CaptumOptions, **cast(dict[str, Any], own))
    return cast(type[Options], made)


@family("captum")
def captum_method(method: str, options: dict[str, Any]) -> CaptumMethod:
    """The explainer ``captum:METHOD``.

    Raises:
        InputError: for an unknown method, naming the nearest.
    """
    if method not in METHODS["captum"]:
        known = [f"captum:{name}" for name in METHODS["captum"]]
        raise InputError(f"unknown explainer 'captum:{method}'", hint=nearest(f"captum:{method}", known))
    return CaptumMethod(method, **options)
