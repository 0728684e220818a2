/** Parts of the page whose modules are loaded when they are first shown. */
import { useLayoutEffect } from "preact/hooks";
import { signal } from "@preact/signals";

import { html } from "../html.js";
import { checkVersion, isUpdated } from "../state/service.js";
import { t } from "../words/index.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";
import { Empty } from "./empty.js";

/** @typedef {import("preact").FunctionComponent<any>} Component */

/** @type {(() => Promise<unknown>)[]} */
const loaders = [];

/** Load all such parts: later the service may be away, or of another version. */
export const loadAll = () => Promise.allSettled(loaders.map((load) => load()));

/**
 * Return a component that loads another one when it is first shown, and has its properties.
 *
 * @param {() => Promise<Component>} load
 * @param {() => void} [close] given for a dialog: ends it if it cannot be loaded
 * @returns {Component}
 */
export function lazy(load, close) {
  const loaded = signal(/** @type {{ Part: Component } | null} */ (null));
  const hasFailed = signal(false);
  const read = async () => {
    hasFailed.value = false;
    try {
      loaded.value = { Part: await load() };
    } catch {
      hasFailed.value = true;
      void checkVersion();
    }
  };
  loaders.push(load);
  return (props) => {
    useLayoutEffect(() => {
      if (!loaded.peek()) void read();
    }, []);
    if (loaded.value) return html`<${loaded.value.Part} ...${props} />`;
    if (!hasFailed.value) return null;
    const failure = html`<${LoadFailure} onRetry=${read} onClose=${close} />`;
    return close ? html`<${Dialog} title=${t.errors.notLoaded} kind="question" bare onClose=${close}>${failure}<//>` : failure;
  };
}

/** @param {{ onRetry: () => void, onClose?: () => void }} props */
function LoadFailure({ onRetry, onClose }) {
  const [text, word, act] = isUpdated.value
    ? [t.nav.updated, t.nav.reload, () => location.reload()]
    : [t.errors.offline, t.job.tryAgain, onRetry];
  return html`<${Empty} icon="info" title=${t.errors.notLoaded} text=${text}>
    <footer>
      ${onClose && html`<${Button} onClick=${onClose}>${t.dialog.close}<//>`}
      <${Button} kind="primary" onClick=${act}>${word}<//>
    </footer>
  <//>`;
}
