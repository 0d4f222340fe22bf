"""Opening of the language model that a user names."""

from __future__ import annotations

from lexret.errors import InputError
from lexret.telling.language_model import LanguageModel


def is_address(place: str) -> bool:
    """Whether a language model is named by the address of a server."""
    return place.lower().startswith(("http://", "https://"))


def open_language_model(place: str, *, served: str | None = None) -> LanguageModel:
    """Open a language model.

    Args:
        place: the address of a server that speaks the OpenAI protocol, such as
            ``http://127.0.0.1:8080``, else a folder or a name for transformers.
        served: which of a server's models to ask.

    Raises:
        InputError: if the address or the model cannot be used, or ``served`` is given for a model
            that is not on a server.
        MissingError: if there is no such folder.
        MissingPackageError: if transformers is needed and not installed.
    """
    if is_address(place):
        from lexret.telling.server_model import ServerModel

        return ServerModel(place, served=served)
    if "://" in place:
        raise InputError(
            f"{place} is no language model; expected a folder, a name for transformers, or the "
            "address of a server, such as http://127.0.0.1:8080."
        )
    if served is not None:
        raise InputError(
            f"{served!r} is to be one of a server's models, but {place} is no address of a server, "
            "such as http://127.0.0.1:8080."
        )
    from lexret.telling.transformers_model import TransformersModel

    return TransformersModel(place)
