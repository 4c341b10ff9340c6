// The component's exports, made of the plugin.
import { component } from "./colchis/component/manifest-renderer.js";
import { plugin } from "./plugin.js";

export const { description, renderer } = component(plugin);
