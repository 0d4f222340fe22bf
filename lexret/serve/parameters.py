"""Parameters that several addresses of the API take."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query
from pydantic import AfterValidator

from lexret.files.names import text_to_name

MAX_ID: Final = 3 * 4096 + 6  # a path of the greatest length, all its bytes encoded
Id = Annotated[
    str,
    Query(max_length=MAX_ID, description="A picture's id, as a search gives it."),
    AfterValidator(text_to_name),
]
Text = Annotated[str, Query(description="A query: see docs/query-language.md.")]
Image = Annotated[str | None, Query(max_length=64, description="Key of a picture sent before.")]
Like = Annotated[
    str | None,
    Query(max_length=MAX_ID, description="Id of a picture of the index."),
    AfterValidator(lambda text: text and text_to_name(text)),
]
Copies = Annotated[bool, Query(description="Give each copy of a file as a hit of its own.")]
Box = Annotated[str | None, Query(max_length=40, description="Part of it: x,y,width,height.")]
