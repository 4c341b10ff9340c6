// Posts what came in to a service, with a key that keeps it from being done twice.
import { object, text } from "./colchis/config.js";
import { post } from "./colchis/http.js";
import type { Trigger } from "./colchis/kinds.js";

/** What users write below the trigger's name. */
export interface Config {
  url: string;
}

/** How it is read, and described to users. */
export const config = object({
  url: text("Where it is posted to."),
});

/** The trigger. */
export const plugin: Trigger<Config> = {
  about: {
    name: "my-plugin",
    version: "0.1.0",
    summary: "Posts what came in to a service",
    needs: [{ capability: "http", name: "*", why: "posts to the service that the trigger names" }],
  },
  config,

  check({ url }) {
    return /^https?:\/\//.test(url) ? [] : [{ field: "url", message: "expected a URL that begins with http:// or https://" }];
  },

  execute({ url }, _, payload, idempotencyKey) {
    // The service does a thing of the same key once.
    const { status } = post(url, payload, { "Idempotency-Key": idempotencyKey }).ok();
    return { message: `posted to ${url}`, answer: { status } };
  },
};
