/**
 * LoRAs of a request. Pure.
 *
 * @typedef {{ name: string, weight?: number, text_encoder_weight?: number }} Lora
 */

/** Most LoRAs of a request. */
export const MAX_LORAS = 8;

/**
 * Return the LoRAs with this one, at its place if it is among them.
 *
 * @param {readonly Lora[] | undefined} loras
 * @param {Lora} lora
 * @returns {Lora[]}
 */
export function withLora(loras = [], lora) {
  const isNew = !loras.some(({ name }) => name === lora.name);
  return isNew ? [...loras, lora] : loras.map((one) => (one.name === lora.name ? lora : one));
}

/**
 * Return the LoRAs without one; undefined if none is left.
 *
 * @param {readonly Lora[] | undefined} loras
 * @param {string} name
 * @returns {Lora[] | undefined}
 */
export function withoutLora(loras = [], name) {
  const others = loras.filter((one) => one.name !== name);
  return others.length ? others : undefined;
}

/**
 * Return the LoRAs of a job's request as a request that is written says them; undefined if there are none.
 *
 * @param {readonly any[] | undefined} loras
 * @returns {Lora[] | undefined}
 */
export function lorasOf(loras = []) {
  const plain = loras.map(({ name, weight, text_encoder_weight: text }) =>
    text === weight || text === undefined || text === null ? { name, weight } : { name, weight, text_encoder_weight: text },
  );
  return plain.length ? plain : undefined;
}

/**
 * Return names and weights in words.
 *
 * @param {readonly Lora[] | undefined} loras
 * @param {(weight: number) => string} format
 */
export const describeLoras = (loras = [], format) =>
  loras.map(({ name, weight }) => `${name} ${format(weight ?? 1)}`).join(", ");
