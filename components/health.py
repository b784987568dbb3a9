"""Import what an image is made of and print the versions: `python -m components.health light|heavy`."""

import argparse
import importlib
import sys
from importlib import metadata

from components.images import Group

MODULES: dict[Group, dict[str, str]] = {
    "light": {
        "boto3": "boto3",
        "cv2": "opencv-python-headless",
        "jinja2": "jinja2",
        "mlflow.pyfunc": "mlflow-skinny",
        "numpy": "numpy",
        "pandas": "pandas",
        "pydantic": "pydantic",
        "safetensors.numpy": "safetensors",
        "sqlalchemy": "sqlalchemy",
        "yaml": "pyyaml",
    },
    "heavy": {
        "ddlivm.detector.mmdet": "mmdet",
        "lightning.fabric": "lightning",
        "scipy.fft": "scipy",
        "segment_anything": "segment-anything",
        "timm": "timm",
        "torch": "torch",
        "torchvision": "torchvision",
    },
}
"""What is imported, and the distribution that it proves."""


def main() -> int:
    """Import and print; return 1 after one line if something cannot be imported."""
    parser = argparse.ArgumentParser("python -m components.health", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("group", choices=sorted(MODULES), help="what the image holds")
    group: Group = parser.parse_args().group
    print(f"python {sys.version.split()[0]}")
    print(f"ddlivm {metadata.version('ddlivm')}")
    for module, distribution in (MODULES["light"] | MODULES[group]).items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"health: {distribution}: cannot be imported ({error})", file=sys.stderr)
            return 1
        print(f"{distribution} {metadata.version(distribution)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
