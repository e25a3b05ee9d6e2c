"""Fill the templates of this folder with values: the configuration of a mail server on Postkontor's views.

    python examples/mailserver/render.py my-values /tmp/mailserver

writes postfix/ and dovecot/ below the folder named. The test of the mail server uses the same templates and this
program, with other values.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")
EXAMPLE = Path(__file__).with_name("values.example")
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
SECRET = re.compile(r"password")  # the files that hold one are for their owner and group alone


def read_values(file: Path) -> dict[str, str]:
    """Return the values of a file: lines `name = value`; lines that begin with # are comments."""
    lines = [line for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}


def render(values: Mapping[str, str], destination: Path) -> list[Path]:
    """Write every template with its placeholders filled; raise ValueError for a value missing or without a use."""
    templates = {path.relative_to(TEMPLATES): path.read_text() for path in sorted(TEMPLATES.glob("*/**/*.*"))}
    wanted = {name for text in templates.values() for name in PLACEHOLDER.findall(text)}
    if wanted != set(values):
        raise ValueError(f"missing: {sorted(wanted - set(values))}; not known: {sorted(set(values) - wanted)}")
    return [_write(destination / path, text, values) for path, text in templates.items()]


def _write(file: Path, template: str, values: Mapping[str, str]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    file.chmod(0o600)  # before anything is in it
    file.write_text(PLACEHOLDER.sub(lambda match: values[match[1]], template))
    file.chmod(0o640 if any(SECRET.search(name) for name in PLACEHOLDER.findall(template)) else 0o644)
    return file


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    if len(arguments) != 2:
        sys.exit(f"{__doc__}\nAll values are explained in {EXAMPLE}.")
    try:
        for file in render(read_values(Path(arguments[0])), Path(arguments[1])):
            print(file)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
