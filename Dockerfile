# The gateway, or with another command its worker: docker run … flask --app wsgi worker
# The steps are the Makefile's, in stages, so that neither Node nor a compiler nor a package cache ends up in the image.
FROM python:3.11-slim AS make
# Which make it is does not matter, and Debian keeps none but its newest.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/ventanilla
COPY Makefile ./

FROM make AS assets
COPY requirements-local.txt package.json package-lock.json .npmrc build.mjs ./
COPY static static
# The kit's stylesheet is cut down to what these have words for.
COPY templates/dashboard templates/dashboard
COPY app/dashboard app/dashboard
COPY translations translations
RUN make assets

FROM make AS libraries
COPY requirements.txt ./
RUN make .venv/.gateway

FROM python:3.11-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin ventanilla \
    && install --directory --owner ventanilla --group ventanilla --mode 0700 /var/lib/ventanilla
WORKDIR /srv/ventanilla
COPY --from=libraries /srv/ventanilla/.venv .venv
COPY --from=assets /srv/ventanilla/static/dist static/dist
COPY --from=assets /srv/ventanilla/translations translations
COPY migrations migrations
COPY templates templates
COPY app app
COPY wsgi.py gunicorn.conf.py ./
ENV PATH=/srv/ventanilla/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 PORT=8000 INSTANCE_DIR=/var/lib/ventanilla
# By its number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8000
# Longer than gunicorn's graceful_timeout before `docker stop` kills: docker stop --time 75
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD ["python", "-c", \
    "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=2)"]
# The worker is the same image with another command: docker run … flask --app wsgi worker
CMD ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
