"""Generate ``batchcalls.v1`` from the proto files, or check that what is committed is fresh.

It runs in an environment of its own (``make proto``), with the oldest grpcio-tools that the
package supports: newer code refuses to load under older protobuf, and grpcio-tools would
cap the protobuf of the working environment. It doesn't lint: buf does.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO_ROOT = ROOT / "proto"
OUTPUT_ROOT = ROOT / "server"
PACKAGE = Path("batchcalls/v1")
GENERATED = "*_pb2*.py*"


def main() -> int:
    """Generate in place, or with ``--check`` compare; exit code 1 means stale."""
    if sys.argv[1:] not in ([], ["--check"]):
        print("usage: generate_proto.py [--check]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        fresh = Path(directory)
        _generate(fresh)
        if sys.argv[1:]:
            return _check(fresh / PACKAGE, OUTPUT_ROOT / PACKAGE)
        _replace(fresh / PACKAGE, OUTPUT_ROOT / PACKAGE)
    return 0


def _generate(output_root: Path) -> None:
    """Write messages for every file, and stubs for those alone that declare a service."""
    sources = [str(path.relative_to(PROTO_ROOT)) for path in sorted(PROTO_ROOT.rglob("*.proto"))]
    services = [source for source in sources if source.endswith("_service.proto")]
    _protoc(f"--python_out={output_root}", f"--mypy_out=quiet:{output_root}", *sources)
    _protoc(f"--grpc_python_out={output_root}", f"--mypy_grpc_out=quiet:{output_root}", *services)


def _protoc(*arguments: str) -> None:
    scripts = Path(sys.executable).parent
    plugins = [f"--plugin={scripts}/protoc-gen-{name}" for name in ("mypy", "mypy_grpc")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO_ROOT}", *plugins]
    subprocess.run([*command, *arguments], check=True)


def _check(fresh: Path, committed: Path) -> int:
    stale = sorted(
        name
        for name in _names(fresh) | _names(committed)
        if _content(fresh / name) != _content(committed / name)
    )
    for name in stale:
        print(f"{committed.relative_to(ROOT) / name} is stale: run `make proto`", file=sys.stderr)
    return 1 if stale else 0


def _replace(fresh: Path, committed: Path) -> None:
    for name in _names(committed) - _names(fresh):
        (committed / name).unlink()
    for name in _names(fresh):
        shutil.copyfile(fresh / name, committed / name)


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.glob(GENERATED)}


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
