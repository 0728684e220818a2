"""Create the bucket of RENDERQ_STORE if it does not exist. Runs once, before API and workers start."""

import os
import sys
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

OWNED = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def main() -> int:
    store = urlsplit(os.environ.get("RENDERQ_STORE", ""))
    if store.scheme != "s3" or not store.netloc:
        sys.stderr.write("RENDERQ_STORE must be s3://BUCKET/PREFIX\n")
        return 2
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        connect_timeout=5,
        read_timeout=10,
        retries={"total_max_attempts": 5, "mode": "standard"},
    )
    client = boto3.client("s3", config=config)
    try:
        client.create_bucket(Bucket=store.netloc)
    except ClientError as error:
        if error.response["Error"]["Code"] not in OWNED:
            sys.stderr.write(f"{error}\n")
            return 1
    except BotoCoreError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
