from .crop import Crop as Crop
from .crop import Frame as Frame
from .crop import align as align
from .crop import frame as frame
from .folders import read_folder as read_folder
from .folders import read_pattern as read_pattern
from .manifest import read_manifest as read_manifest
from .reading import read_image as read_image
