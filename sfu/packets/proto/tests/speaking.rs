//! Who is heard: stable positions, no clipped onset, nobody hears himself.

#![allow(clippy::unwrap_used)]

mod world;

use sfu_proto::command::Command;
use sfu_proto::event::Event;
use sfu_proto::ids::{RoomId, SourceId};
use world::*;

const ROOM: u64 = 9;
const LOUD: u8 = 25;
const QUIET: u8 = 90;

/// A room of `people`, each with a microphone (source = number from 1) and a listener.
struct Talk {
    world: World,
    people: Vec<Peer>,
    microphones: Vec<Microphone>,
    listener: Peer,
    positions: Vec<Option<u64>>,
    changes: usize,
}

impl Talk {
    fn new(people: usize, positions: u8) -> Self {
        let mut world = World::new();
        world.command(Command::AddRoom {
            room: RoomId(ROOM),
            positions,
        });
        let listener = world.peer();
        for position in 0..positions {
            world.audio_slot(1 + u64::from(position), &listener, Some((ROOM, position)));
        }
        let people: Vec<_> = (0..people).map(|_| world.peer()).collect();
        let microphones = people
            .iter()
            .zip(1..)
            .map(|(peer, id)| world.microphone(id, peer, id as u32 * 100, Some(ROOM)))
            .collect();
        Self {
            world,
            people,
            microphones,
            listener,
            positions: Vec::new(),
            changes: 0,
        }
    }

    /// 20 ms of everybody; what the listener heard, by source.
    fn tick(&mut self, level: impl Fn(usize) -> Option<u8>) -> Vec<u64> {
        for (index, peer) in self.people.iter().enumerate() {
            if let Some(level) = level(index + 1) {
                let sent = self.microphones[index].packet(Some(level));
                self.world.send(peer, &[sent]);
            }
        }
        self.world.advance_ms(20);
        for event in &self.world.events {
            if let Event::AudioPositionsChanged {
                room: RoomId(ROOM),
                positions,
            } = event
            {
                self.positions = positions.iter().map(|held| held.map(|id| id.0)).collect();
                self.changes += 1;
            }
        }
        let heard = self.world.receive_rtp(&mut self.listener);
        let source =
            |rtp: &Rtp| u64::from(u32::from_be_bytes(rtp.payload[..4].try_into().unwrap()));
        heard.iter().map(|rtp| source(rtp) / 100).collect()
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.world.take_events()
    }
}

#[test]
fn in_a_small_room_everybody_keeps_a_position_from_the_first_packet_on() {
    let mut talk = Talk::new(3, 4);
    for round in 0..500 {
        let heard = talk.tick(|id| {
            Some(if round / 50 % 3 == id - 1 {
                LOUD
            } else {
                QUIET
            })
        });
        assert_eq!(heard, [1, 2, 3], "round {round}");
        talk.take_events();
    }
    assert_eq!(talk.changes, 3);
    assert_eq!(talk.positions, [Some(1), Some(2), Some(3), None]);
}

#[test]
fn the_first_packet_of_a_word_is_heard_however_full_the_room() {
    let mut talk = Talk::new(20, 3);
    for _ in 0..200 {
        talk.tick(|_| Some(QUIET));
    }
    for speaker in [11, 5, 17, 8] {
        let heard = talk.tick(|id| Some(if id == speaker { 60 } else { QUIET }));
        assert!(
            heard.contains(&(speaker as u64)),
            "the soft onset of {speaker}: {heard:?}"
        );
        for _ in 0..150 {
            let heard = talk.tick(|id| Some(if id == speaker { LOUD } else { QUIET }));
            assert!(heard.contains(&(speaker as u64)));
        }
        for _ in 0..40 {
            talk.tick(|_| Some(QUIET));
        }
    }
}

#[test]
fn a_pause_of_two_seconds_costs_nobody_the_position() {
    let mut talk = Talk::new(6, 2);
    for _ in 0..50 {
        talk.tick(|id| Some(if id <= 2 { LOUD } else { QUIET }));
    }
    talk.take_events();
    talk.changes = 0;
    // Speaker 2 pauses for 1.8 s while 3 talks as loudly as 1: nobody gives way.
    for _ in 0..90 {
        talk.tick(|id| Some(if id == 1 || id == 3 { LOUD } else { QUIET }));
    }
    assert_eq!(talk.changes, 0, "{:?}", talk.positions);
    for _ in 0..30 {
        talk.tick(|id| Some(if id == 1 || id == 3 { LOUD } else { QUIET }));
    }
    assert_eq!(talk.positions, [Some(1), Some(3)]);
}

#[test]
fn positions_do_not_flutter_when_more_talk_than_there_are_positions() {
    let mut talk = Talk::new(8, 3);
    for round in 0..3000u64 {
        // All talk, each syllable of another loudness.
        talk.tick(|id| Some(LOUD + ((round / 7 + id as u64 * 5) % 8) as u8));
        talk.take_events();
    }
    assert!(talk.changes < 15, "{} changes in a minute", talk.changes);
}

#[test]
fn nobody_hears_himself() {
    let mut world = World::new();
    world.command(Command::AddRoom {
        room: RoomId(ROOM),
        positions: 2,
    });
    let mut people: Vec<_> = (0..2).map(|_| world.peer()).collect();
    let mut microphones = Vec::new();
    for (index, peer) in people.iter().enumerate() {
        let index = index as u64;
        microphones.push(world.microphone(index + 1, peer, index as u32 * 100, Some(ROOM)));
        world.audio_slot(index * 10 + 1, peer, Some((ROOM, 0)));
        world.audio_slot(index * 10 + 2, peer, Some((ROOM, 1)));
    }
    for _ in 0..10 {
        for (peer, microphone) in people.iter().zip(&mut microphones) {
            let sent = microphone.packet(Some(LOUD));
            world.send(peer, &[sent]);
        }
    }
    for (index, peer) in people.iter_mut().enumerate() {
        let heard = world.receive_rtp(peer);
        assert_eq!(heard.len(), 10);
        let other = (1 - index as u32) * 100;
        assert!(
            heard
                .iter()
                .all(|rtp| rtp.payload[..4] == other.to_be_bytes())
        );
    }
}

#[test]
fn speech_begins_after_200_ms_and_ends_after_800() {
    let mut talk = Talk::new(2, 2);
    let speaking = |talk: &mut Talk| -> Vec<_> {
        let events = talk.take_events().into_iter();
        events
            .filter_map(|event| match event {
                Event::SpeakingChanged { source, speaking } => Some((source.0, speaking)),
                _ => None,
            })
            .collect()
    };
    for _ in 0..5 {
        talk.tick(|id| Some(if id == 1 { LOUD } else { QUIET }));
    }
    assert_eq!(speaking(&mut talk), [], "a click is no speech");
    for _ in 0..10 {
        talk.tick(|id| Some(if id == 1 { LOUD } else { QUIET }));
    }
    assert_eq!(speaking(&mut talk), [(1, true)]);
    for _ in 0..35 {
        talk.tick(|_| Some(QUIET));
    }
    assert_eq!(speaking(&mut talk), []);
    for _ in 0..10 {
        talk.tick(|_| None);
    }
    assert_eq!(speaking(&mut talk), [(1, false)], "even when packets cease");
}

#[test]
fn the_dominant_speaker_changes_with_the_talk_and_stays_in_silence() {
    let mut talk = Talk::new(3, 3);
    let dominant = |talk: &mut Talk| -> Vec<_> {
        let events = talk.take_events().into_iter();
        events
            .filter_map(|event| match event {
                Event::DominantSpeakerChanged { source, .. } => Some(source.map(|id| id.0)),
                _ => None,
            })
            .collect()
    };
    for speaker in [2, 1, 3] {
        for _ in 0..100 {
            talk.tick(|id| Some(if id == speaker { LOUD } else { QUIET }));
        }
        for _ in 0..50 {
            talk.tick(|_| Some(QUIET));
        }
    }
    assert_eq!(dominant(&mut talk), [Some(2), Some(1), Some(3)]);
    talk.world.command(Command::RemoveSource {
        source: SourceId(3),
    });
    talk.tick(|id| (id != 3).then_some(QUIET));
    assert_eq!(dominant(&mut talk), [None]);
}

#[test]
fn a_source_without_levels_speaks_while_its_packets_flow() {
    let mut talk = Talk::new(1, 1);
    for _ in 0..15 {
        let sent = talk.microphones[0].packet(None);
        talk.world.send(&talk.people[0], &[sent]);
        talk.world.advance_ms(20);
    }
    assert_eq!(talk.world.receive_rtp(&mut talk.listener).len(), 15);
    let events = talk.take_events();
    assert!(events.contains(&Event::SpeakingChanged {
        source: SourceId(1),
        speaking: true
    }));
}

#[test]
fn a_moderators_mute_frees_the_position() {
    let mut talk = Talk::new(3, 1);
    for _ in 0..20 {
        talk.tick(|id| Some(if id == 1 { LOUD } else { QUIET }));
    }
    assert_eq!(talk.positions, [Some(1)]);
    talk.world.command(Command::SetForwarding {
        source: SourceId(1),
        forwarding: false,
    });
    let heard = talk.tick(|id| (id != 2).then_some(LOUD));
    assert_eq!(heard, [3]);
}
