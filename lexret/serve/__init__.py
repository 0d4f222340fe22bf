"""A page to search with, and the JSON API behind it: ``lexret serve``.

It only reads: no request changes a file. FastAPI and uvicorn come with ``lexret[serve]``.
"""
