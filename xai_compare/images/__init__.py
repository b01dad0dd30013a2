"""Pictures: manifests, reading, alignment and crop."""

from xai_compare.images.crop import Crop, Frame, align, frame
from xai_compare.images.manifest import read_folder, read_manifest
from xai_compare.images.reading import read_image

__all__ = ["Crop", "Frame", "align", "frame", "read_folder", "read_image", "read_manifest"]
