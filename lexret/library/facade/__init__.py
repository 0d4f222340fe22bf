"""Facade of the library: the parts of `Library`, which `lexret.library.library` puts together."""
