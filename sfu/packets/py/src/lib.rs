//! PyO3 only: converts and hands over; no decision about media.
