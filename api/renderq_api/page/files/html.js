/** Templates: `` html`<p>…</p>` `` makes Preact elements; text is never parsed as markup. */
import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
