// The component's exports, made of the plugin.
import { component } from "../sdk-js/colchis/component/metric-provider.js";
import { greet } from "./greet.js";

export const { description, provider } = component(greet);
