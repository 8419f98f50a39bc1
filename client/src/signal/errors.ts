/** What can go wrong between this page and the server's signalling. */
import type { ErrorCode } from "../protocol/index.ts";

/** The server refused a request, and said why. */
export class RequestRefused extends Error {
  override readonly name = "RequestRefused";
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** The connection ended, or could not be made, before the reply came. */
export class SignalLost extends Error {
  override readonly name = "SignalLost";
}
