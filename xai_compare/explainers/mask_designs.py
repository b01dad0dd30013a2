"""Which superpixels to hide together: independent draws, or a design that hides them evenly."""

from __future__ import annotations

import numpy as np

TRIES = 50


def random_masks(segments: int, n: int, seed: int) -> np.ndarray:
    """Masks, uint8 ``(n, segments)``, each switch on with probability one half; the first is the whole picture."""
    masks = np.random.default_rng(seed).integers(0, 2, (n, segments), dtype=np.uint8)
    masks[0] = 1
    return masks


def code_masks(segments: int, n: int, seed: int) -> np.ndarray:
    """Masks, uint8 ``(n, segments)``: the first words of a randomly shifted linear code.

    The code contains the word of all ones, so masks come in pairs of opposites, and any three superpixels show all
    eight states equally often (an orthogonal array of strength three) after every power of two that is large enough;
    main effects are then free of two-superpixel interactions. Of some random codes that with the fewest words of
    weight four in its dual is taken, for these confound interactions with one another. The shift makes each mask
    uniformly distributed by itself. The whole picture, which the lime package always adds, is left out: among all
    masks it is one in 2^segments, and where the output depends on everything being visible it misleads a regression.
    """
    rng = np.random.default_rng(seed)
    bits = max(int(np.ceil(np.log2(max(n, 2)))), int(np.ceil(np.log2(segments))) + 1)
    # Low bits that differ keep the columns apart already in the first words, so that one may stop early.
    low = int(np.ceil(np.log2(segments)))
    best: tuple[int, np.ndarray] | None = None
    # Counting grows with the square of the superpixels, so beyond 64 of them the first code is taken.
    for _ in range(TRIES if segments <= 64 else 1):
        columns = rng.permutation(1 << low)[:segments] | (rng.integers(0, 1 << (bits - 1 - low), segments) << low)
        words = _zero_sums(columns, 1 << (bits - 1)) if segments <= 64 else 0
        if best is None or words < best[0]:
            best = (words, columns)
    assert best is not None
    # The lowest bit is the word of all ones: it makes pairs of opposite masks, whose even interactions cancel.
    generators = (best[1] << 1) | 1
    parity = _parity(np.arange(n)[:, None] & generators[None])
    shift = rng.integers(0, 2, segments)
    return (parity ^ shift).astype(np.uint8)


def _zero_sums(columns: np.ndarray, size: int) -> int:
    """Number of pairs of pairs of columns with the same sum: thrice the dual code's words of weight four."""
    sums = (columns[:, None] ^ columns[None])[np.triu_indices(len(columns), 1)]
    count = np.bincount(sums, minlength=size)
    return int((count * (count - 1) // 2).sum())


def _parity(words: np.ndarray) -> np.ndarray:
    words = words.astype(np.int64)
    for shift in (32, 16, 8, 4, 2, 1):
        words = words ^ (words >> shift)
    return words & 1


def size_masks(players: int, n: int, seed: int) -> np.ndarray:
    """Different masks, uint8 ``(n, players)``: all, none, then opposites in pairs; all 2^players where n reaches them.

    Each pair is drawn with one probability of being shown for all players, uniform in [0, 1], so that every number of
    shown players is as likely as any other: Shapley values ask for nearly full and nearly empty masks, too.
    """
    if players < 31 and n >= 2**players:
        return (np.arange(2**players)[:, None] >> np.arange(players) & 1).astype(np.uint8)
    rng = np.random.default_rng(seed)
    masks = np.stack([np.ones(players, np.uint8), np.zeros(players, np.uint8)])
    while len(masks) < n:
        drawn = (rng.random((2 * n, players)) < rng.random((2 * n, 1))).astype(np.uint8)
        masks = different(np.concatenate([masks, np.stack([drawn, 1 - drawn], 1).reshape(-1, players)]))
    return masks[:n]


def different(masks: np.ndarray) -> np.ndarray:
    """The masks without repeats, in their order."""
    return masks[np.sort(np.unique(np.packbits(masks, axis=1), axis=0, return_index=True)[1])]
