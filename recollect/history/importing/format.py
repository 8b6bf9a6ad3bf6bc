"""What a format's module gives: how to recognise it, and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.elements import Element
from recollect.models.imported import Found, ImportedConversation, Problem

Elements = Iterator[Element | Problem]


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """One format of exports.

    title:    for people.
    matches:  whether an object of a file belongs to it.
    read:     (objects of a file, the file's name without its end) -> conversations.
    """

    title: str
    matches: Callable[[JsonObject], bool]
    read: Callable[[Elements, str], Iterator[Found]]


def one_each(
    matches: Callable[[JsonObject], bool],
    read: Callable[[JsonObject], ImportedConversation],
    what: str,
) -> Callable[[Elements, str], Iterator[Found]]:
    """The reader of files whose every object is a conversation."""

    def each(elements: Elements, stem: str) -> Iterator[Found]:
        for element in elements:
            if isinstance(element, Problem):
                yield element
            elif not matches(element.value):
                yield Problem(element.where, f"is no conversation: it has not {what}")
            else:
                found = read(element.value)
                for note in element.notes:
                    found.notes.converted[note] += 1
                yield found

    return each
