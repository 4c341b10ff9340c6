// The component's exports, made of the plugin.
import { component } from "./colchis/component/step.js";
import { plugin } from "./plugin.js";

export const { description, step } = component(plugin);
