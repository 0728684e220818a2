"""A program that uses renderq, as an example of what to test."""

from pathlib import Path

from renderq import Client, JobFailed, ServiceUnavailable


class TryLater(Exception):
    """Cards cannot be made now."""


def make_card(client: Client, name: str, folder: Path) -> Path | None:
    """Render a greeting card for a person; `None` if it could not be rendered. Raises `TryLater`."""
    try:
        job = client.run(f"a birthday card for {name}", width=512, height=384)
    except JobFailed:
        return None
    except ServiceUnavailable as error:
        raise TryLater from error
    return client.images(job)[0].save(folder / f"{name}.png")
