"""One run of the chaos suite by hand.

    python -m tests.chaos --seed 1 --requests 20000 --faults 34
    python -m tests.chaos --seed 1 --requests 20000 --faults 34 --cluster
    python -m tests.chaos --seed 1 --requests 400 --faults 4 --only "repeat messages" --forget

    python -m tests.chaos --table runs.json                                what was written with --json, in Markdown

The one before the last is the negative control: without an inbox it has to fail.

Ends with 1 when the auditor finds anything. --json FILE appends the figures as a line, --keep leaves logs and data.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.faults import CLUSTER, SINGLE
from tests.chaos.report import as_text, table, write
from tests.chaos.run import Terms, run


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--faults", type=int, default=34)
    parser.add_argument("--accounts", type=int, default=24)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--cluster", action="store_true", help="three servers, every stream on all of them")
    parser.add_argument("--forget", action="store_true", help="switch the inbox off")
    parser.add_argument("--only", choices=sorted({*SINGLE, *CLUSTER}), help="this kind of fault and no other")
    parser.add_argument("--json", type=Path, help="append the figures to this file")
    parser.add_argument("--keep", type=Path, help="use this folder and leave everything in it")
    parser.add_argument("--table", type=Path, help="run nothing, print the figures in this file")
    asked = parser.parse_args()
    if asked.table is not None:
        print(table(asked.table.read_text().splitlines()))
        return
    terms = Terms(
        asked.seed,
        asked.requests,
        asked.faults,
        asked.accounts,
        asked.in_flight,
        asked.cluster,
        not asked.forget,
        asked.only,
    )
    directory = asked.keep or Path(tempfile.mkdtemp(prefix="postkontor-chaos-"))
    try:
        result = asyncio.run(run(terms, directory, lambda line: print(line, flush=True)))
    finally:
        if asked.keep is None:
            shutil.rmtree(directory, ignore_errors=True)
    print(as_text(result))
    if asked.json is not None:
        with asked.json.open("a") as file:
            write(result, file)
    sys.exit(1 if result.violations else 0)


if __name__ == "__main__":
    main()
