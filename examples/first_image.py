"""Render one image and save it: `python first_image.py "a lighthouse" lighthouse.png`."""

import sys

from renderq import Client, JobNotSucceeded


def main(prompt: str, path: str) -> int:
    with Client() as client:
        handle = client.submit(prompt, seed=42)
        print(f"submitted {handle.id}")
        try:
            handle.wait(timeout=300)
        except JobNotSucceeded as error:
            print(error, file=sys.stderr)
            return 1
        print(f"saved {handle.images[0].save(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
