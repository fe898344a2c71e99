"""Read, verify and run a model that is one sealed directory. Needs numpy, msgspec and ONNX Runtime only."""

from slipway.bundle.manifest import Manifest
from slipway.bundle.model import Bundle
from slipway.bundle.verify import load_bundle

__all__ = ["Bundle", "Manifest", "load_bundle"]
