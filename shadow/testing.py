"""The checks that every normaliser, store, custody and vault must pass. Third parties run them on theirs."""

import pickle
from collections.abc import Sequence

from adapters.document import Tree
from shadow.custody.checks import check_custody
from shadow.normalisers.base import Normaliser
from shadow.sealed.checks import check_vault
from shadow.stores.checks import check_store

__all__ = ["check_custody", "check_normaliser", "check_store", "check_vault"]

_NO_VALUES: tuple[Tree, ...] = (None, "", True, False)


def check_normaliser(normaliser: Normaliser, samples: Sequence[Tree]) -> None:
    """Check a normaliser against its contract, on these scalars and null, "", true, false. Raises AssertionError."""
    assert _copy(normaliser) == normaliser, "goes to the judge's process, and is the same there"
    every = [*samples, *_NO_VALUES]
    for one in every:
        form = normaliser.form(one)
        assert hash(form) == hash(normaliser.form(one)), "a form is hashable, and always the same"
        if isinstance(form, str):
            assert normaliser.form(form) in (form, None), "what is normalised already stays as it is"
        for other in every:
            alike = normaliser.alike(one, other)
            assert alike == normaliser.alike(other, one), "symmetric"
            if alike:
                assert type(one) is type(other), "a value of another type is no variation of this one"
                assert form is not None, "what is alike has a form"
                assert form == normaliser.form(other), "what is alike has one form"
            if form is not None and one == other and type(one) is type(other):
                assert alike, "reflexive, where it has a say"
    for nothing in _NO_VALUES:
        assert not any(normaliser.alike(nothing, one) for one in samples if one not in _NO_VALUES), (
            "nothing is alike with no value")


def _copy(normaliser: Normaliser) -> object:
    return pickle.loads(pickle.dumps(normaliser))  # noqa: S301 (just written)
