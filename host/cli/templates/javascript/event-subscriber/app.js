// The component's exports, made of the plugin.
import { component } from "./colchis/component/event-subscriber.js";
import { plugin } from "./plugin.js";

export const { description, subscriber } = component(plugin);
