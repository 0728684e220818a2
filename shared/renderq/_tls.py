"""TLS settings of the client's connections."""

import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx2

from renderq.errors import ConfigurationError


def create_tls_context(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context that trusts the CA certificates of `SSL_CERT_FILE`, else `SSL_CERT_DIR`, else the system's.

    Raises `ConfigurationError` if the variable names something else.
    """
    file, folder = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if file:
        return _trust("SSL_CERT_FILE", file, "a file of CA certificates in PEM")
    if folder and not Path(folder).is_dir():
        raise ConfigurationError(_message("SSL_CERT_DIR", folder, "not a folder", "a folder of CA certificates"))
    if folder:
        return _trust("SSL_CERT_DIR", folder, "a folder of CA certificates")
    return httpx2.create_ssl_context(trust_env=False)


def _trust(variable: str, path: str, expected: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if Path(path).is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:  # includes ssl.SSLError
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(_message(variable, path, reason, expected)) from error
    return context


def _message(variable: str, value: str, reason: str, expected: str) -> str:
    return f"the environment variable {variable} names {value}: {reason}; set it to {expected}, or unset it"
