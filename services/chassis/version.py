"""Which code this is."""

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("postkontor")
    except PackageNotFoundError:  # run from a folder that nobody has installed
        return "not installed"


VERSION = _version()
