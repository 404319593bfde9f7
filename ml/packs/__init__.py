"""Model packs: weights with a manifest, verified before a byte is parsed.

pack = load_pack("dlib-resnet-v1", root=default_root(), allowed_licences=from_environment())
network = ml.runtime.load(pack, device="cpu")
"""

from ml.packs.licences import PERMISSIVE, from_environment
from ml.packs.manifest import TEMPLATES, InputSpec, Manifest, OutputSpec, Role
from ml.packs.pack import Pack, open_pack
from ml.packs.store import active, default_root, installed, load_pack, open_active, use

__all__ = [
    "PERMISSIVE",
    "TEMPLATES",
    "InputSpec",
    "Manifest",
    "OutputSpec",
    "Pack",
    "Role",
    "active",
    "default_root",
    "from_environment",
    "installed",
    "load_pack",
    "open_active",
    "open_pack",
    "use",
]
