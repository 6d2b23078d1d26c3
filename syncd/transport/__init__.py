"""The one HTTP client: quotas, retries, breaker, limits, redaction. Stores, ERPs and sinks talk through it alone."""

from syncd.transport.answer import Answer, clock_of
from syncd.transport.client import HttpClient
from syncd.transport.edges import QuietListener, TransportListener
from syncd.transport.limits import Limits
from syncd.transport.session import make_session
from syncd.transport.signing import BasicSigner, HeaderSigner, OAuth1Signer, QueryKeySigner, Signer

__all__ = [
    "Answer",
    "BasicSigner",
    "HeaderSigner",
    "HttpClient",
    "Limits",
    "OAuth1Signer",
    "QueryKeySigner",
    "QuietListener",
    "Signer",
    "TransportListener",
    "clock_of",
    "make_session",
]
