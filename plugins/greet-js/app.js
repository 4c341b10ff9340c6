// The component's exports, made of three plugins: a component may be of several kinds.
import { component as subscribes } from "../sdk-js/colchis/component/event-subscriber.js";
import { component as measures } from "../sdk-js/colchis/component/metric-provider.js";
import { several } from "../sdk-js/colchis/component/several.js";
import { component as steps } from "../sdk-js/colchis/component/step.js";
import { copy } from "./copy.js";
import { greet } from "./greet.js";
import { lines } from "./lines.js";

export const { description, provider, subscriber, step } = several(measures(greet), subscribes(lines), steps(copy));
