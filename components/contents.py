"""Print what this environment is made of, as a CycloneDX bill of materials: `python -m components.contents NAME`.

It holds Python's distributions, and Debian's packages where there are any.
"""

import argparse
import json
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

DEBIAN = Path("/var/lib/dpkg/status")
Component = dict[str, Any]


def main() -> None:
    """Print the bill of materials as JSON."""
    parser = argparse.ArgumentParser("python -m components.contents", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="what the bill is of, such as an image with its tag")
    name, _, version = parser.parse_args().name.partition(":")
    print(json.dumps(bill_of_materials(name, version), indent=1, sort_keys=True))


def bill_of_materials(name: str, version: str) -> dict[str, Any]:
    """Return the bill of materials; it depends on what is installed alone, so the same image gives the same bytes."""
    status = DEBIAN.read_text(encoding="utf-8") if DEBIAN.exists() else ""
    components = [*_distributions(), *debian_packages(status)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name, "version": version}},
        "components": sorted(components, key=lambda component: str(component["purl"])),
    }


def debian_packages(status: str) -> Iterator[Component]:
    """Yield the installed packages that dpkg's status file names."""
    for entry in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture|Status): (.*)$", entry, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            purl = f"pkg:deb/debian/{fields['Package']}@{fields['Version']}?arch={fields['Architecture']}"
            yield _component(fields["Package"], fields["Version"], purl)


def _distributions() -> Iterator[Component]:
    for distribution in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.name).lower()
        component = _component(name, distribution.version, f"pkg:pypi/{name}@{distribution.version}")
        licence = distribution.metadata.json.get("license_expression")
        yield component | ({"licenses": [{"expression": licence}]} if licence else {})


def _component(name: str, version: str, purl: str) -> Component:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


if __name__ == "__main__":
    main()
