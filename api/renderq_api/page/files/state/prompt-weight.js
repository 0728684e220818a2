/** Weights in prompts, `(word:1.1)`. Pure. */

const WEIGHTED = /^\((?<words>.*):(?<weight>\d+(?:\.\d+)?)\)$/s;
const STEP = 0.1;

/**
 * Give the selected words more or less weight; a weight of 1 takes the brackets away.
 *
 * @param {string} prompt
 * @param {number} start of the selection
 * @param {number} end
 * @param {1 | -1} direction
 * @returns {{ prompt: string, start: number, end: number }} with the changed part selected
 */
export function changePromptWeight(prompt, start, end, direction) {
  const [from, to] = grow(prompt, start, end);
  const selected = prompt.slice(from, to);
  const { words = selected, weight = "1" } = WEIGHTED.exec(selected)?.groups ?? {};
  const next = Math.max(0.1, Math.round((Number(weight) + direction * STEP) * 10) / 10);
  const changed = next === 1 ? words : `(${words}:${next})`;
  return { prompt: prompt.slice(0, from) + changed + prompt.slice(to), start: from, end: from + changed.length };
}

/**
 * Return the selection without spaces at its ends, with the brackets around it.
 *
 * @param {string} prompt
 * @param {number} start
 * @param {number} end
 * @returns {[number, number]}
 */
function grow(prompt, start, end) {
  while (start < end && prompt[start] === " ") start++;
  while (end > start && prompt[end - 1] === " ") end--;
  const after = /^:\d+(?:\.\d+)?\)/.exec(prompt.slice(end));
  return prompt[start - 1] === "(" && after ? [start - 1, end + after[0].length] : [start, end];
}
