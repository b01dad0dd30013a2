"""The parts of EMERT: gradient reversal, sequences of features, projections, and the cross-attention transformer.

The names of the modules are those of the released state dicts, one misspelling included, so that weights trained with
the authors' program fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn

MODALITIES = ("face", "eye", "fixation")
"""In the order in which tokens are concatenated."""


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0] * -ctx.strength, None


def reverse_gradient(x: torch.Tensor, strength: float = 1.0) -> torch.Tensor:
    """``x`` itself going forward; going back, the gradient times ``-strength`` (Ganin et al. 2016).

    What follows then learns to name the modality, while what comes before learns to make that impossible: one
    optimizer and one loss do both. Without the reversal, the common features would learn to be told apart.

    >>> x = torch.ones(2, requires_grad=True)
    >>> reverse_gradient(3 * x).sum().backward()
    >>> x.grad
    tensor([-3., -3.])
    """
    reverse: Callable[[torch.Tensor, float], torch.Tensor] = _Reversal.apply
    return reverse(x, strength)


def pooled_features(network: nn.Module, frames: torch.Tensor) -> torch.Tensor:
    """The 512 pooled features, ``(n, 512)``, of a torchvision ResNet-18 for pictures ``(n, 3, h, w)``; not its ``fc``.

    A backbone of another kind returns ``(n, features)`` itself.
    """
    if not hasattr(network, "layer4"):
        return network(frames)
    resnet: Any = network
    x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(frames))))
    x = resnet.layer4(resnet.layer3(resnet.layer2(resnet.layer1(x))))
    return resnet.avgpool(x).flatten(1)


class Features(nn.Module):
    """From frames, eye samples and fixations to three sequences of 128 features, or of the backbone's for the face.

    Args:
        backbone: pictures ``(n, 3, h, w)`` to ``(n, features)``.
        eye, fixation: numbers in each sample.
        layers: of each LSTM.
        unused_classifier: whether to hold the linear layer that the released networks hold and never run.
    """

    def __init__(self, backbone: nn.Module, eye: int, fixation: int, layers: int, unused_classifier: bool) -> None:
        super().__init__()
        self.f_extractor = backbone
        self.e_lstm = nn.LSTM(eye, 128, layers, batch_first=True)
        self.v_lstm = nn.LSTM(fixation, 128, layers, batch_first=True)
        if unused_classifier:
            self.classifier = nn.Linear(768, 7)

    def face(self, face: torch.Tensor) -> torch.Tensor:
        """Features ``(b, t, features)`` of frames ``(b, t, 3, h, w)``; features that are already pooled pass."""
        if face.ndim == 3:
            return face
        return pooled_features(self.f_extractor, face.flatten(0, 1)).unflatten(0, face.shape[:2])


def projection(width: int, two_layers: bool) -> nn.Sequential:
    """From 128 features to ``width``: one linear layer, or two by way of 64 with a LeakyReLU of slope 0.1."""
    if two_layers:
        return nn.Sequential(nn.Linear(128, 64), nn.LeakyReLU(0.1), nn.Linear(64, width))
    return nn.Sequential(nn.Linear(128, width))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        inner = heads * head_width
        self.heads, self.scale = heads, head_width**-0.5
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_k = nn.Linear(width, inner, bias=False)
        self.to_v = nn.Linear(width, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, width))

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, x in ((self.to_q, q), (self.to_k, k), (self.to_v, v))
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, scale=self.scale)
        return self.to_out(mixed.transpose(1, 2).flatten(2))


class _CrossAttention(nn.Module):
    """Attention with layer norms of their own for queries, keys and values."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.norm_q, self.norm_k, self.norm_v = (nn.LayerNorm(width) for _ in range(3))
        self.fn = _Attention(width, heads, head_width)

    def forward(self, queries: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        return self.fn(self.norm_q(queries), self.norm_k(memory), self.norm_v(memory))


class _FeedForward(nn.Module):
    """A normed layer of two; the names of its parts are those of the released state dicts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        # The identity stands where the released network drops nothing out, so that the second layer is number 3.
        layers = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Identity(), nn.Linear(width, width))
        self.fn = nn.ModuleDict({"net": layers})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fn["net"](self.norm(x))


class _Encoder(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([_CrossAttention(width, heads, head_width), _FeedForward(width)]) for _ in range(depth)
        )

    def forward(self, queries: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            attend, transform = cast(nn.ModuleList, layer)
            queries = queries + attend(queries, memory)
            queries = queries + transform(queries)
        return queries


class CrossTransformer(nn.Module):
    """Queries, the residual stream, attend to keys and values of another sequence (Liu et al. 2024, eq. 2)."""

    def __init__(self, tokens: int, width: int, depth: int = 2, heads: int = 8, head_width: int = 64) -> None:
        super().__init__()
        self.pos_embedding_s = nn.Parameter(0.02 * torch.randn(1, tokens, width))
        self.pos_embedding_t = nn.Parameter(0.02 * torch.randn(1, tokens, width))
        self.dropout = nn.Dropout(0.1)
        self.CrossTransformerEncoder = _Encoder(width, depth, heads, head_width)

    def forward(self, queries: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """Tokens ``(b, n, width)`` from two sequences of that shape."""
        memory = self.dropout(memory + self.pos_embedding_s)
        return self.CrossTransformerEncoder(self.dropout(queries + self.pos_embedding_t), memory)
