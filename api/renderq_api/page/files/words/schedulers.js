/** Names of the noise schedulers and of their schedules as their users know them. */

/** @type {Record<string, string>} */
const NAMES = {
  euler: "Euler",
  euler_a: "Euler ancestral",
  dpmpp_2m: "DPM++ 2M",
  dpmpp_2m_karras: "DPM++ 2M Karras",
  dpmpp_2m_sde: "DPM++ 2M SDE",
  dpmpp_3m_sde: "DPM++ 3M SDE",
  unipc: "UniPC",
  heun: "Heun",
  dpm2_a: "DPM2 ancestral",
};

/** @param {string} name */
export const schedulerName = (name) => NAMES[name] ?? name.toUpperCase();

/** @param {string} name */
export const scheduleName = (name) => name[0].toUpperCase() + name.slice(1);
