"""ONNX networks as torch layers, so that they have gradients; checked against onnxruntime when they are loaded."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.shape_inference
import onnx.version_converter
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx2torch import convert
from torch import nn

from xai_compare.errors import InputError, first_line
from xai_compare.files import file_sha256, refuse_size
from xai_compare.models.batching import ChannelsLast, Single, takes_several
from xai_compare.models.model import InputSpec, Model
from xai_compare.models.request import Request

log = logging.getLogger(__name__)

OPSET = 17
"""The newest operators that onnx2torch knows; later ones are written as these where they mean the same."""
MOST_NODES = 20_000
_GROWING = {"ConstantOfShape", "Expand", "OneHot", "Pad", "Range", "Resize", "Tile", "Upsample"}
"""Operators whose output can be much larger than what they read."""
TOLERANCE = 1e-4
"""Largest difference from onnxruntime's probabilities on noise."""
OLDEST_READ, OLDEST = 9, 13
"""Networks below the first are rewritten by operators of the second."""


def read(path: Path, where: str) -> onnx.ModelProto:
    """Read and check an ONNX file.

    Raises:
        InputError: if it is not one.
    """
    try:
        model = onnx.load(path, load_external_data=False)
        _check_opset(model, path)
        onnx.load_external_data_for_model(model, str(path.parent))
        onnx.checker.check_model(model)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"the file is not a whole ONNX network ({first_line(error)})", where=f"{where}: {path}"
        ) from None
    _check_declared(model, path)
    return model


def _check_opset(model: onnx.ModelProto, path: Path) -> None:
    """Refuse operators of versions that onnx does not know, in words of ours."""
    newest = onnx.defs.onnx_opset_version()
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and not 1 <= opset.version <= newest:
            what = f"it uses operators of opset {opset.version}; opsets 1 to {newest} are known"
            raise InputError(what, where=path, hint=f"export it again with opset {OPSET} or lower")


def _check_declared(model: onnx.ModelProto, path: Path) -> None:
    """Refuse more layers than networks have, and what a few bytes blow up to more than the limit of a file."""
    if len(model.graph.node) > MOST_NODES:
        what = f"it declares {len(model.graph.node):,} operators, more than {MOST_NODES:,}"
        raise InputError(what, where=path)
    if not any(node.op_type in _GROWING for node in model.graph.node):
        return
    try:
        made = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info
    except Exception:  # Networks beyond 2 GB; what they declare is held by their files.
        return
    for value in made:
        sides = [side.dim_value for side in value.type.tensor_type.shape.dim if side.HasField("dim_value")]
        refuse_size(4 * math.prod(sides), path)


def picture_input(model: onnx.ModelProto, where: str) -> tuple[str, list[int | None]]:
    """Name and shape of the one input that is not a weight; None for what is not fixed.

    Raises:
        InputError: if there is not exactly one, or it is not 4-D.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        raise InputError(f"the network has {len(inputs)} inputs", where=where, hint="export it with pictures only")
    shape = [d.dim_value if d.HasField("dim_value") else None for d in inputs[0].type.tensor_type.shape.dim]
    if len(shape) != 4:
        raise InputError(f"the network's input is not four-dimensional ({shape})", where=where)
    if shape[0] == 0:
        hint = "export it with one picture, or with a batch of any size"
        raise InputError("the network's input is a batch of no picture", where=where, hint=hint)
    if not model.graph.output:
        raise InputError("the network has no output", where=where, hint="export it again")
    return inputs[0].name, shape


def to_torch(model: onnx.ModelProto, path: Path, where: str, shape: Sequence[int]) -> nn.Module:
    """The network as torch layers, in eval mode, for an input of ``shape``.

    Raises:
        InputError: naming the operator that cannot be converted.
    """
    problems = []
    for read_again in (lambda: model, lambda: _folded(path)):
        try:
            return convert(with_pads(lowered(raised(read_again())), shape)).eval()
        except Exception as error:
            problems.append(first_line(error))
    raise InputError(
        f"an operator of the network cannot be converted to torch ({problems[0]})",
        where=where,
        hint="export it again with opset 17 or lower, or load it as torch.export or through a factory",
    )


def raised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network by operators of `OLDEST` where it holds older ones, written by onnx's own converter."""
    version = min((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=OLDEST)
    return model if version >= OLDEST_READ else onnx.version_converter.convert_version(model, OLDEST)


def with_pads(model: onnx.ModelProto, shape: Sequence[int]) -> onnx.ModelProto:
    """The network with numbers for ``auto_pad``, which depend on the size of what is padded.

    onnx2torch knows no SAME_UPPER and SAME_LOWER; as many pixels are added as make ``ceil(size / stride)`` outputs.
    """
    automatic = {b"SAME_UPPER": 0, b"SAME_LOWER": 1}
    if not any(a.name == "auto_pad" and a.s in automatic for node in model.graph.node for a in node.attribute):
        return model
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    sizes = next(v for v in model.graph.input if v.name not in weights).type.tensor_type.shape.dim
    for dim, side in zip(sizes, shape, strict=True):
        dim.dim_value = side
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*graph.value_info, *graph.input)}
    for node in model.graph.node:
        said = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if said.get("auto_pad") not in automatic:
            continue
        kernel = said.get("kernel_shape") or weights[node.input[1]][2:]
        ones = [1] * len(kernel)
        sides = zip(
            shapes[node.input[0]][2:], kernel, said.get("strides", ones), said.get("dilations", ones), strict=True
        )
        added = [max((-(-n // step) - 1) * step + (k - 1) * apart + 1 - n, 0) for n, k, step, apart in sides]
        # An odd pixel goes to the end for UPPER, to the beginning for LOWER.
        first = [(n + automatic[said["auto_pad"]]) // 2 for n in added]
        for attribute in [a for a in node.attribute if a.name in ("auto_pad", "pads")]:
            node.attribute.remove(attribute)
        node.attribute.append(helper.make_attribute("pads", first + [n - b for n, b in zip(added, first, strict=True)]))
    return model


def lowered(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without Identity nodes, written with operators of `OPSET` where it holds newer ones."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    _drop_identities(model.graph)
    newest = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=OPSET)
    if newest > OPSET:
        constants = {t.name: t for t in model.graph.initializer}
        constants |= {n.output[0]: n.attribute[0].t for n in model.graph.node if n.op_type == "Constant"}
        nodes = [new for node in model.graph.node for new in _older(node, constants)]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        for opset in model.opset_import:
            if opset.domain in ("", "ai.onnx"):
                opset.version = OPSET
    return model


def _drop_identities(graph: onnx.GraphProto) -> None:
    """Connect what stands before an Identity with what stands after; exporters share weights through them."""
    outputs = {value.name for value in graph.output}
    alias: dict[str, str] = {}
    kept = []
    for node in graph.node:
        if node.op_type == "Identity" and node.output[0] not in outputs:
            alias[node.output[0]] = alias.get(node.input[0], node.input[0])
        else:
            for k, name in enumerate(node.input):
                node.input[k] = alias.get(name, name)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def _older(node: onnx.NodeProto, constants: dict[str, TensorProto]) -> list[onnx.NodeProto]:
    """A node of a newer opset as nodes of `OPSET`. Most newer versions only allow more types, and stay as they are."""
    if node.op_type.startswith("Reduce") and node.op_type != "ReduceSum" and len(node.input) == 2:
        axes = numpy_helper.to_array(constants[node.input[1]]).ravel().tolist()
        made = helper.make_node(node.op_type, [node.input[0]], list(node.output), name=node.name, axes=axes)
        made.attribute.extend(a for a in node.attribute if a.name == "keepdims")
        return [made]
    if node.op_type == "Gelu":
        if any(a.name == "approximate" and a.s == b"tanh" for a in node.attribute):
            raise NotImplementedError("Gelu, approximated by tanh")
        return _gelu(node)
    if node.op_type == "Reshape":
        # Without it a 0 in the shape would copy a dimension; networks of pictures have no empty ones.
        for attribute in [a for a in node.attribute if a.name == "allowzero"]:
            node.attribute.remove(attribute)
    return [node]


def _gelu(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """x / 2 * (1 + erf(x / sqrt 2))."""
    x, y, base = node.input[0], node.output[0], node.name or node.output[0]

    def constant(name: str, value: float) -> onnx.NodeProto:
        tensor = helper.make_tensor(f"{base}_{name}_value", TensorProto.FLOAT, [], [value])
        return helper.make_node("Constant", [], [f"{base}_{name}"], name=f"{base}_{name}_node", value=tensor)

    return [
        constant("root", float(np.sqrt(2.0))),
        constant("one", 1.0),
        constant("half", 0.5),
        helper.make_node("Div", [x, f"{base}_root"], [f"{base}_a"], name=f"{base}_div"),
        helper.make_node("Erf", [f"{base}_a"], [f"{base}_b"], name=f"{base}_erf"),
        helper.make_node("Add", [f"{base}_b", f"{base}_one"], [f"{base}_c"], name=f"{base}_add"),
        helper.make_node("Mul", [x, f"{base}_c"], [f"{base}_d"], name=f"{base}_mul"),
        helper.make_node("Mul", [f"{base}_d", f"{base}_half"], [y], name=f"{base}_scale"),
    ]


def _folded(path: Path) -> onnx.ModelProto:
    """The network with its constants folded by onnxruntime: what is computed from shapes alone becomes numbers."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        options.log_severity_level = 4
        fusions = ["ConvAddFusion", "ConvMulFusion", "ConvBNFusion", "FuseReluClip", "GemmActivationFusion"]
        onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=fusions
        )
        return onnx.load(options.optimized_model_filepath)


def difference_from_onnxruntime(module: nn.Module, path: Path, name: str, shape: tuple[int, ...], last: bool) -> float:
    """Largest difference of the outputs from onnxruntime's on a picture of noise, as a share of the largest output."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    noise = np.random.default_rng(0).random(shape, np.float32)
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        expected = [np.asarray(o) for o in session.run(None, {name: noise.transpose(0, 2, 3, 1) if last else noise})]
    except Exception as error:  # onnxruntime's errors have no class of their own.
        raise InputError(f"onnxruntime cannot run the network ({first_line(error)})", where=path) from None
    with torch.no_grad():
        outputs = module(torch.from_numpy(noise))
    answers = [np.asarray(o) for o in (outputs if isinstance(outputs, (tuple, list)) else [outputs])]
    if [o.shape for o in expected] != [o.shape for o in answers]:
        return float("inf")
    return max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1.0)) for a, b in zip(expected, answers, strict=True))


def metadata_classes(model: onnx.ModelProto) -> list[str] | None:
    """The classes that the file names in its metadata (``classes``, ``labels`` or ``names``), split at commas."""
    properties = {prop.key.lower(): prop.value for prop in model.metadata_props}
    text = next((properties[key] for key in ("classes", "labels", "names") if key in properties), None)
    return None if text is None else [name for part in text.split(",") if (name := part.strip(" '\"[]"))]


def _shaped(spec: InputSpec, last: bool) -> tuple[int, ...]:
    return (1, *spec.size, spec.depth) if last else (1, spec.depth, *spec.size)


def from_onnx(request: Request) -> Model:
    """``onnx: FILE``, with ``output``; size and channels come from the file where they are fixed there.

    The network is converted to torch layers, so that it has gradients, and compared with onnxruntime on noise.
    """
    path = request.path(request.value, "ONNX file")
    graph = read(path, request.where)
    name, shape = picture_input(graph, request.where)
    last = shape[3] in (1, 3) and shape[1] not in (1, 3)
    channels = shape[3] if last else shape[1]
    height, width = (shape[1], shape[2]) if last else (shape[2], shape[3])
    known: dict[str, Any] = {}
    if channels in (1, 3):
        known["channels"] = "rgb" if channels == 3 else "grey"
    if height and width:
        known["size"] = (height, width)
    spec = request.input(known)
    named = metadata_classes(graph)
    classes = tuple(named) if named and request.spec.get("classes") is None else request.classes
    module: nn.Module = to_torch(graph, path, request.where, _shaped(spec, last))
    if last:
        module = ChannelsLast(module)
    count = spec.depth
    if shape[0] == 1 or not takes_several(module, (2, count, *spec.size)):
        module = Single(module)
    off = difference_from_onnxruntime(module, path, name, (1, count, *spec.size), last)
    if not off <= TOLERANCE:
        raise InputError(
            f"its torch form answers otherwise than onnxruntime (by {off:.2g})",
            where=request.where,
            hint="export it again with opset 17 or lower, or load it as torch.export or through a factory",
        )
    source = {"kind": "onnx", "file": str(path), "sha256": file_sha256(path), "off_onnxruntime": off}
    return Model(request.name, classes, module, spec, request.output, source=source)
