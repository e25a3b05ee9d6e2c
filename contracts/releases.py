"""What was released last: a copy of the schemas and the digests of the golden messages, below contracts/released."""

import hashlib
import json
from pathlib import Path

from contracts.json_schema import Schema, text_of

HERE = Path(__file__).parent
RELEASED = HERE / "released"


def released_version() -> str:
    """Return the version of the contracts that was released last."""
    return json.loads((RELEASED / "release.json").read_text(encoding="utf-8"))["version"]


def released_digests() -> dict[str, str]:
    """Return the digest of every released golden message by its file name; empty before the first release."""
    if not (RELEASED / "release.json").exists():
        return {}
    return json.loads((RELEASED / "release.json").read_text(encoding="utf-8"))["golden"]


def golden_digests() -> dict[str, str]:
    """Return the digest of every golden message as it stands now, by its file name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(HERE.glob("golden/*.json"))}


def rewritten() -> list[str]:
    """Return the released golden messages that are no longer what they were, or gone."""
    now = golden_digests()
    return [name for name, digest in released_digests().items() if now.get(name) != digest]


def schemas_below(folder: Path) -> dict[str, Schema]:
    """Return every schema below a folder by its path, such as `evt/mailbox.mailbox-created.v1.json`."""
    paths = sorted(folder.glob("*/*.json"))
    return {path.relative_to(folder).as_posix(): json.loads(path.read_text(encoding="utf-8")) for path in paths}


def release(version: str) -> None:
    """Make the present schemas and golden messages the released ones."""
    for path in RELEASED.glob("schemas/*/*.json"):
        path.unlink()
    for name, schema in schemas_below(HERE / "schemas").items():
        copy = RELEASED / "schemas" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text_of(schema), encoding="utf-8")
    record = {"version": version, "golden": golden_digests()}
    (RELEASED / "release.json").write_text(text_of(record), encoding="utf-8")
