"""Words that follow a number. Pure."""


def noun(count: int, one: str, many: str = "") -> str:
    """The word for what is counted: `one` of it, or `many`, which is `one` and an "s" where it is left out."""
    return one if count == 1 else many or f"{one}s"
