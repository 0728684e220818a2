/** Names of the noise schedulers as their users know them. */

/** @type {Record<string, string>} */
const NAMES = {
  ddim: "DDIM",
  ddpm: "DDPM",
  pndm: "PNDM",
  plms: "PLMS",
  lms: "LMS",
  euler: "Euler",
  euler_a: "Euler ancestral",
  dpmpp_2m: "DPM++ 2M",
  dpmpp_2m_karras: "DPM++ 2M Karras",
  dpmpp_2m_sde: "DPM++ 2M SDE",
  unipc: "UniPC",
  heun: "Heun",
  lcm: "LCM",
};

/** @param {string} name */
export const schedulerName = (name) => NAMES[name] ?? name;
