"""What all parts of the schema of routes.yaml have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A map with these keys and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


def written(default: str | list[str], description: str | None = None, *, alias: str | None = None) -> Any:
    """A field whose default is the text that a person would write."""
    return Field(default, description=description, alias=alias)
