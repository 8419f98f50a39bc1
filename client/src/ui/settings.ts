/** What this browser remembers between calls. Works without storage too (private windows, blocked cookies). */

export type SettingName =
  | "language"
  | "name"
  | "microphone"
  | "camera"
  | "speaker"
  | "microphone_off"
  | "camera_off"
  | "layout"
  | "shortcuts_off";

const PREFIX = "sfu.";

export const settings = {
  get(name: SettingName): string | null {
    try {
      return localStorage.getItem(PREFIX + name);
    } catch {
      return null;
    }
  },
  set(name: SettingName, value: string): void {
    try {
      localStorage.setItem(PREFIX + name, value);
    } catch {
      // Not remembered, then.
    }
  },
  isOn(name: SettingName): boolean {
    return this.get(name) === "1";
  },
  turn(name: SettingName, on: boolean): void {
    this.set(name, on ? "1" : "0");
  },
};
