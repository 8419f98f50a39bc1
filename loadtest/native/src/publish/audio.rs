//! Sound: one packet each so many milliseconds, whether somebody speaks or not.

use sfu_proto::srtp::SrtpSender;

use super::Names;
use super::packet::{Head, Writer};
use crate::context::Context;
use crate::stamp::Stamp;
use crate::time::{MILLISECOND, NEVER, Nanos, SECOND};

const CLOCK_RATE: Nanos = 48_000;
const TICKS_A_MILLISECOND: u32 = 48;
/// RFC 6464 §3: voice at -20 dBov, and the quiet of a room.
const SPEAKING: u8 = 0x80 | 20;
const SILENT: u8 = 100;
/// Behind a pause of the generator's own, sound goes on from now and does not catch up.
const PATIENCE: Nanos = SECOND;

pub(crate) struct AudioConfig {
    pub(crate) mid: String,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    /// Bytes of an Opus packet; 80 are 32 kbit/s.
    pub(crate) payload: usize,
    /// 20 as browsers send it; more is less work for whoever forwards it.
    pub(crate) packet_ms: u8,
    pub(crate) is_speaking: bool,
}

pub(super) struct Audio {
    config: AudioConfig,
    names: Names,
    stream: u32,
    packets: u64,
    octets: u64,
    next_at: Nanos,
    pub(super) is_speaking: bool,
}

impl Audio {
    pub(super) fn new(number: u32, config: AudioConfig) -> Self {
        Self {
            names: Names::new(config.mid.clone(), None),
            stream: number << 3 | 7,
            packets: 0,
            octets: 0,
            next_at: NEVER,
            is_speaking: config.is_speaking,
            config,
        }
    }

    pub(super) fn start(&mut self, now: Nanos, turn: Nanos) {
        self.next_at = now + turn * self.interval() / 1000;
    }

    fn interval(&self) -> Nanos {
        Nanos::from(self.config.packet_ms.max(1)) * MILLISECOND
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    pub(super) fn next_at(&self) -> Nanos {
        self.next_at
    }

    pub(super) fn know(&mut self, ssrc: u32) {
        self.names.are_known |= ssrc == self.config.ssrc;
    }

    pub(super) fn report(&self, now: Nanos) -> Option<(u32, u32, u64, u64)> {
        let ahead = self.next_at.saturating_sub(now) * CLOCK_RATE / SECOND;
        let timestamp = self.timestamp().wrapping_sub(ahead as u32);
        (self.packets > 0).then_some((self.config.ssrc, timestamp, self.packets, self.octets))
    }

    pub(super) fn send_due(
        &mut self,
        context: &mut Context<'_>,
        writer: &mut Writer,
        sender: &SrtpSender,
    ) {
        if context.now.saturating_sub(self.next_at) > PATIENCE {
            self.next_at = context.now;
        }
        while self.next_at <= context.now {
            context
                .measures
                .sending_late
                .record(context.now - self.next_at);
            self.send(context, writer, sender);
            self.next_at += self.interval();
        }
    }

    fn send(&mut self, context: &mut Context<'_>, writer: &mut Writer, sender: &SrtpSender) {
        let head = Head {
            payload_type: self.config.payload_type,
            marker: self.packets == 0,
            number: self.packets,
            timestamp: self.timestamp(),
            ssrc: self.config.ssrc,
            audio_level: Some(if self.is_speaking { SPEAKING } else { SILENT }),
            is_repair: false,
        };
        let stamp = Stamp {
            sent_at: context.now,
            stream: self.stream,
            frame: self.packets as u32,
            packets: 1,
            is_keyframe: false,
            depends: 0,
        };
        let filler = self.config.payload.max(Stamp::LEN + 1) - Stamp::LEN;
        let write = |arena: &mut Vec<u8>| {
            // TOC: CELT, fullband, 20 ms, one frame (RFC 6716 §3.1).
            arena.push(0xf8);
            arena.resize(arena.len() + filler - 1, 0x5a);
            stamp.write(arena);
        };
        if writer
            .send(context.out, sender, context.now, &head, &self.names, write)
            .is_ok()
        {
            self.packets += 1;
            self.octets += self.config.payload as u64;
        }
    }

    fn timestamp(&self) -> u32 {
        let ticks = TICKS_A_MILLISECOND * u32::from(self.config.packet_ms);
        (self.packets as u32).wrapping_mul(ticks)
    }
}
