"""Families of explainers, each a prefix such as ``captum:``; one file for each, called as its prefix."""

METHODS: dict[str, tuple[str, ...]] = {
    "captum": (
        "DeepLift",
        "DeepLiftShap",
        "Deconvolution",
        "FeatureAblation",
        "GradientShap",
        "GuidedBackprop",
        "GuidedGradCam",
        "InputXGradient",
        "IntegratedGradients",
        "KernelShap",
        "LRP",
        "Lime",
        "Occlusion",
        "Saliency",
        "ShapleyValueSampling",
    )
}
"""The methods of each family that attribute an output to the pixels of one picture; listed here, because importing a
family takes seconds."""
