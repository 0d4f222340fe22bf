"""Parts of the library as people meet it; `lexret.library.library` puts them together."""
