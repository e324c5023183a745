"""What SQLite's faults mean, for people. Pure."""

_MEANS = {
    "SQLITE_BUSY": "another process is writing to it",
    "SQLITE_CANTOPEN": "it cannot be opened: look at its folder, and at who may read it",
    "SQLITE_CORRUPT": "it is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk fails",
    "SQLITE_NOTADB": "it is damaged, or no SQLite file",
    "SQLITE_READONLY": "this user may not write to it",
}


def in_words(error: Exception) -> str:
    """SQLite's name of an error (https://sqlite.org/rescode.html) and what it means. Its own text is left off, for it
    may hold values."""
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    means = _MEANS.get("_".join(name.split("_")[:2]))
    return f"{name} ({means})" if means else name
