// The component's exports, made of the plugin.
import { component } from "./colchis/component/event-receiver.js";
import { plugin } from "./plugin.js";

export const { description, receiver } = component(plugin);
