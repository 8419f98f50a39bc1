//! Writing RTCP: every function appends whole packets to `out`.

use super::*;

/// What a sender report says of its stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug)]
pub struct SenderInfo {
    pub ssrc: u32,
    pub ntp: u64,
    pub rtp_timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// Appends head and body; the length field counts what `body` wrote.
pub(super) fn packet(out: &mut Vec<u8>, kind: u8, count: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count, kind, 0, 0]);
    body(out);
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

pub fn write_sender_report(out: &mut Vec<u8>, info: &SenderInfo) {
    packet(out, SENDER_REPORT, 0, |out| {
        out.extend_from_slice(&info.ssrc.to_be_bytes());
        out.extend_from_slice(&info.ntp.to_be_bytes());
        out.extend_from_slice(&info.rtp_timestamp.to_be_bytes());
        out.extend_from_slice(&info.packets.to_be_bytes());
        out.extend_from_slice(&info.octets.to_be_bytes());
    });
}

/// At most 31 blocks a packet (RFC 3550 §6.4.2); further ones are left out.
pub fn write_receiver_report(out: &mut Vec<u8>, sender_ssrc: u32, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(31)];
    packet(out, RECEIVER_REPORT, blocks.len() as u8, |out| {
        out.extend_from_slice(&sender_ssrc.to_be_bytes());
        for block in blocks {
            out.extend_from_slice(&block.ssrc.to_be_bytes());
            let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
            let loss = u32::from(block.fraction_lost) << 24 | lost;
            out.extend_from_slice(&loss.to_be_bytes());
            out.extend_from_slice(&block.highest_sequence.to_be_bytes());
            out.extend_from_slice(&block.jitter.to_be_bytes());
            out.extend_from_slice(&block.last_sender_report.to_be_bytes());
            out.extend_from_slice(&block.delay_since.to_be_bytes());
        }
    });
}

/// One chunk with a CNAME, cut to the 255 bytes that its length can say.
pub fn write_source_description(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let cname = &cname.as_bytes()[..cname.len().min(255)];
    packet(out, SOURCE_DESCRIPTION, 1, |out| {
        out.extend_from_slice(&ssrc.to_be_bytes());
        out.extend_from_slice(&[1, cname.len() as u8]);
        out.extend_from_slice(cname);
        // At least one zero ends the items (RFC 3550 §6.5).
        let content = 2 + cname.len();
        out.resize(out.len() + 4 - content % 4, 0);
    });
}

/// At most 31 SSRCs a packet; longer lists become several packets.
pub fn write_bye(out: &mut Vec<u8>, ssrcs: &[u32]) {
    for some in ssrcs.chunks(31) {
        packet(out, BYE, some.len() as u8, |out| {
            for ssrc in some {
                out.extend_from_slice(&ssrc.to_be_bytes());
            }
        });
    }
}

/// `lost` in rising order, across the wrap.
pub fn write_nack(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, lost: &[u16]) {
    packet(out, TRANSPORT_LAYER, FORMAT_NACK, |out| {
        out.extend_from_slice(&sender_ssrc.to_be_bytes());
        out.extend_from_slice(&media_ssrc.to_be_bytes());
        let mut rest = lost;
        while let Some((&first, mut following)) = rest.split_first() {
            let mut mask = 0u16;
            while let Some((&next, after)) = following.split_first() {
                let distance = next.wrapping_sub(first);
                if !(1..=16).contains(&distance) {
                    break;
                }
                mask |= 1 << (distance - 1);
                following = after;
            }
            out.extend_from_slice(&first.to_be_bytes());
            out.extend_from_slice(&mask.to_be_bytes());
            rest = following;
        }
    });
}

pub fn write_pli(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32) {
    packet(out, PAYLOAD_SPECIFIC, FORMAT_PLI, |out| {
        out.extend_from_slice(&sender_ssrc.to_be_bytes());
        out.extend_from_slice(&media_ssrc.to_be_bytes());
    });
}

/// `number` rises by one with every new request (RFC 5104 §4.3.1.1).
pub fn write_fir(out: &mut Vec<u8>, sender_ssrc: u32, media_ssrc: u32, number: u8) {
    packet(out, PAYLOAD_SPECIFIC, FORMAT_FIR, |out| {
        out.extend_from_slice(&sender_ssrc.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&media_ssrc.to_be_bytes());
        out.extend_from_slice(&[number, 0, 0, 0]);
    });
}

pub fn write_remb(out: &mut Vec<u8>, sender_ssrc: u32, bitrate_bps: u64, ssrcs: &[u32]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(255)];
    let exponent = (64 - bitrate_bps.leading_zeros()).saturating_sub(18);
    let mantissa = (bitrate_bps >> exponent) as u32;
    packet(out, PAYLOAD_SPECIFIC, FORMAT_APPLICATION, |out| {
        out.extend_from_slice(&sender_ssrc.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(b"REMB");
        let value = (ssrcs.len() as u32) << 24 | exponent << 18 | mantissa;
        out.extend_from_slice(&value.to_be_bytes());
        for ssrc in ssrcs {
            out.extend_from_slice(&ssrc.to_be_bytes());
        }
    });
}
