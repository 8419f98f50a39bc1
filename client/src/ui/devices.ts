/** Choosing camera, microphone and speaker; the same before the call and in it. */
import { html, nothing, type TemplateResult } from "lit";
import type { Messages } from "../i18n/index.ts";
import type { Capture, CaptureState, DeviceChoice, DeviceKind, DeviceProblem } from "../media/capture.ts";
import { unreachable } from "../store.ts";
import { type IconName, icon } from "./icons.ts";
import "./meter.ts";
import { settings } from "./settings.ts";

/** Beneath the microphone stands how loud it is. */
export function deviceSelects(capture: Capture, w: Messages): TemplateResult {
  const state = capture.state.get();
  const select = (kind: DeviceKind, name: IconName, label: string, choices: DeviceChoice[]) =>
    deviceSelect({ capture, kind, name, label, choices, chosen: state.chosen[kind], w });
  return html`
    ${select("camera", "camera", w.camera, state.cameras)}
    ${select("microphone", "microphone", w.microphone, state.microphones)} ${levelOf(state.microphone)}
    ${canChooseSpeaker() ? select("speaker", "sound", w.speaker, state.speakers) : nothing}
  `;
}

function levelOf({ on, track }: CaptureState["microphone"]): TemplateResult | typeof nothing {
  return track ? html`<meet-level .track=${on ? track : null}></meet-level>` : nothing;
}

/** Firefox and Safari leave the speaker to the system. */
function canChooseSpeaker(): boolean {
  return "setSinkId" in HTMLMediaElement.prototype;
}

interface SelectOptions {
  capture: Capture;
  kind: DeviceKind;
  name: IconName;
  label: string;
  choices: DeviceChoice[];
  chosen: string;
  w: Messages;
}

function deviceSelect({ capture, kind, name, label, choices, chosen, w }: SelectOptions): TemplateResult {
  const choose = (event: Event) => {
    if (!(event.target instanceof HTMLSelectElement)) return;
    settings.set(kind, event.target.value);
    void capture.choose(kind, event.target.value);
  };
  return html`<label class="device">
    ${icon(name)}<span class="hidden">${label}</span>
    <select class="select" @change=${choose} ?disabled=${choices.length === 0} data-device=${kind}>
      ${choices.length === 0 ? html`<option>${w.systemDefault}</option>` : nothing}
      ${choices.map(
        ({ id, label: text }) =>
          html`<option value=${id} ?selected=${id === chosen}>${/^\d+$/u.test(text) ? w.device(text) : text}</option>`,
      )}
    </select>
  </label>`;
}

/** Why the person is not heard or seen, in words; nothing if there is no problem. */
export function problemText(state: CaptureState, w: Messages): string | null {
  const camera = state.camera.problem;
  const microphone = state.microphone.problem;
  if (camera === "insecure" || microphone === "insecure") return w.problemInsecure;
  if (camera === "denied" && microphone === "denied") return w.bothDenied;
  if (camera === "missing" && microphone === "missing") return w.bothMissing;
  const texts = [
    camera ? cameraProblem(camera, w) : null,
    microphone ? microphoneProblem(microphone, w) : null,
  ].filter((text) => text !== null);
  return texts.length > 0 ? texts.join(" ") : null;
}

export function cameraProblem(problem: DeviceProblem, w: Messages): string {
  switch (problem) {
    case "insecure":
      return w.problemInsecure;
    case "denied":
      return w.cameraDenied;
    case "missing":
      return w.cameraMissing;
    case "busy":
      return w.cameraBusy;
    case "failed":
      return w.cameraFailed;
    default:
      return unreachable(problem);
  }
}

export function microphoneProblem(problem: DeviceProblem, w: Messages): string {
  switch (problem) {
    case "insecure":
      return w.problemInsecure;
    case "denied":
      return w.microphoneDenied;
    case "missing":
      return w.microphoneMissing;
    case "busy":
      return w.microphoneBusy;
    case "failed":
      return w.microphoneFailed;
    default:
      return unreachable(problem);
  }
}
