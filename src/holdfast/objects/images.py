"""Other names for container images: `--map-image OLD=NEW`.

OLD is a registry (`docker.io`), a part of a path (`registry.example.com/team`) or a repository, and stands for everything at
and below it; with a tag or digest it stands for that image only. The tag or digest of the image is kept unless NEW names one.
`nginx` and `docker.io/library/nginx` are the same image, as container runtimes have it. The longest OLD that fits decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.errors import UsageError

_DEFAULT_REGISTRY = "docker.io"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_NAME = re.compile(rf"(?:{_HOST}|\[[0-9a-fA-F:]+\](?::[0-9]{{1,5}})?)(?:/{_COMPONENT})*|{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,}")
_PORT = re.compile(r"[0-9]{1,5}")


class Image(NamedTuple):
    """An image reference in its three parts; `tag` and `digest` may be empty."""

    name: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Image:
        """Any text: what is no reference becomes a name that nothing fits."""
        rest, _, digest = text.partition("@")
        name, colon, tag = rest.rpartition(":")
        if not colon or "/" in tag:
            return cls(rest, "", digest)
        if "/" not in name and _PORT.fullmatch(tag) and _is_registry(name):
            return cls(rest, "", digest)  # a port
        return cls(name, tag, digest)

    @property
    def is_exact(self) -> bool:
        return bool(self.tag or self.digest)

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True, slots=True)
class ImageMap:
    """Rules of OLD → NEW."""

    rules: tuple[tuple[Image, Image], ...] = field(default_factory=tuple)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def __getitem__(self, text: str) -> str:
        """An image reference as it is in an object → as it is to be."""
        image = Image.parse(text)
        fitting = [
            (old.is_exact, len(_full(old.name)), rest, new)
            for old, new in self.rules
            if (rest := _rest(old, image)) is not None
        ]
        if not fitting:
            return text
        *_, rest, new = max(fitting, key=lambda found: found[:2])
        kept = (new.tag, new.digest) if new.is_exact else (image.tag, image.digest)
        return str(Image(new.name + rest, *kept))


def _rest(old: Image, image: Image) -> str | None:
    """What follows OLD in the image's name; None if OLD does not fit."""
    if old.tag not in ("", image.tag) or old.digest not in ("", image.digest):
        return None
    for name, prefix in ((image.name, old.name), (_full(image.name), _full(old.name))):
        if name == prefix:
            return ""
        if not old.is_exact and name.startswith(f"{prefix}/"):
            return name[len(prefix) :]
    return None


def _full(name: str) -> str:
    """With the registry that runtimes add."""
    first, slash, _ = name.partition("/")
    if _is_registry(first):
        return name
    return f"{_DEFAULT_REGISTRY}/{name}" if slash else f"{_DEFAULT_REGISTRY}/library/{name}"


def _is_registry(first: str) -> bool:
    return "." in first or ":" in first or first == "localhost"


def parse_images(values: Iterable[str]) -> ImageMap:
    """`old=new` texts → mapping.

    Raises UsageError for a text of another shape, a part that no image can have, an OLD that is given twice with different NEWs,
    and a NEW with a tag or digest for an OLD that is a registry.
    """
    rules: dict[Image, Image] = {}
    for value in values:
        left, separator, right = value.partition("=")
        if not separator:
            raise _impossible(value, "it should read OLD=NEW")
        old, new = _checked(left, value), _checked(right, value)
        if new.is_exact and "/" not in old.name and _is_registry(old.name):
            raise _impossible(value, f"{old.name} is a registry, and all its images would become one")
        if rules.setdefault(old, new) != new:
            raise _impossible(value, f"{left} cannot become both {rules[old]} and {new}")
    return ImageMap(tuple(rules.items()))


def _checked(text: str, value: str) -> Image:
    image = Image.parse(text)
    if not _NAME.fullmatch(image.name):
        raise _impossible(value, f"{text!r} is not a registry, a path in one, or an image")
    if (text.rpartition("/")[2].endswith(":") or "@" in text) and not image.is_exact:
        raise _impossible(value, f"{text!r} ends without its tag or digest")
    if (image.tag and not _TAG.fullmatch(image.tag)) or (image.digest and not _DIGEST.fullmatch(image.digest)):
        raise _impossible(value, f"{text!r} has a tag or digest that no image can have")
    return image


def _impossible(value: str, why: str) -> UsageError:
    return UsageError(
        f"--map-image {value} is not possible",
        why=why,
        next="Write --map-image OLD=NEW, as in --map-image docker.io=registry.example.com/mirror.",
    )
