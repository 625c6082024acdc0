# syntax=docker/dockerfile:1
# One image for every service of ours: Airflow's parts, the edge service, and the task that prepares the databases.
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
ARG UV_VERSION=0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/venv
RUN pip install --no-cache-dir "uv==${UV_VERSION}"
WORKDIR /opt/marketflow
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-default-groups --group containers --group stores --no-install-project

FROM python:${PYTHON}
RUN groupadd --gid 10001 marketflow \
    && useradd --uid 10001 --gid marketflow --home-dir /opt/airflow --no-create-home --shell /usr/sbin/nologin marketflow \
    && install --directory --owner=marketflow --group=marketflow /opt/airflow /opt/airflow/logs /var/lib/marketflow /collected
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/marketflow
COPY pyproject.toml LICENSE README.md ./
COPY sql sql
COPY include include
COPY plugins plugins
COPY dags dags
# byte-code of our own too: the user of the container cannot write it
RUN /opt/venv/bin/python -m compileall -q include
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/marketflow/include \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/marketflow/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/marketflow/plugins \
    AIRFLOW__CORE__SENSITIVE_VAR_CONN_NAMES=message_ids \
    MARKETFLOW_ROOT=/opt/marketflow \
    MARKETFLOW_HOME=/var/lib/marketflow \
    MARKETFLOW_LANDING=/landing \
    MARKETFLOW_COLLECTOR_LOG=/collected
USER marketflow
CMD ["airflow", "version"]
