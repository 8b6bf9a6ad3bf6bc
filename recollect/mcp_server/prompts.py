"""The prompt with which a person takes up an earlier conversation."""

from __future__ import annotations

from typing import Annotated

from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS
from pydantic import Field

from recollect.mcp_server import render
from recollect.mcp_server.boundary import explain
from recollect.mcp_server.server import RecollectServer
from recollect.mcp_server.strict_tool import Reach
from recollect.models.errors import RecollectError

RESUME = "resume_conversation"


def add_prompts(server: RecollectServer, reach: Reach) -> None:
    """Give the server its prompts."""

    @server.prompt(
        name=RESUME,
        title="Resume a conversation",
        description="Load an earlier conversation and go on where it stopped.",
    )
    async def resume_conversation(
        conversation_id: Annotated[str, Field(description="Id of the conversation.")],
    ) -> str:
        try:
            window = await (await reach()).context(conversation_id)
        except RecollectError as error:
            raise MCPError(code=INVALID_PARAMS, message=explain(error)) from error
        return (
            f"Let us go on with the Recollect conversation {render.attribute(conversation_id)}. "
            "From here on, store what we say with open_turn and append_messages.\n\n"
            f"{render.window(window)}"
        )
