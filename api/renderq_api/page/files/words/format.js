/** Numbers, times and sizes in the reader's language. Pure. */

/**
 * @param {string} locale
 */
export function createFormats(locale) {
  const number = new Intl.NumberFormat(locale);
  const short = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
  const percent = new Intl.NumberFormat(locale, { style: "percent" });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const day = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const clock = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

  /**
   * @param {number} value
   * @param {"second" | "minute" | "hour" | "day"} unit
   */
  const unit = (value, unit) =>
    new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: unit === "day" ? "long" : "short" }).format(value);

  /** @param {number} seconds */
  function duration(seconds) {
    if (seconds < 9.5) return unit(Math.max(1, Math.round(seconds)), "second");
    if (seconds < 57.5) return unit(5 * Math.round(seconds / 5), "second");
    if (seconds < 3570) return unit(Math.max(1, Math.round(seconds / 60)), "minute");
    if (seconds < 86_400) return unit(Math.round(seconds / 360) / 10, "hour");
    return unit(Math.round(seconds / 86_400), "day");
  }

  return {
    /** @param {number} value */
    number: (value) => number.format(value),
    /** @param {number} value */
    percent: (value) => percent.format(value),
    duration,
    /** @param {number} milliseconds */
    exactDuration: (milliseconds) =>
      milliseconds < 1000 ? `${number.format(Math.round(milliseconds))} ms` : `${short.format(milliseconds / 1000)} s`,
    /** @param {number} bytes */
    bytes(bytes) {
      const [factor, unit] = bytes < 1e6 ? [1e3, "kB"] : bytes < 1e9 ? [1e6, "MB"] : [1e9, "GB"];
      return `${short.format(bytes / factor)} ${unit}`;
    },
    /**
     * @param {string} timestamp
     * @param {number} now milliseconds since 1970
     */
    ago(timestamp, now) {
      const seconds = Math.max(0, (now - Date.parse(timestamp)) / 1000);
      if (seconds < 50) return relative.format(0, "second");
      if (seconds < 3570) return relative.format(-Math.round(seconds / 60), "minute");
      if (seconds < 86_400) return relative.format(-Math.round(seconds / 3600), "hour");
      return relative.format(-Math.round(seconds / 86_400), "day");
    },
    /** @param {number} time milliseconds since 1970 */
    time: (time) => clock.format(new Date(time)),
    /** @param {string} timestamp */
    day: (timestamp) => day.format(new Date(timestamp)),
    /** @param {string} timestamp */
    moment: (timestamp) => moment.format(new Date(timestamp)),
  };
}
