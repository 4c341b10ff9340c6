// @ts-nocheck: what is imported here is there in components alone.
import { wit } from "../events.js";
import { answerBy, describe, read } from "./describe.js";
import { send } from "./transport.js";

/** The exports `description` and `subscriber`. @template C @param {import("../kinds.js").EventSubscriber<C>} plugin */
export function component(plugin) {
  answerBy({ send });
  /** A subscription as the host holds it. */
  class Subscription {
    constructor(of) {
      this.of = of;
    }

    poll(max, wait) {
      const { events, cursor = "", delivery = 0 } = this.of.poll(max, Number(wait));
      return { events: events.map(wit), cursor, delivery: BigInt(delivery) };
    }

    ack(delivery) {
      this.of.ack?.(Number(delivery));
    }

    drain() {
      this.of.drain?.();
    }
  }
  return {
    description: describe(plugin, "event-source"),
    subscriber: { Subscription, open: (config, name, cursor) => new Subscription(plugin.open(read(plugin, config), name, cursor)) },
  };
}
