/**
 * Styles: texts around prompts. The draft keeps the plain words; what is sent has the style. Pure.
 *
 * @typedef {import("renderq").Style} Style
 * @typedef {{ style: string | null, prompt: string, negativePrompt: string }} StyledPrompt words, and their style's name
 */

/** Stands for the prompt in the text of a style. */
const PLACE = "{prompt}";

/**
 * Return prompt and negative prompt in a style. An empty prompt stays empty.
 *
 * @param {Style | undefined} style
 * @param {string} prompt
 * @param {string} negativePrompt
 */
export function applyStyle(style, prompt, negativePrompt) {
  if (!style || !prompt) return { prompt, negativePrompt };
  return {
    prompt: style.prompt.replaceAll(PLACE, () => prompt),
    negativePrompt: [negativePrompt, style.negative_prompt].filter(Boolean).join(", "),
  };
}

/**
 * Return the plain words of a styled prompt, and the style; the prompt as it is if it has none of these styles.
 *
 * @param {readonly Style[]} styles
 * @param {string} prompt
 * @param {string} negativePrompt
 * @returns {StyledPrompt}
 */
export function recognizeStyle(styles, prompt, negativePrompt) {
  for (const style of styles) {
    const plain = withoutStyle(style, prompt, negativePrompt);
    const styled = applyStyle(style, plain.prompt, plain.negativePrompt);
    const isChanged = plain.prompt !== prompt || plain.negativePrompt !== negativePrompt;
    if (isChanged && styled.prompt === prompt && styled.negativePrompt === negativePrompt) return { style: style.name, ...plain };
  }
  return { style: null, prompt, negativePrompt };
}

/**
 * @param {Style} style
 * @param {string} prompt
 * @param {string} negativePrompt
 */
function withoutStyle(style, prompt, negativePrompt) {
  const [before, after = ""] = style.prompt.split(PLACE);
  const negative = negativePrompt.slice(0, negativePrompt.length - (style.negative_prompt ?? "").length);
  return { prompt: prompt.slice(before.length, prompt.length - after.length), negativePrompt: negative.replace(/, $/, "") };
}
