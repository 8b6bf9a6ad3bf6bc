"""Who is compared, and an environment for each."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts import environment

PROGRAMS = Path(__file__).parent / "programs"
CACHE = environment.ROOT / ".cache" / "peers"


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """One system. package: what its version is asked of; requirements: what is installed for it, in an
    environment of its own; none for what this project's environment has."""

    name: str
    program: str
    package: str
    requirements: tuple[str, ...] = ()


FLOOR = PeerSpec("bare asyncpg", "floor.py", "asyncpg")
OURS = PeerSpec("Recollect", "recollect_library.py", "recollect")
OTHERS = (
    PeerSpec(
        "OpenAI Agents SDK",
        "openai_agents.py",
        "openai-agents",
        ("openai-agents[sqlalchemy]", "asyncpg"),
    ),
    PeerSpec(
        "langchain-postgres",
        "langchain_history.py",
        "langchain-postgres",
        ("langchain-postgres", "psycopg[binary]", "psycopg-pool"),
    ),
    PeerSpec(
        "LangGraph checkpoints",
        "langgraph_checkpoints.py",
        "langgraph-checkpoint-postgres",
        ("langgraph", "langgraph-checkpoint-postgres", "psycopg[binary]", "psycopg-pool"),
    ),
    PeerSpec(
        "Google ADK",
        "adk_sessions.py",
        "google-adk",
        ("google-adk", "sqlalchemy[asyncio]", "asyncpg"),
    ),
    PeerSpec(
        "agno",
        "agno_sessions.py",
        "agno",
        ("agno", "sqlalchemy[asyncio]", "psycopg[binary]"),
    ),
    PeerSpec(
        "Chainlit",
        "chainlit_layer.py",
        "chainlit",
        ("chainlit", "sqlalchemy[asyncio]", "asyncpg"),
    ),
    PeerSpec(
        "LlamaIndex",
        "llama_index_store.py",
        "llama-index-storage-chat-store-postgres",
        ("llama-index-storage-chat-store-postgres", "sqlalchemy[asyncio]", "psycopg[binary]", "asyncpg"),
    ),
)
ALL = (FLOOR, OURS, *OTHERS)


def interpreter(spec: PeerSpec) -> Path:
    """The Python of a system's environment, which is made if it is not there yet.

    Raises: environment.NotInstalled.
    """
    if not spec.requirements:
        return Path(sys.executable)
    return environment.kept(f"peers/{Path(spec.program).stem}", spec.requirements)


def version(spec: PeerSpec, python: Path) -> str:
    """The version of its package that is installed there."""
    asked = f"from importlib.metadata import version; print(version({spec.package!r}))"
    done = subprocess.run([str(python), "-c", asked], capture_output=True, text=True, check=True)
    return done.stdout.strip()
