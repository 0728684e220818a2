"""Render several prompts at once and print their progress: `python async_batch.py out/ "a cat" "a dog"`."""

import asyncio
import sys
from pathlib import Path

from renderq import AsyncClient, JobNotSucceeded


async def render(client: AsyncClient, prompt: str, folder: Path) -> Path | None:
    """Render one prompt. Returns the file, or `None` if the job did not succeed."""
    handle = await client.submit(prompt)
    async for event in handle.events():
        progress = event.job.progress
        print(f"{handle.id}  {event.job.status:<10} {progress.step:3}/{progress.steps:<3}  {prompt}")
    try:
        await handle.wait()  # has ended already: raises if it did not succeed
    except JobNotSucceeded as error:
        print(error, file=sys.stderr)
        return None
    return await handle.images[0].save(folder / f"{handle.id}.png")


async def main(folder: str, *prompts: str) -> int:
    async with AsyncClient() as client:
        paths = await asyncio.gather(*(render(client, prompt, Path(folder)) for prompt in prompts))
    return 1 if None in paths else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
