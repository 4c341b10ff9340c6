// The component's exports, made of the plugin.
import { component } from "./colchis/component/trigger.js";
import { plugin } from "./plugin.ts";

export const { description, action } = component(plugin);
