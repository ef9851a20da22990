# One image for the web server, the workers, beat and the migrations.
FROM python:3.13-slim AS build

RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY renditions renditions
COPY workers workers
RUN pip install '.[service,s3]' 'flower>=2.0'


FROM python:3.13-slim

# A fixed user id, so that a volume keeps its owner when the image is rebuilt.
RUN groupadd --gid 10001 app && useradd --uid 10001 --gid app --no-create-home app \
    && install -d -o app -g app /srv/media /srv/static
COPY --from=build /venv /venv
COPY manage.py /srv/app/
COPY config /srv/app/config
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    MEDIA_ROOT=/srv/media \
    STATIC_ROOT=/srv/static \
    HOST=0.0.0.0
WORKDIR /srv/app
USER 10001:10001
RUN SECRET_KEY=only-to-collect-files python manage.py collectstatic --no-input --verbosity 0
EXPOSE 8000
CMD ["gunicorn", "-c", "python:config.gunicorn", "config.wsgi"]
