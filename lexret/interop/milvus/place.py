"""Where vectors lie in Milvus: a file, a server or a cluster, and a collection there."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from lexret.engine.segments.manifest import BackendEntry
from lexret.errors import InputError

NAME: Final = "milvus"
ROW: Final = "_row"
"""The field of an index that tells a picture's row; a picture without words has none."""
TOKEN_VARIABLE: Final = "LEXRET_MILVUS_TOKEN"
_SCHEMES: Final = ("http", "https", "tcp", "unix")
_COLLECTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


@dataclass(frozen=True, slots=True)
class MilvusPlace:
    """Place of an index's vectors.

    Attributes:
        uri: of a server or cluster, or the absolute path of a file of Milvus Lite.
        collection: its name there.
        owner: an identity that the index and its collection share and no other index has.
    """

    uri: str
    collection: str
    owner: str

    @classmethod
    def new(cls, uri: str, collection: str | None = None) -> Self:
        """Return the place of a new index.

        Args:
            uri: ``http://host:19530``, ``https://...``, or a file that ends in ``.db``.
            collection: a name; by default one that no other index has.

        Raises:
            InputError: if one of both cannot be used, or the URI holds a password.
        """
        owner = uuid.uuid4().hex
        name = f"lexret_{owner[:12]}" if collection is None else collection
        if _COLLECTION.fullmatch(name) is None:
            raise InputError(
                f"The collection {name!r} cannot be named so; expected a letter or underscore, "
                "then letters, digits and underscores, at most 255."
            )
        return cls(checked_uri(uri), name, owner)

    @classmethod
    def of(cls, entry: BackendEntry) -> Self:
        """Return the place that a manifest records."""
        values = entry.values
        return cls(values["uri"], values["collection"], values["owner"])

    def entry(self) -> BackendEntry:
        """Return what a manifest records."""
        values = {"uri": self.uri, "collection": self.collection, "owner": self.owner}
        return BackendEntry(NAME, values)

    @property
    def is_file(self) -> bool:
        """Whether it is a file of Milvus Lite."""
        return "://" not in self.uri

    def __str__(self) -> str:
        return f"The collection {self.collection} of Milvus at {self.uri}"


def checked_uri(uri: str) -> str:
    """Return a URI as it is recorded: a file by its absolute path.

    Raises:
        InputError: if it is none that Milvus is found by, or holds a user name or password.
    """
    if "://" not in uri:
        if not uri.endswith(".db"):
            raise InputError(
                f"{uri!r} is no place of Milvus; expected http://HOST:19530 or https://HOST, or "
                "for Milvus Lite a file whose name ends in .db."
            )
        return str(Path(uri).resolve())
    parts = urlsplit(uri)
    if parts.scheme not in _SCHEMES or not (parts.netloc or parts.scheme == "unix"):
        raise InputError(f"{_shown(uri)!r} is no place of Milvus; expected http://HOST:19530.")
    if "@" in parts.netloc or parts.query:
        raise InputError(
            f"The URI {_shown(uri)!r} holds a user name, a password or other secrets, which would "
            f"be written into the index as plain text. Set the variable {TOKEN_VARIABLE} to "
            "USER:PASSWORD or to a token, and leave them out of the URI."
        )
    return uri


def _shown(uri: str) -> str:
    """Return a URI without what may be secret."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
