//! A subscriber whose way loses packets is sent each sound with those after it (RFC 2198), if it
//! negotiated that and its budget permits; nobody else is sent a byte more.

#![allow(clippy::unwrap_used)]

mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_link::{Conditions, Fate, Link};
use sfu_proto::codecs::red;
use sfu_proto::command::{Codec, CodecParameters, Extension, MediaKind};
use sfu_proto::rtcp::{ReportBlock, write_receiver_report, write_remb, write_transport_feedback};
use world::*;

const PACKET_MS: u64 = 20;
const STEP_MS: u64 = 10;
const DELAY_MS: u64 = 50;
/// Libwebrtc's: between two reports of arrivals, and of sound alone.
const FEEDBACK_MS: u64 = 100;
const REPORT_MS: u64 = 5_000;
/// What a jitter buffer that has seen loss holds: two packets, and the one that plays.
const PLAYOUT_MS: u64 = 60;
/// An Opus packet of 32 kbit/s.
const PAYLOAD: usize = 80;

fn codecs() -> Vec<CodecParameters> {
    let opus = CodecParameters {
        transport_cc: true,
        ..codec(Codec::Opus, OPUS, 48_000)
    };
    let red = CodecParameters {
        format: format!("{OPUS}/{OPUS}"),
        ..codec(Codec::Red, RED, 48_000)
    };
    vec![opus, red]
}

/// One who speaks, and one who listens behind a link.
struct Call {
    world: World,
    speaker: Peer,
    microphone: Microphone,
    listener: Peer,
    link: Link<Vec<u8>>,
    back: Dice,
    loss: f64,
    ms: u64,
    spoken: u64,
    heard: Heard,
    tells_arrivals: bool,
}

/// What a listener has got.
#[derive(Default)]
struct Heard {
    /// By number of the sound: when it first was there.
    sounds: BTreeMap<u64, u64>,
    timestamps: BTreeMap<u64, u32>,
    packets: u64,
    redundant: u64,
    bytes: usize,
    highest: u64,
    first: Option<u64>,
    received: u64,
    reported: (u64, u64),
    arrivals: BTreeMap<u64, i64>,
    told: Option<u64>,
    feedbacks: u8,
}

impl Call {
    fn new(seed: u64, codecs: Vec<CodecParameters>) -> Self {
        let mut world = World::seeded(seed);
        let (speaker, listener) = (world.peer(), world.peer());
        let mut microphone = world.microphone(1, &speaker, 2222, None);
        microphone.sequence = 65_000;
        world.slot_with(1, &listener, MediaKind::Audio, codecs, None);
        world.show(1, 1);
        Self {
            world,
            speaker,
            microphone,
            listener,
            link: Link::new(Conditions::default(), seed),
            back: Dice(seed),
            loss: 0.0,
            ms: 0,
            spoken: 0,
            heard: Heard::default(),
            tells_arrivals: true,
        }
    }

    fn set_loss(&mut self, loss: f64) {
        self.loss = loss;
        let conditions = Conditions {
            delay: Duration::from_millis(DELAY_MS),
            loss,
            ..Conditions::default()
        };
        self.link.set(Duration::from_millis(self.ms), conditions);
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 1000 / STEP_MS {
            self.step();
        }
    }

    fn step(&mut self) {
        if self.ms.is_multiple_of(PACKET_MS) {
            self.speak();
        }
        if self.ms.is_multiple_of(10_000) {
            self.world.connect(&self.speaker);
            self.world.connect(&self.listener);
        }
        self.world.advance_ms(STEP_MS);
        self.ms += STEP_MS;
        let now = Duration::from_millis(self.ms);
        let remote = self.listener.path.remote;
        for datagram in self.world.mail.remove(&remote).unwrap_or_default() {
            self.link.send(now, datagram.len() + 28, datagram);
        }
        while let Some(passed) = self.link.poll(now) {
            if passed.fate == Fate::Delivered {
                self.take(passed.packet);
            }
        }
        self.tell();
    }

    /// A sound names itself by its timestamp.
    fn speak(&mut self) {
        let packet = self.microphone.packet_with(None, PAYLOAD);
        self.world.send(&self.speaker, &[packet]);
        self.spoken += 1;
    }

    fn number_of(&self, payload: &[u8]) -> u64 {
        assert_eq!(payload.len(), PAYLOAD);
        let timestamp = u32::from_be_bytes(payload[4..8].try_into().unwrap());
        u64::from(timestamp.wrapping_sub(77)) / 960
    }

    fn take(&mut self, datagram: Vec<u8>) {
        let mut mail = Mail::default();
        self.listener.open(datagram, &mut mail);
        for rtp in mail.rtp {
            self.heard.count(self.ms, &rtp);
            let newest = match rtp.header.payload_type {
                RED => {
                    let payload = red::Payload::parse(&rtp.payload).unwrap();
                    for older in payload.older() {
                        assert_eq!(older.payload_type, OPUS);
                        let timestamp = rtp.header.timestamp.wrapping_sub(older.age);
                        self.hear(older.data, timestamp);
                    }
                    assert_eq!(payload.newest_type, OPUS);
                    payload.newest
                }
                payload_type => {
                    assert_eq!(payload_type, OPUS);
                    &rtp.payload[..]
                }
            };
            self.hear(newest, rtp.header.timestamp);
        }
    }

    /// Each sound has one timestamp, however it comes.
    fn hear(&mut self, payload: &[u8], timestamp: u32) {
        let number = self.number_of(payload);
        self.heard.sounds.entry(number).or_insert(self.ms);
        let known = *self.heard.timestamps.entry(number).or_insert(timestamp);
        assert_eq!(known, timestamp);
    }

    fn tell(&mut self) {
        let mut told = Vec::new();
        if self.tells_arrivals && self.ms.is_multiple_of(FEEDBACK_MS) {
            told.extend(self.heard.tell_arrivals());
        }
        if self.ms.is_multiple_of(REPORT_MS) {
            told.extend(self.heard.report());
        }
        for rtcp in told {
            let is_lost = f64::from(self.back.throw()) < self.loss * f64::from(1u32 << 31);
            if !is_lost {
                self.world.send_rtcp(&mut self.listener, &rtcp);
            }
        }
    }

    /// Of the sounds from this number on, the share that was there in time.
    fn playable(&self, since: u64) -> f64 {
        // Of the last ones the packets that bring them again were not sent yet.
        let numbers = since..self.spoken - 10;
        let count = numbers.end - numbers.start;
        let in_time = numbers.filter(|&number| {
            let due = number * PACKET_MS + DELAY_MS + PLAYOUT_MS;
            let at = self.heard.sounds.get(&number);
            at.is_some_and(|&at| at <= due)
        });
        in_time.count() as f64 / count as f64
    }
}

impl Heard {
    fn count(&mut self, now_ms: u64, rtp: &Rtp) {
        self.packets += 1;
        self.redundant += u64::from(rtp.header.payload_type == RED);
        self.bytes += rtp.packet.len();
        self.first.get_or_insert(rtp.index);
        self.highest = self.highest.max(rtp.index);
        self.received += 1;
        let number = rtp.extension(Extension::TransportSequenceNumber).unwrap();
        let number = u16::from_be_bytes(number.try_into().unwrap());
        let last = self.arrivals.last_key_value().map(|(&last, _)| last);
        let last = last.or(self.told).unwrap_or(1 << 16);
        let ahead = number.wrapping_sub(last as u16) as i16;
        let number = last.wrapping_add_signed(i64::from(ahead));
        self.arrivals
            .insert(number, now_ms as i64 * 1000 + (1 << 40));
    }

    fn tell_arrivals(&mut self) -> Option<Vec<u8>> {
        let (&first, _) = self.arrivals.first_key_value()?;
        let (&last, _) = self.arrivals.last_key_value()?;
        let base = self.told.map_or(first, |told| told + 1);
        let numbers = base..=last;
        let times: Vec<_> = numbers
            .map(|number| self.arrivals.remove(&number))
            .collect();
        self.told = Some(last);
        let mut rtcp = Vec::new();
        write_transport_feedback(
            &mut rtcp,
            (1, slot_ssrc(1)),
            base as u16,
            self.feedbacks,
            &times,
        );
        self.feedbacks = self.feedbacks.wrapping_add(1);
        Some(rtcp)
    }

    fn report(&mut self) -> Option<Vec<u8>> {
        let expected = self.highest - self.first? + 1;
        let (new, got) = (expected - self.reported.0, self.received - self.reported.1);
        self.reported = (expected, self.received);
        let block = ReportBlock {
            ssrc: slot_ssrc(1),
            fraction_lost: (new.saturating_sub(got) * 256 / new.max(1)).min(255) as u8,
            lost: (expected - self.received) as i32,
            highest_sequence: self.highest as u32,
            jitter: 0,
            last_sender_report: 0,
            delay_since: 0,
        };
        let mut rtcp = Vec::new();
        write_receiver_report(&mut rtcp, 1, &[block]);
        Some(rtcp)
    }
}

/// Over some minutes, from when the loss has lasted for some seconds.
fn playable_at(loss: f64, tells_arrivals: bool, minutes: u64) -> f64 {
    let shares = (1..=minutes).map(|seed| {
        let mut call = Call::new(seed, codecs());
        call.tells_arrivals = tells_arrivals;
        call.run(3);
        call.set_loss(loss);
        call.run(12);
        let since = call.spoken;
        call.run(60);
        call.playable(since)
    });
    shares.sum::<f64>() / minutes as f64
}

#[test]
fn sound_is_playable_at_ten_twenty_and_thirty_percent_of_loss() {
    for (loss, least) in [(0.1, 0.998), (0.2, 0.99), (0.3, 0.97)] {
        let playable = playable_at(loss, true, 5);
        println!("at {loss} lost {:.2} % playable", playable * 100.0);
        assert!(playable >= least, "at {loss} lost {playable} playable");
    }
}

#[test]
fn receiver_reports_alone_tell_enough() {
    let playable = playable_at(0.2, false, 2);
    assert!(playable >= 0.99, "{playable}");
}

#[test]
fn on_a_clean_way_not_a_byte_is_added() {
    let plain = |codecs| {
        let mut call = Call::new(1, codecs);
        call.set_loss(0.0);
        call.run(30);
        (call.heard.packets, call.heard.bytes, call.heard.redundant)
    };
    let with = plain(codecs());
    assert_eq!(with, plain(audio_codecs()));
    assert_eq!((with.0 > 1490, with.2), (true, 0));
}

#[test]
fn who_did_not_negotiate_it_is_sent_none() {
    let mut call = Call::new(1, audio_codecs());
    call.set_loss(0.3);
    call.run(20);
    assert!(call.heard.packets > 500);
    assert_eq!(call.heard.redundant, 0);
}

#[test]
fn it_ends_with_the_loss() {
    let mut call = Call::new(1, codecs());
    call.set_loss(0.2);
    call.run(10);
    let during = call.heard.redundant;
    assert!(during > 300, "{during}");
    call.set_loss(0.0);
    call.run(25);
    let after = call.heard.redundant;
    call.run(10);
    assert_eq!(call.heard.redundant, after);
}

/// Of a voice of 58 kbit/s, whose packets are 40 without IP. Its listener tells what its way
/// carries, and how much it loses: that counts where there is no feedback.
#[test]
fn it_reaches_as_far_back_as_the_budget_permits() {
    let copies_at = |bitrate_bps| {
        let mut call = Call::new(1, codecs());
        call.tells_arrivals = false;
        call.set_loss(0.2);
        for _ in 0..5 {
            call.run(REPORT_MS / 1000);
            let mut rtcp = Vec::new();
            write_remb(&mut rtcp, 1, bitrate_bps, &[slot_ssrc(1)]);
            call.world.send_rtcp(&mut call.listener, &rtcp);
        }
        call.speak();
        let heard = call.world.receive_rtp(&mut call.listener);
        ages(&heard[0]).len()
    };
    // The voice itself is never left out.
    assert_eq!(copies_at(60_000), 0);
    assert_eq!(copies_at(120_000), 1);
    assert_eq!(copies_at(500_000), 2);
}

/// A pause of more than 341 ms cannot be said: its sound begins alone.
#[test]
fn nothing_from_before_a_long_pause_goes_along() {
    let mut call = Call::new(1, codecs());
    call.set_loss(0.2);
    call.run(12);
    let mut next = |pause: u32| {
        let timestamp = &mut call.microphone.timestamp;
        *timestamp = timestamp.wrapping_add(pause * 960);
        call.speak();
        let heard = call.world.receive_rtp(&mut call.listener);
        ages(&heard[0])
    };
    assert_eq!(next(0), [1920, 960]);
    assert_eq!(next(30), []);
    assert_eq!(next(0), [960]);
    assert_eq!(next(10), [960 * 12, 960 * 11]);
}

fn ages(rtp: &Rtp) -> Vec<u32> {
    match rtp.header.payload_type {
        RED => {
            let payload = red::Payload::parse(&rtp.payload).unwrap();
            payload.older().map(|older| older.age).collect()
        }
        _ => Vec::new(),
    }
}

/// The first packet of another speaker brings nothing of the one before, nor of its own past.
#[test]
fn a_switch_begins_without_a_past() {
    let mut call = Call::new(1, codecs());
    let other = call.world.peer();
    let mut second = call.world.microphone(2, &other, 3333, None);
    call.set_loss(0.2);
    call.run(10);
    for _ in 0..5 {
        let packet = second.packet_with(None, PAYLOAD);
        call.world.send(&other, &[packet]);
    }
    call.speak();
    let before = call.world.receive_rtp(&mut call.listener);
    assert_eq!(before[0].header.payload_type, RED);
    call.world.show(1, 2);
    let mut blocks = Vec::new();
    for _ in 0..4 {
        let packet = second.packet_with(None, PAYLOAD);
        call.world.send(&other, &[packet]);
        for rtp in call.world.receive_rtp(&mut call.listener) {
            let last = &rtp.payload[rtp.payload.len() - PAYLOAD..];
            assert_eq!(last[..4], 3333u32.to_be_bytes());
            blocks.push(ages(&rtp).len());
        }
    }
    assert_eq!(blocks, [0, 1, 2, 2]);
}
