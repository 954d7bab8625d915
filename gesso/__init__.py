"""gesso's supported Python API: the client, its results and the errors they raise."""

__version__ = "0.1.0"

__all__ = ["__version__"]
