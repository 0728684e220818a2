"""Render every row of a CSV file: `python bulk_from_csv.py prompts.csv out/`.

The file has the columns `name` and `prompt`. Rows whose image exists are skipped, and every row has an idempotency key
of its own: a run that was interrupted can be repeated, and renders nothing twice.
"""

import csv
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from renderq import Client, RenderqError

CONCURRENCY = 8
"""Jobs in flight: enough to fill a batch, and within a tenant's quota."""


@dataclass(frozen=True)
class Row:
    name: str
    prompt: str


def read_rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return [Row(row["name"], row["prompt"]) for row in csv.DictReader(file)]


def render(client: Client, row: Row, folder: Path) -> str | None:
    """Render one row. Returns an error message, or `None` if the image was saved."""
    path = folder / f"{row.name}.png"
    if path.exists():
        return None
    try:
        handle = client.submit(row.prompt, metadata={"row": row.name}, idempotency_key=f"{folder.name}/{row.name}")
        if handle.job.error:
            handle = handle.retry()  # it failed in an earlier run
        handle.wait()
        handle.images[0].save(path)
    except RenderqError as error:
        return str(error)
    return None


def main(source: str, target: str) -> int:
    rows, folder = read_rows(Path(source)), Path(target)
    with Client() as client, ThreadPoolExecutor(CONCURRENCY) as pool:
        errors = list(pool.map(lambda row: render(client, row, folder), rows))
    for row, error in zip(rows, errors, strict=True):
        if error:
            print(f"{row.name}: {error}", file=sys.stderr)
    failed = sum(error is not None for error in errors)
    print(f"{len(rows) - failed} of {len(rows)} images in {folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
