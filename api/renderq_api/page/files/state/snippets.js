/**
 * A request as code: exactly what would be sent. Keys are never part of it. Pure.
 *
 * @typedef {"curl" | "python" | "cli" | "json"} SnippetKind
 */

/** @type {readonly SnippetKind[]} */
export const SNIPPETS = ["curl", "python", "cli", "json"];

/**
 * @param {Record<string, unknown>} request what differs from the defaults
 * @param {SnippetKind} kind
 * @param {string} url the service's address, with a slash at its end
 * @param {boolean} keyed whether the service requires a key
 */
export function snippet(request, kind, url, keyed) {
  switch (kind) {
    case "json":
      return JSON.stringify(request, null, 2);
    case "curl":
      return curl(request, url, keyed);
    case "python":
      return python(request, url);
    case "cli":
      return cli(request, url);
  }
}

/** @type {(request: Record<string, unknown>, url: string, keyed: boolean) => string} */
function curl(request, url, keyed) {
  const key = keyed ? ` -H "Authorization: Bearer $RENDERQ_API_KEY"` : "";
  return `curl -sS ${url}v1/jobs${key} -H 'Content-Type: application/json' -d ${shellQuote(JSON.stringify(request))}`;
}

/** @type {(request: Record<string, unknown>, url: string) => string} */
function python({ prompt, ...fields }, url) {
  const args = [prompt ?? "", ...Object.entries(fields)].map((arg) =>
    Array.isArray(arg) ? `${arg[0]}=${pythonLiteral(arg[1])}` : pythonLiteral(arg),
  );
  return `from renderq import Client

with Client(${pythonLiteral(url.replace(/\/$/, ""))}) as client:  # the key is read from RENDERQ_API_KEY
    job = client.submit(
${args.map((arg) => `        ${arg},\n`).join("")}    )
    job.wait()
    job.images.save("picture.png")
`;
}

/** @type {(request: Record<string, unknown>, url: string) => string} */
function cli({ prompt, ...fields }, url) {
  const options = Object.entries(fields).flatMap(([name, value]) => cliOption(name, value));
  return [`renderq --url ${url.replace(/\/$/, "")} run ${shellQuote(String(prompt ?? ""))}`, ...options].join(" ");
}

/**
 * @param {string} name
 * @param {any} value
 * @returns {string[]}
 */
function cliOption(name, value) {
  if (name === "output") return Object.entries(value).flatMap(([inner, one]) => cliOption(inner, one));
  if (name === "extend") return Object.entries(value).filter(([, pixels]) => pixels).map(([side, pixels]) => `--extend ${side}=${pixels}`);
  if (name === "images") return value.map((/** @type {string} */ image) => `--image ${shellQuote(image)}`);
  if (name === "loras") return value.map((/** @type {import("./loras.js").Lora} */ lora) => `--lora ${shellQuote(loraArgument(lora))}`);
  if (name === "grid") return value ? ["--grid grid.png"] : [];
  const option = name === "n" ? "-n" : `--${name.replaceAll("_", "-")}`;
  if (typeof value === "boolean") return [value ? option : option.replace("--", "--no-")];
  return [`${option} ${shellQuote(String(value))}`];
}

/** @param {import("./loras.js").Lora} lora */
const loraArgument = ({ name, weight, text_encoder_weight: text }) => [name, weight, text].filter((part) => part !== undefined).join(":");

/** @param {string} text */
export const shellQuote = (text) => (/^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/**
 * @param {unknown} value
 * @returns {string}
 */
export function pythonLiteral(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${pythonLiteral(one)}`).join(", ")}}`;
  }
  // JSON's escapes of text are also Python's.
  return JSON.stringify(value);
}
