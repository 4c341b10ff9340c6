// The component's exports, made of the plugin.
import { component } from "./colchis/component/metric-provider.js";
import { plugin } from "./plugin.js";

export const { description, provider } = component(plugin);
