"""Label selectors in kubectl's syntax: parsed, matched, and written back in one canonical form.

Grammar and meaning are those of `k8s.io/apimachinery/pkg/labels`: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x)`,
`a`, `!a`, `a>5`, `a<5`, joined by commas that mean "and". `!=` and `notin` also match objects that lack the label. One
liberty: any run of commas in a value list is read as empty values, where Kubernetes refuses some (`(x,,)`).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.errors import UsageError

_TOKEN = re.compile(r"[ \t\r\n]*(?P<text>==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+)")
_SYMBOLS = frozenset({"==", "!=", "=", "!", "(", ")", ",", "<", ">"})
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[0-9]+")
_MAX_INTEGER = 2**63 - 1
_MAX_NAME = 63
_MAX_SUBDOMAIN = 253


class Operator(enum.Enum):
    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    ABSENT = "!"
    GREATER = ">"
    LESS = "<"


class Requirement(NamedTuple):
    """One condition on one label. `a=b` is IN with one value, `a!=b` NOT_IN with one value."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()  # sorted, without repeats; one for GREATER and LESS, none for EXISTS and ABSENT

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value in self.values
            case Operator.NOT_IN:
                return value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.ABSENT:
                return value is None
            case Operator.GREATER | Operator.LESS:
                if value is None or (number := _integer(value)) is None:
                    return False
                limit = int(self.values[0])
                return number > limit if self.operator is Operator.GREATER else number < limit

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN | Operator.NOT_IN if len(self.values) == 1:
                return f"{self.key}{'=' if self.operator is Operator.IN else '!='}{self.values[0]}"
            case Operator.IN | Operator.NOT_IN:
                return f"{self.key} {self.operator.value} ({','.join(self.values)})"
            case Operator.EXISTS:
                return self.key
            case Operator.ABSENT:
                return f"!{self.key}"
            case Operator.GREATER | Operator.LESS:
                return f"{self.key}{self.operator.value}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that all must hold; none at all match everything. Equal selectors have equal `str()`."""

    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def of(cls, requirements: Iterable[Requirement]) -> LabelSelector:
        return cls(tuple(sorted(set(requirements), key=str)))

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """Text in kubectl's syntax → selector. Raises UsageError that names the position of what is wrong."""
        return cls.of(_Parser(text).requirements())

    @classmethod
    def from_object(
        cls, match_labels: Mapping[str, str], match_expressions: Sequence[Expression] = ()
    ) -> LabelSelector:
        """The form that objects hold. It comes from the API server, which has validated it."""
        equal = [Requirement(key, Operator.IN, (value,)) for key, value in match_labels.items()]
        return cls.of(
            equal + [Requirement(key, OPERATORS[name], _ordered(values)) for key, name, values in match_expressions]
        )

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


class Expression(NamedTuple):
    """One entry of an object's `matchExpressions`."""

    key: str
    operator: str  # In, NotIn, Exists, DoesNotExist
    values: Sequence[str] = ()


OPERATORS = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.ABSENT,
}


class _Token(NamedTuple):
    text: str  # "" at the end
    position: int

    @property
    def is_word(self) -> bool:
        return self.text != "" and self.text not in _SYMBOLS

    def __str__(self) -> str:
        return repr(self.text) if self.text else "the end"


class _Parser:
    """Recursive descent over the tokens; `in` and `notin` are operators only where an operator must stand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [_Token(found["text"], found.start("text")) for found in _TOKEN.finditer(text)]
        self._tokens.append(_Token("", len(text)))
        self._next = 0

    def requirements(self) -> Iterator[Requirement]:
        if not self._peek().text:
            return
        yield self._requirement()
        while (token := self._take()).text == ",":
            yield self._requirement()
        if token.text:
            raise self._error(token, "a comma or the end")

    def _requirement(self) -> Requirement:
        negated = self._peek().text == "!"
        if negated:
            self._take()
        key = self._key()
        if negated:
            return Requirement(key, Operator.ABSENT)
        if self._peek().text in {"", ","}:
            return Requirement(key, Operator.EXISTS)
        match (operator := self._take()).text:
            case "=" | "==":
                return Requirement(key, Operator.IN, (self._value(),))
            case "!=":
                return Requirement(key, Operator.NOT_IN, (self._value(),))
            case "in" | "notin":
                return Requirement(key, Operator(operator.text), self._list())
            case ">" | "<":
                return Requirement(key, Operator(operator.text), (self._number(),))
            case _:
                raise self._error(operator, "one of = == != in notin > <")

    def _key(self) -> str:
        token = self._take()
        if not token.is_word:
            raise self._error(token, "a label's name")
        prefix, slash, name = token.text.rpartition("/")
        if slash and (len(prefix) > _MAX_SUBDOMAIN or not _SUBDOMAIN.fullmatch(prefix)):
            raise self._invalid(token, "a label's prefix is a DNS name in lower case, as in example.com/name")
        if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
            raise self._invalid(token, f"a label's name has 1 to {_MAX_NAME} letters, digits and - _ . inside")
        return token.text

    def _value(self) -> str:
        """One value, possibly empty: what is missing before a comma, a parenthesis or the end is the empty value."""
        token = self._peek()
        if token.text in {"", ",", ")"}:
            return ""
        self._take()
        if not token.is_word:
            raise self._error(token, "a value")
        if len(token.text) > _MAX_NAME or not _NAME.fullmatch(token.text):
            raise self._invalid(token, f"a label's value has up to {_MAX_NAME} letters, digits and - _ . inside")
        return token.text

    def _list(self) -> tuple[str, ...]:
        if (token := self._take()).text != "(":
            raise self._error(token, "an opening parenthesis")
        values = [self._value()]
        while (token := self._take()).text == ",":
            values.append(self._value())
        if token.text != ")":
            raise self._error(token, "a comma or a closing parenthesis")
        return _ordered(values)

    def _number(self) -> str:
        token = self._peek()
        value = self._value()
        if _integer(value) is None:
            raise self._invalid(token, "> and < compare with a whole number")
        return value

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        """The next token. The end can be taken again and again."""
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _error(self, token: _Token, expected: str) -> UsageError:
        return self._invalid(token, f"expected {expected}, found {token}")

    def _invalid(self, token: _Token, why: str) -> UsageError:
        return UsageError(
            f"the label selector {self._text!r} is not valid",
            why=f"at character {token.position + 1}: {why}",
            next="Write it as for kubectl, for example: app=web,tier in (front,back),!canary",
        )


def _ordered(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _integer(text: str) -> int | None:
    """As strconv.ParseInt reads it: None for what is no number or needs more than 64 bits."""
    if not _INTEGER.fullmatch(text) or (number := int(text)) > _MAX_INTEGER:
        return None
    return number
