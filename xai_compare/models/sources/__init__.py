"""Where networks come from: one file per source, one line in the registry.

A source is a module with ``KEYS`` (the specification's keys that it reads, besides the common ones) and
``build(request) -> Model``.
"""

SOURCES: dict[str, str] = {
    "keras": "xai_compare.models.sources.keras_file",
    "torchvision": "xai_compare.models.sources.torchvision_zoo",
    "timm": "xai_compare.models.sources.timm_zoo",
    "factory": "xai_compare.models.sources.factory",
    "bundled": "xai_compare.models.sources.bundled",
}

NOT_YET: dict[str, str] = {
    "onnx": "load it through a factory that returns a torch.nn.Module",
    "torchscript": "give the architecture and a state dict, or a factory",
    "hf": "download the weights and use timm, torchvision or a factory",
}
"""Sources that are planned, with what to do meanwhile."""
