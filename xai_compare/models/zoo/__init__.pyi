from .network import ZOO as ZOO
from .network import Network as Network
from .network import network as network
