"""The MISP server that the settings name, through PyMISP."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from pymisp import PyMISP
from pymisp.exceptions import PyMISPError

from matcher.errors import BadSettings, FetchFailed, Unauthorized


def connect(settings: Mapping[str, Any], timeout: float | None = None) -> PyMISP:
    """Return a connection. timeout: seconds that a request may take, misp.timeout without.

    Raises BadSettings, Unauthorized for a key that is not taken, FetchFailed.
    """
    url, key = settings["misp.url"].rstrip("/"), settings["misp.key"]
    if urlsplit(url).scheme not in ("http", "https") or not key:
        raise BadSettings("misp.url and misp.key are needed: the address of the MISP server, and the key of a user there")
    # It logs what it sent where a server fails.
    logging.getLogger("pymisp").disabled = True
    ca_file = settings["misp.ca_file"] or settings["network.ca_file"]
    trusted: bool | str = (str(ca_file) if ca_file else True) if settings["misp.verify"] else False
    try:
        return PyMISP(url, key, ssl=trusted, proxies=_proxies(settings), tool="kuato", timeout=timeout or settings["misp.timeout"])
    except PyMISPError as error:
        text = str(error)
        if "403" in text or "401" in text or "Authentication failed" in text:
            raise Unauthorized(f"MISP at {url} does not take misp.key; is it right, and may the user use the API?") from None
        if "CERTIFICATE_VERIFY_FAILED" in text or "SSL" in text:
            raise FetchFailed(f"the certificate of {url} is not trusted (misp.ca_file)") from None
        raise FetchFailed(f"MISP at {url} cannot be reached, or does not answer as MISP does (misp.url)") from None
    except requests.RequestException as error:
        raise FetchFailed(f"MISP at {url} cannot be reached: {type(error).__name__} (misp.url)") from None


def _proxies(settings: Mapping[str, Any]) -> dict[str, str] | None:
    url = settings["misp.proxy"] or settings["network.proxy"]
    if not url and settings["network.environment"]:
        return None
    # An empty text keeps the environment's proxies out.
    return dict.fromkeys(("http", "https"), "" if url == "none" else url)
