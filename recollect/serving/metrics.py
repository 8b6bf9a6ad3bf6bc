"""What Prometheus reads at /metrics: numbers by route, tool and outcome; no content, no ids.

Where there are several workers, whichever is asked tells the numbers of all, each series with the
number of its worker: a sum that shrinks because a worker was replaced would look like a restart
of all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult
from prometheus_client import (
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recollect.history.store import Recollect
from recollect.mcp_server.tools import DEFINITIONS
from recollect.serving.siblings import Place, Siblings

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_TOOLS = frozenset(definition.run.__name__ for definition in DEFINITIONS)


class Metrics:
    """The numbers of one process, and of the others that serve with it.

    opened:  gives the store once it is open.
    place:   this process among others; None: it is alone.
    """

    def __init__(self, opened: Callable[[], Recollect | None], place: Place | None = None) -> None:
        disable_created_metrics()  # the time of each series' birth, which doubles their number
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "recollect_http_request_seconds",
            "How long requests took",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._tools = Histogram(
            "recollect_tool_seconds",
            "How long calls of MCP tools took",
            ["tool", "outcome"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_OfStore(opened))
        ProcessCollector(registry=self._registry)
        self._workers = 1 if place is None else len(place.ports)
        self._siblings = None if place is None else Siblings(place, lambda: _plain(self._registry))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Take note of a request."""
        self._requests.labels(method, route, status).observe(seconds)

    async def time_tools(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Middleware of the MCP server."""
        if ctx.method != "tools/call":
            return await call_next(ctx)
        name = (ctx.params or {}).get("name")
        tool = name if isinstance(name, str) and name in _TOOLS else "unknown"
        began = time.perf_counter()
        outcome = "error"
        try:
            result = await call_next(ctx)
            outcome = "error" if _failed(result) else "ok"
            return result
        finally:
            self._tools.labels(tool, outcome).observe(time.perf_counter() - began)

    def route(self) -> Route:
        async def page(_request: Request) -> Response:
            numbers = self._registry
            if self._siblings is not None:
                numbers = _registry_of(_OfAll(await self._siblings.ask(), self._workers))
            return Response(generate_latest(numbers), media_type=CONTENT_TYPE_LATEST)

        return Route("/metrics", page, methods=["GET"])


class _OfStore(Collector):
    """The numbers that the store keeps itself, read when somebody asks."""

    def __init__(self, opened: Callable[[], Recollect | None]) -> None:
        self._opened = opened

    def collect(self) -> Iterator[Metric]:
        store = self._opened()
        if store is None:
            return
        counts, use = store.counts, store.pool_use()
        appends = CounterMetricFamily("recollect_appends", "Appends by outcome", labels=["outcome"])
        for outcome, number in counts.appends.items():
            appends.add_metric([outcome], number)
        yield appends
        yield CounterMetricFamily("recollect_messages", "Messages that were stored", value=counts.messages)
        conflicts = counts.appends["moved"] + counts.appends["branched"]
        yield CounterMetricFamily("recollect_conflicts", "Appends that found another head", value=conflicts)
        yield CounterMetricFamily(
            "recollect_retries", "Statements sent again on a new connection", value=counts.retries
        )
        reads = CounterMetricFamily(
            "recollect_replica_reads", "Reads sent to the replica, by how it went", labels=["outcome"]
        )
        for outcome, number in counts.replica.items():
            reads.add_metric([outcome], number)
        yield reads
        connections = GaugeMetricFamily(
            "recollect_pool_connections", "Connections to the database", labels=["state"]
        )
        connections.add_metric(["free"], use.free)
        connections.add_metric(["busy"], use.open - use.free)
        yield connections
        yield GaugeMetricFamily("recollect_pool_size", "Most connections at once", value=use.size)
        yield GaugeMetricFamily("recollect_pool_waiting", "Callers that wait for one", value=use.waiting)


class _OfAll(Collector):
    """The numbers of several workers, which each told what `_plain` gives.

    told:     by the number of the worker.
    workers:  how many there are.
    """

    def __init__(self, told: Mapping[int, list[Any]], workers: int) -> None:
        self._told = told
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for number, told in self._told.items():
            for name, about, kind, samples in told:
                family = families.setdefault(name, Metric(name, about, kind))
                for sample, labels, value in samples:
                    family.add_sample(sample, {**labels, "worker": str(number)}, value)
        yield from families.values()
        workers = GaugeMetricFamily(
            "recollect_workers", "Workers, by whether their numbers are among these", labels=["numbers"]
        )
        workers.add_metric(["here"], len(self._told))
        workers.add_metric(["missing"], self._workers - len(self._told))
        yield workers


def _plain(registry: CollectorRegistry) -> list[Any]:
    """All numbers of a registry as JSON holds them."""
    return [
        [family.name, family.documentation, family.type, [list(sample[:3]) for sample in family.samples]]
        for family in registry.collect()
    ]


def _registry_of(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def _failed(result: HandlerResult) -> bool:
    if isinstance(result, CallToolResult):
        return result.is_error is True
    return isinstance(result, dict) and result.get("isError") is True
