"""Exit with 0 if the API of this container is ready (Redis and the store answer), else with 1 and the reasons."""

import http.client
import os
import sys

TIMEOUT_S = 4
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound


def main() -> int:
    host = os.environ.get("RENDERQ_HOST") or "127.0.0.1"
    port = int(os.environ.get("RENDERQ_PORT") or 8400)
    connection = http.client.HTTPConnection(ANY_ADDRESS.get(host, host), port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz", headers={"Host": f"localhost:{port}"})
        answer = connection.getresponse()
        reasons = answer.read(4096).decode(errors="replace")
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if answer.status != http.client.OK:
        sys.stderr.write(f"{answer.status} {reasons}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
