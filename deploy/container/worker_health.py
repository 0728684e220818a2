"""Exit with 0 if the worker of this container is registered and takes jobs, else with 1.

A readiness probe, not a liveness probe: a hanging worker ends itself, and while Redis is down no worker is registered.
"""

import socket
import sys

from renderq_shared.errors import RenderqSharedError
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis.store import RedisJobStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import WorkerSettings


def main() -> int:
    settings = WorkerSettings()
    name = settings.worker_name
    with sync_client(settings.redis_url) as client:
        try:
            workers = RedisJobStore(client).call(commands.workers())
        except RenderqSharedError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    own = [w for w in workers if (w.id == name if name else w.id.startswith(f"{socket.gethostname()}-"))]
    if not any(not worker.draining for worker in own):
        sys.stderr.write("draining\n" if own else "not registered\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
