// The component's exports, made of the plugin.
import { component } from "./colchis/component/metric-provider.js";
import { plugin } from "./plugin.ts";

export const { description, provider } = component(plugin);
