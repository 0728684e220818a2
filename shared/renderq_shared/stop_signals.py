"""Signals that stop a process gracefully."""

import signal

ESCALATING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGQUIT})
"""Signals that, received while the process is stopping, stop it sooner.

SIGHUP does not: a terminal that is closed sends several, and systemd sends one right after SIGTERM."""


def stop_signals() -> frozenset[signal.Signals]:
    """Return the signals to stop on: Ctrl-C, SIGTERM, Ctrl-\\ and the end of the terminal.

    The last two only if the process does not ignore them since its start, as with `nohup`.
    """
    optional = {signal.SIGQUIT, signal.SIGHUP}
    ignored = {number for number in optional if signal.getsignal(number) is signal.SIG_IGN}
    return (ESCALATING | optional) - ignored
