"""`taxonomy-pipeline hub-upload`: a published build goes to a model hub, by hand or by a timer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer


def hub_upload_command(
    build: Annotated[
        str, typer.Argument(help="The build's name, such as 2026-01-05.1; what is served without.")
    ] = "",
    repository: Annotated[
        int, typer.Option(help="The numeric id of the taxonomy's repository: whose build it is.")
    ] = 0,
) -> None:
    """Upload a build to the model hub that HUB_REPOSITORY and HUB_TOKEN name, verified, in one commit."""
    from pipeline.build_orders import PublishedBuild
    from pipeline.hub_upload import Hub, HubError, upload
    from pipeline.model_store import ModelStore, ModelStoreError
    from pipeline.settings import PipelineSettingsError, read_pipeline_settings

    try:
        settings = read_pipeline_settings()
    except PipelineSettingsError as error:
        _stop(str(error), 2)
    if not settings.hub_repository or not settings.hub_token.get_secret_value():
        _stop(
            "No hub is set: TAXONOMY_PIPELINE_HUB_REPOSITORY names the model's repository there, such as "
            "organisation/model, and TAXONOMY_PIPELINE_HUB_TOKEN is a token that may write to it.",
            2,
        )
    if not repository:
        _stop(
            "Whose build? Name the taxonomy's repository with --repository ID, as TAXONOMY_BOT_REPOSITORIES does.",
            2,
        )
    try:
        store = ModelStore(settings.model_store_url, repository)
        found: PublishedBuild | None = store.find(build) if build else store.latest()
        if found is None:
            what = f"There is no build {build!r} of repository {repository}" if build else "Nothing is served yet"
            _stop(f"{what}, in the store of models {settings.model_store_url}.", 2)
        with tempfile.TemporaryDirectory() as place:
            store.fetch(found, Path(place) / found.name)
            hub = Hub(settings.hub_repository, settings.hub_token, settings.hub_endpoint)
            address = upload(found.name, Path(place) / found.name, hub)
    except (ModelStoreError, HubError) as error:
        _stop(str(error), 1)
    typer.echo(f"{found.name} is on the hub: {address}")


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)
