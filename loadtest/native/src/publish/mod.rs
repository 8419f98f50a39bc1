//! What a peer sends: synthetic pictures in simulcast layers and synthetic sound, answering
//! NACK, PLI and FIR as an encoder would.
//!
//! `video` decides when which packet is due, `layer` keeps what may be asked for again, `audio`
//! is a packet each 20 ms, `vp8` writes payloads, `temporal` says which frame needs which, `packet` the RTP around them.

mod audio;
mod layer;
mod packet;
mod temporal;
#[cfg(test)]
mod tests;
mod video;
mod vp8;

use sfu_proto::command::Extension;
use sfu_proto::rtcp::{self, Packet, SenderInfo};
use sfu_proto::rtp::ExtensionMap;
use sfu_proto::srtp::SrtpSender;

pub(crate) use audio::AudioConfig;
pub(crate) use video::{LayerConfig, VideoConfig};

use crate::context::Context;
use crate::time::{NEVER, Nanos, SECOND};
use audio::Audio;
use packet::Writer;
use video::Video;

const REPORT_INTERVAL: Nanos = SECOND;

#[derive(Default)]
pub(crate) struct PublisherConfig {
    pub(crate) video: Option<VideoConfig>,
    pub(crate) audio: Option<AudioConfig>,
}

/// Of all that one peer publishes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PublishCounts {
    pub(crate) packets: u64,
    /// Packets sent again.
    pub(crate) repairs: u64,
    pub(crate) keyframes: u64,
    /// What the other side asked for.
    pub(crate) keyframes_asked: u64,
}

pub(crate) struct Publisher {
    number: u32,
    cname: String,
    writer: Writer,
    video: Option<Video>,
    audio: Option<Audio>,
    next_report_at: Nanos,
    keyframes_asked: u64,
}

impl Publisher {
    pub(crate) fn new(
        number: u32,
        config: PublisherConfig,
        extensions: ExtensionMap,
        cname: String,
    ) -> Self {
        Self {
            number,
            cname,
            writer: Writer::new(extensions),
            video: config.video.map(|video| Video::new(number, video)),
            audio: config.audio.map(|audio| Audio::new(number, audio)),
            next_report_at: NEVER,
            keyframes_asked: 0,
        }
    }

    /// Media begins, each peer at another moment of the frame's time.
    pub(crate) fn start(&mut self, now: Nanos) {
        let turn = Nanos::from(self.number.wrapping_mul(7919) % 1000);
        if let Some(video) = &mut self.video {
            video.start(now, turn);
        }
        if let Some(audio) = &mut self.audio {
            audio.start(now, turn);
        }
        if self.video.is_some() || self.audio.is_some() {
            self.next_report_at = now + REPORT_INTERVAL / 4 + turn * REPORT_INTERVAL / 2000;
        }
    }

    pub(crate) fn set_speaking(&mut self, is_speaking: bool) {
        if let Some(audio) = &mut self.audio {
            audio.is_speaking = is_speaking;
        }
    }

    pub(crate) fn counts(&self) -> PublishCounts {
        let mut counts = PublishCounts {
            keyframes_asked: self.keyframes_asked,
            ..PublishCounts::default()
        };
        if let Some(video) = &self.video {
            video.count_into(&mut counts);
        }
        if let Some(audio) = &self.audio {
            counts.packets += audio.packets();
        }
        counts
    }

    pub(crate) fn next_timeout(&self) -> Nanos {
        let video = self.video.as_ref().map_or(NEVER, Video::next_at);
        let audio = self.audio.as_ref().map_or(NEVER, Audio::next_at);
        video.min(audio).min(self.next_report_at)
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>, sender: &mut SrtpSender) {
        if let Some(audio) = &mut self.audio {
            audio.send_due(context, &mut self.writer, sender);
        }
        if let Some(video) = &mut self.video {
            video.send_due(context, &mut self.writer, sender);
        }
        if context.now >= self.next_report_at {
            self.next_report_at = context.now + REPORT_INTERVAL;
            self.report(context, sender);
        }
    }

    pub(crate) fn handle_rtcp(
        &mut self,
        context: &mut Context<'_>,
        packet: &Packet<'_>,
        sender: &mut SrtpSender,
    ) {
        match packet {
            Packet::Pli { media_ssrc } => self.want_keyframe(*media_ssrc),
            Packet::Fir(ssrcs) => ssrcs.iter().for_each(|ssrc| self.want_keyframe(ssrc)),
            Packet::Nack { media_ssrc, lost } => {
                if let Some(video) = &mut self.video {
                    let lost = lost.iter();
                    video.repair(context, &mut self.writer, sender, *media_ssrc, lost);
                }
            }
            Packet::ReceiverReport { blocks } | Packet::SenderReport { blocks, .. } => {
                blocks.iter().for_each(|block| self.know(block.ssrc));
            }
            _ => {}
        }
    }

    fn want_keyframe(&mut self, ssrc: u32) {
        if let Some(video) = &mut self.video {
            self.keyframes_asked += u64::from(video.want_keyframe(ssrc));
        }
    }

    /// The other side has told of the stream, and needs its names no more.
    fn know(&mut self, ssrc: u32) {
        if let Some(video) = &mut self.video {
            video.know(ssrc);
        }
        if let Some(audio) = &mut self.audio {
            audio.know(ssrc);
        }
    }

    /// One compound for each stream, so that the server need not wait for its own.
    fn report(&mut self, context: &mut Context<'_>, sender: &mut SrtpSender) {
        let ntp = context.epoch.ntp(context.now);
        let video = self
            .video
            .iter()
            .flat_map(|video| video.reports(context.now));
        let audio = self
            .audio
            .iter()
            .filter_map(|audio| audio.report(context.now));
        for (ssrc, rtp_timestamp, packets, octets) in video.chain(audio) {
            let info = SenderInfo {
                ssrc,
                ntp,
                rtp_timestamp,
                packets: packets as u32,
                octets: octets as u32,
            };
            let _ = context.out.push(|arena, start| {
                rtcp::write_sender_report(arena, &info);
                rtcp::write_source_description(arena, ssrc, &self.cname);
                sender.protect_rtcp(arena, start)
            });
        }
    }
}

/// What a stream's first packets say, until the other side knows them (RFC 8843 §9.2).
#[derive(Clone, Debug)]
struct Names {
    mid: String,
    rid: Option<String>,
    are_known: bool,
}

impl Names {
    fn new(mid: String, rid: Option<String>) -> Self {
        Self {
            mid,
            rid,
            are_known: false,
        }
    }

    fn elements(&self, is_repair: bool) -> impl Iterator<Item = (Extension, &[u8])> + Clone {
        let rid = match is_repair {
            true => Extension::RepairedRid,
            false => Extension::Rid,
        };
        let mid = std::iter::once((Extension::Mid, self.mid.as_bytes()));
        let rid = self.rid.iter().map(move |name| (rid, name.as_bytes()));
        mid.chain(rid).filter(|_| !self.are_known)
    }
}
