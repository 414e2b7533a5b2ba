"""Resolve a CloudFormation template's functions to plain values, as far as our own template uses them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devtool.errors import DirectFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ABSENT = {"Ref": "AWS::NoValue"}
_PLACEHOLDER = re.compile(r"\$\{([^}!]+)\}")


class Unknown(DirectFailed):
    """The template refers to something that has no value here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """What names stand for: `Table` (a Ref) or `Table.Arn` (an attribute), parameters and `AWS::` names among them."""

    names: Mapping[str, str]
    conditions: Mapping[str, Any]

    def resolve(self, value: Any) -> Any:
        """Return the value with every function in it carried out. Raises Unknown, naming what has no value."""
        match value:
            case {"Fn::Sub": str(text)}:
                return _PLACEHOLDER.sub(lambda found: self._named(found[1]), text)
            case {"Ref": str(name)}:
                return self._named(name)
            case {"Fn::GetAtt": [str(resource), str(attribute)]}:
                return self._named(f"{resource}.{attribute}")
            case {"Fn::Split": [str(separator), text]}:
                return str(self.resolve(text)).split(separator)
            case dict() if strange := [name for name in value if name.startswith("Fn::") and name != "Fn::If"]:
                raise Unknown(f"the template uses {', '.join(strange)}, which ./dev direct does not know")
        return self._inside(value, self.resolve)

    def decide(self, value: Any) -> Any:
        """Carry out the conditions only: what is left still refers to resources, for CloudFormation to resolve."""
        return self._inside(value, self.decide)

    def _inside(self, value: Any, go_on: Callable[[Any], Any]) -> Any:
        match value:
            case {"Fn::If": [str(condition), yes, no]}:
                return go_on(yes if self._holds(condition) else no)
            case dict():
                return {
                    name: done for name, inner in value.items() if (done := self._or_absent(inner, go_on)) != _ABSENT
                }
            case list():
                return [done for inner in value if (done := self._or_absent(inner, go_on)) != _ABSENT]
        return value

    def _or_absent(self, value: Any, go_on: Callable[[Any], Any]) -> Any:
        """Carry out what is inside, unless that is nothing at all: `_ABSENT` is no name to be resolved."""
        while isinstance(value, dict) and set(value) == {"Fn::If"}:
            condition, yes, no = value["Fn::If"]
            value = yes if self._holds(condition) else no
        return _ABSENT if value == _ABSENT else go_on(value)

    def _named(self, name: str) -> str:
        if name not in self.names:
            raise Unknown(f"nothing says what {name} is")
        return self.names[name]

    def _holds(self, condition: str) -> bool:
        match self.conditions[condition]:
            case {"Fn::And": [*parts]}:
                return all(self._holds(part["Condition"]) for part in parts)
            case {"Fn::Equals": [left, right]}:
                return bool(self.resolve(left) == self.resolve(right))
        raise Unknown(f"the condition {condition} is of a kind that ./dev direct does not know")
