"""Does something when events came in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .about import About, Finding


@dataclass(frozen=True)
class Request:
    """For whom."""

    namespace: str = ""
    sensor: str = ""
    name: str = ""


@dataclass(frozen=True)
class Executed:
    """What was done, in a sentence without values of secrets, and what the other side answered, which policies look at."""

    message: str
    answer: Any = None


@dataclass(frozen=True)
class PolicyState:
    """`state` is met, pending (asked again with back-off) or violated: `why`."""

    state: str = "met"
    why: str = ""


class Trigger:
    """What a trigger does. `Config` is its configuration, a dataclass."""

    Config: type

    def check(self, config: Any) -> list[Finding]:
        """What is wrong with a configuration beyond its types."""
        return []

    def execute(self, config: Any, request: Request, payload: Any, idempotency_key: str) -> Executed:
        """Does it. The key is the same when it is done again because nobody knows whether it was done: pass it on."""
        raise NotImplementedError

    def resolve(self, config: Any, request: Request) -> Any:
        """What the configuration (a document as it was written) means before parameters of events are filled in; most give it back."""
        return config

    def check_policy(self, config: Any, request: Request, policy: Any, executed: Executed) -> PolicyState:
        """Whether what was done is as the trigger's policy wants it."""
        return PolicyState()


def component(about: About, plugin: Trigger) -> tuple[type, type]:
    """The exports `Description` and `Action`."""
    from wit_world.exports import action, description

    from .component import answer, describe, parse

    def read(asked: Any) -> tuple[Any, Request]:
        return parse(plugin.Config, asked.config), Request(asked.namespace, asked.sensor, asked.name)

    def done(made: Executed) -> Any:
        return action.Executed(made.message, json.dumps(made.answer), [])

    def state(of: PolicyState) -> Any:
        if of.state == "violated":
            return action.PolicyState_Violated(of.why)
        return {"met": action.PolicyState_Met, "pending": action.PolicyState_Pending}[of.state]()

    def resolved(asked: Any) -> str:
        request = Request(asked.namespace, asked.sensor, asked.name)
        return json.dumps(plugin.resolve(json.loads(asked.config), request))

    class Action:
        def resolve(self, request: Any) -> str:
            return answer(lambda: resolved(request))

        def execute(self, request: Any, payload: str, idempotency_key: str) -> Any:
            return answer(lambda: done(plugin.execute(*read(request), json.loads(payload), idempotency_key)))

        def check_policy(self, request: Any, policy: str, executed: Any) -> Any:
            was = Executed(executed.message, json.loads(executed.answer))
            return answer(lambda: state(plugin.check_policy(*read(request), json.loads(policy), was)))

    return describe(about, plugin, description.Kind_Trigger), Action
