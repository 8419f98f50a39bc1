//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): which
//! of the numbered packets arrived, and when.

use super::*;

/// A delta counts 250 µs, the reference time 64 ms.
const DELTA_US: i64 = 250;
const REFERENCE_US: i64 = 64_000;
/// A status vector chunk with two bits a packet.
const VECTOR_SYMBOLS: usize = 7;

const NOT_RECEIVED: u16 = 0;
const SMALL_DELTA: u16 = 1;
const LARGE_DELTA: u16 = 2;

/// Feedback as received, its status chunks and deltas unread.
#[derive(Clone, Copy, Debug)]
pub struct TransportFeedback<'a> {
    pub base_sequence: u16,
    pub status_count: u16,
    pub feedback_count: u8,
    reference: i32,
    rest: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Result<Self, MalformedRtcp> {
        let (head, rest) = data.split_first_chunk::<8>().ok_or(MalformedRtcp)?;
        let reference = u32::from_be_bytes([head[4], head[5], head[6], 0]);
        Ok(Self {
            base_sequence: u16::from_be_bytes([head[0], head[1]]),
            status_count: u16::from_be_bytes([head[2], head[3]]),
            feedback_count: head[7],
            reference: reference as i32 >> 8,
            rest,
        })
    }

    /// Per number from `base_sequence` on: the arrival in µs of the receiver's clock, or
    /// `None` where it did not arrive.
    pub fn arrivals(&self) -> Result<Vec<Option<i64>>, MalformedRtcp> {
        let (symbols, mut deltas) = self.symbols()?;
        let mut arrival = i64::from(self.reference) * REFERENCE_US;
        symbols
            .into_iter()
            .map(|symbol| {
                let delta = match symbol {
                    NOT_RECEIVED => return Ok(None),
                    SMALL_DELTA => {
                        let (delta, after) = deltas.split_first().ok_or(MalformedRtcp)?;
                        deltas = after;
                        i64::from(*delta)
                    }
                    LARGE_DELTA => {
                        let (delta, after) = deltas.split_first_chunk().ok_or(MalformedRtcp)?;
                        deltas = after;
                        i64::from(i16::from_be_bytes(*delta))
                    }
                    _ => return Err(MalformedRtcp),
                };
                arrival += delta * DELTA_US;
                Ok(Some(arrival))
            })
            .collect()
    }

    fn symbols(&self) -> Result<(Vec<u16>, &'a [u8]), MalformedRtcp> {
        let count = usize::from(self.status_count);
        let mut symbols = Vec::with_capacity(count.min(1024));
        let mut rest = self.rest;
        while symbols.len() < count {
            let (chunk, after) = rest.split_first_chunk().ok_or(MalformedRtcp)?;
            rest = after;
            let chunk = u16::from_be_bytes(*chunk);
            let room = count - symbols.len();
            match chunk >> 14 {
                0 | 1 => {
                    let run = usize::from(chunk & 0x1fff).min(room);
                    symbols.extend(std::iter::repeat_n(chunk >> 13 & 3, run));
                }
                2 => symbols.extend((0..room.min(14)).map(|bit| chunk >> (13 - bit) & 1)),
                _ => symbols.extend((0..room.min(7)).map(|pair| chunk >> (12 - 2 * pair) & 3)),
            }
        }
        Ok((symbols, rest))
    }
}

/// Reports `arrivals` (µs on our clock, `None`: not received) for the numbers from
/// `base_sequence` on; the first must have arrived.
/// Ends early where a delta does not fit; how many numbers were reported.
pub fn write_transport_feedback(
    out: &mut Vec<u8>,
    ssrcs: (u32, u32),
    base_sequence: u16,
    feedback_count: u8,
    arrivals: &[Option<i64>],
) -> usize {
    let first = arrivals.iter().flatten().next().copied().unwrap_or(0);
    let reference = first.div_euclid(REFERENCE_US);
    let (symbols, deltas) = encode_deltas(arrivals, reference * REFERENCE_US);
    let start = out.len();
    out.extend_from_slice(&[0x80 | FORMAT_TRANSPORT_FEEDBACK, TRANSPORT_LAYER, 0, 0]);
    out.extend_from_slice(&ssrcs.0.to_be_bytes());
    out.extend_from_slice(&ssrcs.1.to_be_bytes());
    out.extend_from_slice(&base_sequence.to_be_bytes());
    out.extend_from_slice(&(symbols.len() as u16).to_be_bytes());
    out.extend_from_slice(&(reference as i32).to_be_bytes()[1..]);
    out.push(feedback_count);
    write_chunks(out, &symbols);
    out.extend_from_slice(&deltas);
    pad_to_words(out, start);
    symbols.len()
}

fn encode_deltas(arrivals: &[Option<i64>], reference_us: i64) -> (Vec<u16>, Vec<u8>) {
    let (mut symbols, mut deltas) = (Vec::with_capacity(arrivals.len()), Vec::new());
    let mut previous = reference_us;
    for arrival in arrivals {
        let Some(arrival) = arrival else {
            symbols.push(NOT_RECEIVED);
            continue;
        };
        let delta = (arrival - previous).div_euclid(DELTA_US);
        if let Ok(small) = u8::try_from(delta) {
            symbols.push(SMALL_DELTA);
            deltas.push(small);
        } else if let Ok(large) = i16::try_from(delta) {
            symbols.push(LARGE_DELTA);
            deltas.extend_from_slice(&large.to_be_bytes());
        } else {
            break;
        }
        // What was written, not what was meant: rounding must not add up.
        previous += delta * DELTA_US;
    }
    (symbols, deltas)
}

/// Runs of seven or more as run-length chunks, the rest as two-bit vectors.
fn write_chunks(out: &mut Vec<u8>, symbols: &[u16]) {
    let mut rest = symbols;
    while let Some(&first) = rest.first() {
        let run = rest
            .iter()
            .take(0x1fff)
            .take_while(|&&symbol| symbol == first)
            .count();
        let (chunk, taken) = if run >= VECTOR_SYMBOLS || run == rest.len() {
            (first << 13 | run as u16, run)
        } else {
            let taken = rest.len().min(VECTOR_SYMBOLS);
            let vector = rest[..taken]
                .iter()
                .enumerate()
                .fold(0xc000, |chunk, (pair, symbol)| {
                    chunk | symbol << (12 - 2 * pair)
                });
            (vector, taken)
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        rest = &rest[taken..];
    }
}

/// RTCP padding to whole words (RFC 3550 §6.4.1), then the length field.
fn pad_to_words(out: &mut Vec<u8>, start: usize) {
    let odd = (out.len() - start) % 4;
    if odd != 0 {
        let padding = 4 - odd;
        out.resize(out.len() + padding - 1, 0);
        out.push(padding as u8);
        out[start] |= 0x20;
    }
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}
