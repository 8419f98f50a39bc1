/** The round buttons for microphone and camera, the same before the call and in it. */
import { html, type TemplateResult } from "lit";
import type { Messages } from "../i18n/index.ts";
import type { Capture } from "../media/capture.ts";
import { icon } from "./icons.ts";
import { settings } from "./settings.ts";

/** Where the shortcut is shown, it is announced too. */
export interface ToggleOptions {
  shortcut?: string;
  /** Called after the device was asked for. */
  onToggled?: (kind: "microphone" | "camera") => void;
}

export function microphoneToggle(capture: Capture, w: Messages, options: ToggleOptions = {}): TemplateResult {
  const { on, problem } = capture.state.get().microphone;
  const name = on ? w.muteMicrophone : w.unmuteMicrophone;
  return html`<button
    type="button"
    class="control ${on ? "" : "off"} ${problem ? "warned" : ""}"
    aria-label=${name}
    data-tip=${name}
    aria-keyshortcuts=${options.shortcut ?? ""}
    @click=${() => void toggleMicrophone(capture).then(() => options.onToggled?.("microphone"))}
  >
    ${icon(on ? "microphone" : "microphoneOff")}
  </button>`;
}

export function cameraToggle(capture: Capture, w: Messages, options: ToggleOptions = {}): TemplateResult {
  const { on, problem } = capture.state.get().camera;
  const name = on ? w.stopCamera : w.startCamera;
  return html`<button
    type="button"
    class="control ${on ? "" : "off"} ${problem ? "warned" : ""}"
    aria-label=${name}
    data-tip=${name}
    aria-keyshortcuts=${options.shortcut ?? ""}
    @click=${() => void toggleCamera(capture).then(() => options.onToggled?.("camera"))}
  >
    ${icon(on ? "camera" : "cameraOff")}
  </button>`;
}

export async function toggleMicrophone(capture: Capture): Promise<void> {
  const on = !capture.state.get().microphone.on;
  settings.turn("microphone_off", !on);
  await capture.setMicrophone(on);
}

export async function toggleCamera(capture: Capture): Promise<void> {
  const on = !capture.state.get().camera.on;
  settings.turn("camera_off", !on);
  await capture.setCamera(on);
}
