"""The twelve networks that Gaya-Morey et al. (2024, Table 1) compare, each with its input size and head.

Another package adds a network by naming a `Network` in the entry-point group ``xai_compare.zoo``.
"""

from xai_compare.models.zoo.network import ZOO, Network, network

__all__ = ["ZOO", "Network", "network"]
