/**
 * Sets style properties one by one. The page's Content-Security-Policy allows no style attributes,
 * which is what Lit's own `styleMap` writes at first.
 */
import { noChange } from "lit";
import { Directive, directive, type ElementPart, type PartInfo, PartType } from "lit/directive.js";

class StylesDirective extends Directive {
  constructor(part: PartInfo) {
    super(part);
    if (part.type !== PartType.ELEMENT) throw new Error("styles() stands where an attribute would");
  }

  override update(part: ElementPart, [properties]: [Readonly<Record<string, string>>]): typeof noChange {
    const { element } = part;
    if (!(element instanceof HTMLElement)) return noChange;
    for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
    return noChange;
  }

  override render(_properties: Readonly<Record<string, string>>): typeof noChange {
    return noChange;
  }
}

export const styles = directive(StylesDirective);
