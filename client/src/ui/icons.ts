/** The page's icons, drawn on a 24-unit square. Decoration only: the names are on the buttons. */
import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";

const SHAPES = {
  microphone: svg`<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/>`,
  microphoneOff: svg`<path d="M9 9v2a3 3 0 0 0 4.6 2.5M15 10.500V6a3 3 0 0 0-5.700-1.300M5.500 11.500a6.500 6.500 0 0 0 10.600 5M18.500 11.500a6.400 6.400 0 0 1-.6 2.700M12 18v3M4 4l16 16"/>`,
  camera: svg`<rect x="3" y="6.500" width="12" height="11" rx="2.500"/><path d="m15 10.500 5.200-3a.5.5 0 0 1 .8.450v8.100a.5.5 0 0 1-.8.450l-5.200-3"/>`,
  cameraOff: svg`<path d="M10.500 6.500h2A2.500 2.500 0 0 1 15 9v1.500l5.200-3a.5.5 0 0 1 .8.450v8.100a.5.5 0 0 1-.8.450L18 15.200M15 15a2.500 2.500 0 0 1-2.500 2.500h-7A2.500 2.500 0 0 1 3 15V9a2.500 2.500 0 0 1 2-2.450M4 4l16 16"/>`,
  screen: svg`<rect x="3" y="4.500" width="18" height="12" rx="2"/><path d="M8.500 20h7M12 13.500V8m-2.500 2.300L12 7.800l2.500 2.500"/>`,
  screenOff: svg`<rect x="3" y="4.500" width="18" height="12" rx="2"/><path d="M8.500 20h7m-5.600-11.600 4.200 4.200m0-4.200-4.200 4.200"/>`,
  chat: svg`<path d="M12 4c-4.970 0-9 3.250-9 7.250 0 2.400 1.450 4.530 3.680 5.850L6 20.500l3.900-2.200c.670.130 1.380.200 2.100.200 4.970 0 9-3.250 9-7.250S16.970 4 12 4Z"/>`,
  people: svg`<circle cx="9" cy="8.500" r="3.500"/><path d="M2.500 19.500c.5-3.300 3.200-5.500 6.500-5.500s6 2.200 6.500 5.500M15.500 5.300a3.400 3.400 0 0 1 0 6.400M17.800 14.500c2 .8 3.300 2.600 3.700 5"/>`,
  leave: svg`<path d="M3.200 14.900c-.6-.7-.6-1.700-.1-2.500C4.900 9.900 8.200 8.300 12 8.300s7.100 1.600 8.900 4.100c.5.8.5 1.800-.1 2.500l-.9 1.100c-.5.6-1.400.8-2.100.4l-2.300-1.200a1.600 1.600 0 0 1-.8-1.700l.200-1.200a11 11 0 0 0-5.800 0l.200 1.200c.1.700-.2 1.400-.8 1.700l-2.300 1.200c-.7.4-1.600.2-2.100-.4Z" fill="currentColor"/>`,
  more: svg`<circle cx="12" cy="5.500" r="1" fill="currentColor"/><circle cx="12" cy="12" r="1" fill="currentColor"/><circle cx="12" cy="18.500" r="1" fill="currentColor"/>`,
  pin: svg`<path d="M9 3.500h6l-.8 6.200 3.300 3.300v1.500h-11V13l3.300-3.300ZM12 14.500v6"/>`,
  unpin: svg`<path d="M9.600 5 9 3.500h6l-.8 6.200 3.300 3.300v1.500M14 14.500H6.500V13l3-3M12 14.500v6M4 4l16 16"/>`,
  close: svg`<path d="m6 6 12 12M18 6 6 18"/>`,
  left: svg`<path d="m14.500 5.500-6.500 6.500 6.500 6.500"/>`,
  right: svg`<path d="m9.500 5.500 6.500 6.500-6.500 6.500"/>`,
  up: svg`<path d="m6.500 14.500 5.500-5.500 5.500 5.500"/>`,
  link: svg`<path d="M10 14a4 4 0 0 0 5.700 0l3.300-3.300a4 4 0 0 0-5.700-5.700l-1 1M14 10a4 4 0 0 0-5.700 0L5 13.300A4 4 0 0 0 10.700 19l1-1"/>`,
  lock: svg`<rect x="5" y="10.500" width="14" height="9.500" rx="2.500"/><path d="M8.500 10.500V8a3.500 3.500 0 0 1 7 0v2.500"/>`,
  unlock: svg`<rect x="5" y="10.500" width="14" height="9.500" rx="2.500"/><path d="M8.500 10.500V7.500a3.500 3.500 0 0 1 6.800-1.200"/>`,
  grid: svg`<rect x="3.500" y="4.500" width="7.500" height="6.500" rx="1.500"/><rect x="13" y="4.500" width="7.500" height="6.500" rx="1.500"/><rect x="3.500" y="13" width="7.500" height="6.500" rx="1.500"/><rect x="13" y="13" width="7.500" height="6.500" rx="1.500"/>`,
  speaker: svg`<rect x="3.500" y="4.500" width="11.500" height="15" rx="1.500"/><path d="M18 5.500h2.500M18 12h2.500M18 18.500h2.500"/>`,
  expand: svg`<path d="M9 4.500H4.500V9M15 4.500h4.500V9M9 19.500H4.500V15M15 19.500h4.500V15"/>`,
  shrink: svg`<path d="M4.500 9H9V4.500M19.500 9H15V4.500M4.500 15H9v4.500M19.500 15H15v4.500"/>`,
  window: svg`<rect x="3" y="4.500" width="18" height="15" rx="2"/><rect x="12" y="11.500" width="6.500" height="5" rx="1" fill="currentColor"/>`,
  settings: svg`<path d="M4 7.500h9M17.500 7.500H20M4 16.500h2.500M11 16.500h9"/><circle cx="15.200" cy="7.500" r="2.300"/><circle cx="8.800" cy="16.500" r="2.300"/>`,
  keyboard: svg`<rect x="2.500" y="6" width="19" height="12" rx="2"/><path d="M6.500 10h.01M10 10h.01M14 10h.01M17.500 10h.01M8 14h8"/>`,
  send: svg`<path d="M4.500 12 4 5.200a.7.7 0 0 1 1-.7l15 6.900a.7.7 0 0 1 0 1.200l-15 6.900a.7.7 0 0 1-1-.7Zm0 0H12"/>`,
  remove: svg`<circle cx="10" cy="8.500" r="3.500"/><path d="M3.500 19.500c.5-3.300 3.200-5.500 6.500-5.500 1.300 0 2.500.3 3.500.9M16 16l4.500 4.500M20.500 16 16 20.500"/>`,
  globe: svg`<circle cx="12" cy="12" r="8.500"/><path d="M3.500 12h17M12 3.500c2.500 2.600 3.500 5.300 3.500 8.500s-1 5.900-3.500 8.500c-2.500-2.600-3.500-5.300-3.500-8.500s1-5.900 3.500-8.500Z"/>`,
  sound: svg`<path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500ZM15.500 9a4.200 4.200 0 0 1 0 6M18 6.500a7.800 7.800 0 0 1 0 11"/>`,
  warning: svg`<path d="M12 4 2.800 19.500h18.400ZM12 10v4.500M12 17h.01"/>`,
  stop: svg`<rect x="6.500" y="6.500" width="11" height="11" rx="2" fill="currentColor"/>`,
  signal: svg`<path d="M5 15v4.500M12 10v9.500"/><path d="M19 4.500v15" opacity=".3"/>`,
  plus: svg`<path d="M12 5v14M5 12h14"/>`,
} satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof SHAPES;

export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${SHAPES[name]}</svg>`;
}
