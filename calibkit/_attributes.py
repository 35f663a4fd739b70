"""Attributes that are checked whenever they are set, not only by the constructor."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar


class CheckedAttributes:
    """A base of classes that refuse a wrong value of an attribute on every assignment.

    The value stays an ordinary attribute. Pickles, copies and the exported program therefore hold
    it as if it were not checked, and reading it costs nothing.
    """

    # A check returns the value to keep, or raises an error.
    _attribute_checks: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        check = self._attribute_checks.get(name)
        checked = value if check is None else check(value)
        self._check_together({**vars(self), name: checked})
        super().__setattr__(name, checked)

    def _check_together(self, attributes: Mapping[str, Any]) -> None:
        """Raise an error if attributes that are right on their own exclude each other."""
