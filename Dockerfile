# The server, once for all roles: web (the default command), worker, beat and management commands.

FROM python:3.11-slim AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
COPY requirements/runtime.txt .
# The lock is complete and every package has its hash: nothing is resolved, nothing unknown installed.
RUN /venv/bin/pip install --require-hashes --no-deps -r runtime.txt

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AGENTSERVER_DATA=/data \
    STATIC_ROOT=/app/staticfiles
# Owned by the user of the server, and so are the volumes that are first mounted there.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin agentserver \
    && install --directory --owner agentserver /data /metrics
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
RUN SECRET_KEY=only-while-the-image-is-built AGENTSERVER_DATA=/tmp/build \
    python manage.py collectstatic --no-input --verbosity 0 \
    && rm -rf /tmp/build
USER agentserver
EXPOSE 8000
# WEB_CONCURRENCY sets the number of processes. The control socket would need a home folder.
CMD ["gunicorn", "agentserver.asgi:application", "--worker-class", "asgi", \
     "--bind", "0.0.0.0:8000", "--graceful-timeout", "30", \
     "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]
