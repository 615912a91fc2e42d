"""The check that a test world switches on: everything the simulator hears and says is held against GitHub."""

from __future__ import annotations

from functools import cache

from bot.simulator import Delivery, Simulator
from bot.simulator.server import RequestRecord, ResponseRecord
from tests.fidelity.graphql_api import graphql_violations
from tests.fidelity.rest import RestRules
from tests.fidelity.webhooks import webhook_violations


@cache
def _rest_rules() -> RestRules:
    return RestRules()


class FidelityCheck:
    """Collects where a request, a response or a webhook breaks GitHub's published schemas.

    Raises: NpmUnavailableError where the schemas cannot be had (skip the test then).
    """

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._rest = _rest_rules()

    def watch(self, simulator: Simulator) -> None:
        """Check all that `simulator` hears and says from now on."""
        simulator.observers.append(self._see_exchange)
        simulator.delivery_observers.append(self._see_delivery)

    def _see_exchange(self, request: RequestRecord, response: ResponseRecord) -> None:
        if request.path == "/graphql":
            found = graphql_violations(request, response)
        else:
            found = self._rest.violations(request, response)
        where = f"{request.method} {request.path} -> {response.status}"
        self.violations.extend(f"{where}: {text}" for text in found)

    def _see_delivery(self, delivery: Delivery) -> None:
        where = f"webhook {delivery.event}.{delivery.action}"
        self.violations.extend(f"{where}: {text}" for text in webhook_violations(delivery))
