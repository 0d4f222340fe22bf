"""A page to search with, and the JSON API behind it: ``lexret serve``.

No request changes a file, unless it is told to allow that. FastAPI and uvicorn come with
``lexret[serve]``.
"""
