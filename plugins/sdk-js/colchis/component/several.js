// @ts-nocheck: what is imported here is there in components alone.
import { PluginError } from "../errors.js";

/**
 * The exports of a component of several kinds, made of what each kind's `component` made: `several(provider(lag), subscriber(feed))`. Name, version and summary are the
 * first one's; it is asked what all of them need.
 */
export function several(...components) {
  const infos = components.map(({ description }) => description.describe());
  const needs = new Map(infos.flatMap((info) => info.needs).map((need) => [JSON.stringify(need.what), need]));
  const info = { ...infos[0], kinds: infos.flatMap(({ kinds }) => kinds), needs: [...needs.values()] };
  const description = {
    describe: () => info,
    checkConfig(kind, config) {
      const at = infos.findIndex(({ kinds }) => kinds[0].kind.tag === kind.tag);
      if (at < 0) throw PluginError.notFound(`${info.name} is no ${kind.tag}`, "no-such-kind");
      return components[at].description.checkConfig(kind, config);
    },
  };
  return { ...Object.assign({}, ...components), description };
}
