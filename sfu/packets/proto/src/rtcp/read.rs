//! Reading RTCP.

use super::*;

/// A length or version contradicts the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRtcp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// In 1/256.
    pub fraction_lost: u8,
    /// 24 bits, signed.
    pub lost: i32,
    pub highest_sequence: u32,
    /// In units of the clock rate.
    pub jitter: u32,
    pub last_sender_report: u32,
    /// In 1/65536 s.
    pub delay_since: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    SenderReport {
        ssrc: u32,
        ntp: u64,
        rtp_timestamp: u32,
        blocks: ReportBlocks<'a>,
    },
    ReceiverReport {
        blocks: ReportBlocks<'a>,
    },
    Bye(Ssrcs<'a>),
    Nack {
        media_ssrc: u32,
        lost: NackList<'a>,
    },
    Pli {
        media_ssrc: u32,
    },
    /// One entry per asked stream (RFC 5104 §4.3.1.1).
    Fir(Ssrcs<'a>),
    Remb {
        bitrate_bps: u64,
    },
    TransportFeedback(TransportFeedback<'a>),
    CongestionFeedback(CongestionFeedback<'a>),
    Extended {
        ssrc: u32,
        blocks: ExtendedBlocks<'a>,
    },
    /// SDES, APP and what else needs no answer.
    Other,
}

/// The packets of one datagram, compound or reduced-size (RFC 5506).
pub fn packets(datagram: &[u8]) -> impl Iterator<Item = Result<Packet<'_>, MalformedRtcp>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let result = split(rest);
        rest = result.as_ref().map_or(&[], |(_, _, _, after)| after);
        Some(result.and_then(|(kind, format, body, _)| parse(kind, format, body)))
    })
}

type Parts<'a> = (u8, u8, &'a [u8], &'a [u8]);

/// Packet type, count or format, body without padding, and what follows.
fn split(data: &[u8]) -> Result<Parts<'_>, MalformedRtcp> {
    let head: &[u8; 4] = data.first_chunk().ok_or(MalformedRtcp)?;
    if head[0] >> 6 != 2 {
        return Err(MalformedRtcp);
    }
    let len = (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1) * 4;
    let (packet, after) = data.split_at_checked(len).ok_or(MalformedRtcp)?;
    let mut body = &packet[4..];
    if head[0] & 0x20 != 0 {
        body = crate::rtp::strip_padding(body).map_err(|_| MalformedRtcp)?;
    }
    Ok((head[1], head[0] & 0x1f, body, after))
}

fn parse(kind: u8, format: u8, body: &[u8]) -> Result<Packet<'_>, MalformedRtcp> {
    match (kind, format) {
        (SENDER_REPORT, count) => sender_report(body, count),
        (RECEIVER_REPORT, count) => Ok(Packet::ReceiverReport {
            blocks: ReportBlocks::new(body.get(4..).ok_or(MalformedRtcp)?, count)?,
        }),
        (BYE, count) => {
            let ssrcs = body.get(..usize::from(count) * 4).ok_or(MalformedRtcp)?;
            Ok(Packet::Bye(Ssrcs {
                data: ssrcs,
                stride: 4,
            }))
        }
        (TRANSPORT_LAYER, FORMAT_NACK) => Ok(Packet::Nack {
            media_ssrc: word(body, 4)?,
            lost: NackList(body.get(8..).ok_or(MalformedRtcp)?),
        }),
        (TRANSPORT_LAYER, FORMAT_CONGESTION_FEEDBACK) => {
            CongestionFeedback::parse(body.get(4..).ok_or(MalformedRtcp)?)
                .map(Packet::CongestionFeedback)
        }
        (TRANSPORT_LAYER, FORMAT_TRANSPORT_FEEDBACK) => {
            TransportFeedback::parse(body.get(8..).ok_or(MalformedRtcp)?)
                .map(Packet::TransportFeedback)
        }
        (PAYLOAD_SPECIFIC, FORMAT_PLI) => Ok(Packet::Pli {
            media_ssrc: word(body, 4)?,
        }),
        (PAYLOAD_SPECIFIC, FORMAT_FIR) => {
            let entries = body.get(8..).ok_or(MalformedRtcp)?;
            Ok(Packet::Fir(Ssrcs {
                data: entries,
                stride: 8,
            }))
        }
        (PAYLOAD_SPECIFIC, FORMAT_APPLICATION) => application(body),
        (EXTENDED_REPORT, _) => Ok(Packet::Extended {
            ssrc: word(body, 0)?,
            blocks: ExtendedBlocks::new(&body[4..]),
        }),
        _ => Ok(Packet::Other),
    }
}

fn sender_report(body: &[u8], count: u8) -> Result<Packet<'_>, MalformedRtcp> {
    Ok(Packet::SenderReport {
        ssrc: word(body, 0)?,
        ntp: u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?),
        rtp_timestamp: word(body, 12)?,
        blocks: ReportBlocks::new(body.get(24..).ok_or(MalformedRtcp)?, count)?,
    })
}

/// REMB is the application-layer feedback that begins with its name.
fn application(body: &[u8]) -> Result<Packet<'_>, MalformedRtcp> {
    if body.get(8..12) != Some(b"REMB") {
        return Ok(Packet::Other);
    }
    let value = word(body, 12)?;
    let exponent = (value >> 18) & 0x3f;
    let mantissa = u64::from(value & 0x3_ffff);
    let bitrate_bps = mantissa
        .checked_shl(exponent)
        .filter(|bps| bps >> exponent == mantissa);
    Ok(Packet::Remb {
        bitrate_bps: bitrate_bps.unwrap_or(u64::MAX),
    })
}

pub(super) fn word(data: &[u8], at: usize) -> Result<u32, MalformedRtcp> {
    let bytes = data
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .ok_or(MalformedRtcp)?;
    Ok(u32::from_be_bytes(*bytes))
}

#[derive(Clone, Copy, Debug)]
pub struct ReportBlocks<'a>(&'a [u8]);

impl<'a> ReportBlocks<'a> {
    const SIZE: usize = 24;

    fn new(data: &'a [u8], count: u8) -> Result<Self, MalformedRtcp> {
        data.get(..usize::from(count) * Self::SIZE)
            .map(Self)
            .ok_or(MalformedRtcp)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        self.0.chunks_exact(Self::SIZE).map(|block| {
            let at = |offset| word(block, offset).unwrap_or(0);
            ReportBlock {
                ssrc: at(0),
                fraction_lost: block[4],
                lost: (at(4) << 8) as i32 >> 8,
                highest_sequence: at(8),
                jitter: at(12),
                last_sender_report: at(16),
                delay_since: at(20),
            }
        })
    }
}

/// SSRCs that stand every `stride` bytes.
#[derive(Clone, Copy, Debug)]
pub struct Ssrcs<'a> {
    data: &'a [u8],
    stride: usize,
}

impl<'a> Ssrcs<'a> {
    pub fn iter(&self) -> impl Iterator<Item = u32> + 'a {
        self.data
            .chunks_exact(self.stride)
            .map(|entry| word(entry, 0).unwrap_or(0))
    }
}

/// Packet id and bitmask pairs (RFC 4585 §6.2.1).
#[derive(Clone, Copy, Debug)]
pub struct NackList<'a>(&'a [u8]);

impl<'a> NackList<'a> {
    pub fn iter(&self) -> impl Iterator<Item = u16> + 'a {
        self.0.chunks_exact(4).flat_map(|entry| {
            let first = u16::from_be_bytes([entry[0], entry[1]]);
            let mask = u16::from_be_bytes([entry[2], entry[3]]);
            let following = (0..16).filter(move |bit| mask >> bit & 1 == 1);
            std::iter::once(first).chain(following.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }
}
