"""Bring a running Grafana to the state of the code; the same twice changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from grafana_client import GrafanaApi
from grafana_client.client import (
    GrafanaClientError,
    GrafanaException,
    GrafanaServerError,
    GrafanaUnauthorizedError,
)

from dashboards.grafana import provisioning
from dashboards.grafana.build import boards
from ingest.connections import InfluxConnection
from models.errors import UserError

_NOT_FOUND = 404
# What Grafana itself adds or counts.
_OF_GRAFANA = ("id", "version", "iteration")

# The tree of policies is the whole Grafana's, and others may have theirs in it: so each rule names
# by itself whom it calls.
_CALLS = {"notification_settings": {"receiver": provisioning.CONTACT}}

Document = dict[str, Any]


class Change(NamedTuple):
    """What was done, or in a dry run would be."""

    kind: str
    name: str
    action: str


class Sync:
    """One Grafana and what it shall have."""

    def __init__(self, api: GrafanaApi, *, dry_run: bool) -> None:
        self._api = api
        self._dry_run = dry_run

    def run(self, influx: InfluxConnection, *, email: str | None) -> Iterator[Change]:
        """Folder, data source, boards, whom alerts call, and the alert rules; in this order."""
        yield self._folder()
        yield self._datasource(influx)
        for uid, board in boards().items():
            yield self._board(uid, board)
        if email is not None:
            for point in provisioning.contact_points():
                yield self._contact_point(point, email)
        for rule in provisioning.rules():
            yield self._rule(rule if email is None else rule | _CALLS)

    def _folder(self) -> Change:
        uid, title = provisioning.FOLDER_UID, provisioning.FOLDER
        found = _found(lambda: self._api.folder.get_folder(uid))
        return self._settle(
            Change("folder", title, _action(found, {"title": title})),
            lambda: self._api.folder.create_folder(title, uid=uid),
            lambda: self._api.folder.update_folder(uid, title=title, overwrite=True),
        )

    def _datasource(self, influx: InfluxConnection) -> Change:
        """Its secret cannot be read back; a digest beside it says whether it is still the same."""
        authorization = f"Token {influx.secret()}"
        source = provisioning.datasource(
            url=influx.url or "", bucket=influx.bucket, authorization=authorization
        )
        source["jsonData"] |= {"heartwardSecret": _digest(authorization)}
        visible = {name: value for name, value in source.items() if name != "secureJsonData"}
        found = _found(lambda: self._api.datasource.get_datasource_by_uid(source["uid"]))
        return self._settle(
            Change("data source", source["name"], _action(found, visible)),
            lambda: self._api.datasource.create_datasource(source),
            lambda: self._api.datasource.update_datasource_by_uid(source["uid"], source),
        )

    def _board(self, uid: str, board: Document) -> Change:
        stored = _found(lambda: self._api.dashboard.get_dashboard(uid))
        found = None if stored is None else stored["dashboard"]
        wanted = {name: value for name, value in board.items() if name not in _OF_GRAFANA}

        def put() -> None:
            self._api.dashboard.update_dashboard(
                {
                    "dashboard": wanted | {"id": None},
                    "folderUid": provisioning.FOLDER_UID,
                    "overwrite": True,
                    "message": "heartward dashboards sync",
                }
            )

        return self._settle(Change("board", board["title"], _action(found, wanted)), put, put)

    def _rule(self, rule: Document) -> Change:
        wanted = rule | {"folderUID": provisioning.FOLDER_UID, "ruleGroup": "heartward", "orgID": 1}
        found = _found(lambda: self._api.alertingprovisioning.get_alertrule(rule["uid"]))
        return self._settle(
            Change("alert rule", rule["title"], _action(found, wanted)),
            lambda: self._api.alertingprovisioning.create_alertrule(wanted),
            lambda: self._api.alertingprovisioning.update_alertrule(rule["uid"], wanted),
        )

    def _contact_point(self, point: Document, email: str) -> Change:
        settings = point["settings"] | {"addresses": email}
        wanted = point | {"name": provisioning.CONTACT, "settings": settings}
        every = self._api.alertingprovisioning.get_contactpoints()
        found = next((each for each in every if each.get("uid") == point["uid"]), None)
        return self._settle(
            Change("contact point", wanted["name"], _action(found, wanted)),
            lambda: self._api.alertingprovisioning.create_contactpoint(wanted),
            lambda: self._api.alertingprovisioning.update_contactpoint(point["uid"], wanted),
        )

    def _settle(
        self, change: Change, create: Callable[[], Any], update: Callable[[], Any]
    ) -> Change:
        if not self._dry_run and change.action != "as it is":
            (create if change.action == "created" else update)()
        return change


def sync(
    url: str,
    token: str | None,
    influx: InfluxConnection,
    *,
    email: str | None = None,
    dry_run: bool = False,
) -> list[Change]:
    """Bring the Grafana at this address to the state of the code.

    Raises
    ------
    UserError
        In one line, when it is away, does not let us in, or refuses something.
    """
    try:
        api = GrafanaApi.from_url(url, credential=_credential(token))
        return list(Sync(api, dry_run=dry_run).run(influx, email=email))
    except GrafanaUnauthorizedError:
        raise UserError(
            f"Grafana {url} does not let us in: check HEARTWARD_GRAFANA_TOKEN"
        ) from None
    except (GrafanaClientError, GrafanaServerError) as error:
        raise UserError(f"Grafana {url} refuses: {error.message}") from None
    except (GrafanaException, OSError) as error:
        raise UserError(f"Grafana {url} cannot be used: {error}") from None


def _credential(token: str | None) -> Any:
    from grafana_client import TokenAuth  # noqa: PLC0415 (only with a token)

    return None if token is None else TokenAuth(token)


def _digest(secret: str) -> str:
    """What tells a secret from another and is none; tokens are too random to be guessed by it."""
    return blake2b(secret.encode(), digest_size=8, person=b"grafana").hexdigest()


def _found(ask: Callable[[], Any]) -> Document | None:
    """What there is; None where Grafana says that there is nothing."""
    try:
        document: Document = ask()
    except GrafanaClientError as error:
        if error.status_code == _NOT_FOUND:
            return None
        raise
    return document


def _action(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> str:
    if found is None:
        return "created"
    return "as it is" if _holds(found, wanted) else "changed"


def _holds(found: Any, wanted: Any) -> bool:
    """Whether everything wanted is there; what Grafana adds by itself does not count."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            name in found and _holds(found[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(map(_holds, found, wanted))
        )
    return bool(found == wanted)
