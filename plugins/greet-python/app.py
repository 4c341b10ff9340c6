"""The component's exports, made of three plugins: a component may be of several kinds."""

from colchis import event_subscriber, metric_provider, step
from colchis.component import several
from copy_step import Copy
from greet import ABOUT, Greet
from lines import Lines

Description, Provider, Subscriber, Step = several(
    ABOUT,
    metric_provider.component(ABOUT, Greet()),
    event_subscriber.component(ABOUT, Lines()),
    step.component(ABOUT, Copy()),
)
