"""The answers of this door that MCP gives otherwise, as JSON."""

from __future__ import annotations

from recollect.models.as_json import JsonObject, iso, message_fields, message_without_content, without_nulls
from recollect.models.conversation import Branch, Conversation, ConversationPage, Erased, Summary
from recollect.models.message import Message, MessagePage, MessageSlice
from recollect.models.search import Neighbour, SearchHit, SearchPage


def conversation(conversation: Conversation) -> JsonObject:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "instructions": conversation.instructions,
        "metadata": conversation.metadata,
        "pinned": conversation.pinned,
        "archived_at": iso(conversation.archived_at),
        "deleted_at": iso(conversation.deleted_at),
        "created_at": iso(conversation.created_at),
        "updated_at": iso(conversation.updated_at),
        "head": conversation.head_seq,
        "last_seq": conversation.last_seq,
        "message_count": conversation.message_count,
        "linear": conversation.linear,
        "forked_from": conversation.forked_from,
        "forked_seq": conversation.forked_seq,
    }


def conversations(page: ConversationPage) -> JsonObject:
    return {
        "conversations": [conversation(one) for one in page.conversations],
        "next_cursor": page.next_cursor,
    }


def erased(erased: Erased) -> JsonObject:
    return {
        "conversations": erased.conversations,
        "messages": erased.messages,
        "summaries": erased.summaries,
    }


def branch(branch: Branch) -> JsonObject:
    return {
        "seq": branch.seq,
        "parent_seq": branch.parent_seq,
        "head": branch.head_seq,
        "current": branch.current,
        "role": branch.role,
        "text": branch.text,
        "created_at": iso(branch.created_at),
    }


def summary(summary: Summary) -> JsonObject:
    return {
        "upto_seq": summary.upto_seq,
        "content": summary.content,
        "token_count": summary.token_count,
        "created_at": iso(summary.created_at),
    }


def messages(page: MessagePage, max_chars: int) -> JsonObject:
    """A page whose messages were fetched with `max_chars`: longer ones are shown cut."""
    return {
        "messages": [_in_list(message, max_chars) for message in page.messages],
        "conversation_id": page.conversation_id,
        "head": page.head,
        "last_seq": page.last_seq,
        "more_before": page.more_before,
        "more_after": page.more_after,
    }


def slice_of(part: MessageSlice) -> JsonObject:
    return {
        **message_without_content(part.message),
        "text": part.text,
        "offset": part.offset,
        "total_chars": part.total_chars,
        "next_offset": part.next_offset,
    }


def hits(page: SearchPage) -> JsonObject:
    return {"hits": [_hit(one) for one in page.hits], "next_cursor": page.next_cursor}


def _hit(hit: SearchHit) -> JsonObject:
    return without_nulls(
        conversation_id=hit.conversation_id,
        title=hit.title,
        seq=hit.seq,
        parent_seq=None if hit.parent_seq == hit.seq - 1 else hit.parent_seq,
        role=hit.role,
        author=hit.author,
        at=iso(hit.at),
        snippet=hit.snippet,
        marks=hit.marks,
        score=hit.score,
        neighbours=[_neighbour(one) for one in hit.neighbours] or None,
    )


def _neighbour(one: Neighbour) -> JsonObject:
    return without_nulls(seq=one.seq, role=one.role, author=one.author, at=iso(one.at), text=one.text)


def _in_list(message: Message, max_chars: int) -> JsonObject:
    if len(message.text) > max_chars or message.parts_left_behind:
        return {**message_without_content(message), "text": message.text[:max_chars], "cut": True}
    return message_fields(message)
