//! Who is heard: the loudest sources of a room share its audio positions.
//!
//! In come RFC 6464 levels, packet by packet; out goes which source holds which position,
//! who speaks and who dominates. A position is given at the very packet that rises, so that
//! no word loses its onset, and kept for as long as pauses in speech last, so that it does
//! not change hands between two sentences. One packet costs a lookup; only a voice without
//! a position looks at the positions. Knows no RTP and no subscriber.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::{Ingress, Timer};
use crate::event::Event;
use crate::handover::{Down, ShardSet};
use crate::ids::{RoomId, SourceId};

/// Loudness is 127 less the RFC 6464 level: 0 is silence, 127 the overload point.
/// Speech at a laptop lies at 75-110, its pauses and room noise below 65.
const VOICE: i32 = 72;
/// A rise this far above the source's own noise is the onset of a word, even a soft one.
const ONSET: i32 = 12;
const ONSET_LEAST: i32 = 55;
/// Of a source that sends no levels: speaks, but does not push out a loud one.
const UNKNOWN: i32 = 85;
/// The score falls this fast, so that a loud syllable counts for about half a second.
const DECAY_PER_S: f64 = 40.0;
/// The noise estimate climbs this fast and falls at once.
const NOISE_RISE_PER_S: f64 = 5.0;
/// A holder keeps its position through a pause this long.
const HOLD: Duration = Duration::from_secs(2);
/// A talking holder gives way to one who is this much louder for this long.
const LOUDER: f64 = 8.0;
const LOUDER_FOR: Duration = Duration::from_millis(500);
const SPEAKING_ON: Duration = Duration::from_millis(200);
/// A gap inside a word; voice before it counts on.
const SYLLABLE_GAP: Duration = Duration::from_millis(200);
const SPEAKING_OFF: Duration = Duration::from_millis(800);

#[derive(Debug)]
struct Voice {
    position: Option<usize>,
    score: f64,
    noise: f64,
    heard: Instant,
    voiced: Option<Instant>,
    /// Begin of the present run of voice.
    onset: Option<Instant>,
    held_since: Instant,
    louder_since: Option<Instant>,
    is_speaking: bool,
}

impl Voice {
    fn new(now: Instant, loudness: i32) -> Self {
        Self {
            position: None,
            score: f64::from(loudness),
            noise: f64::from(loudness),
            heard: now,
            voiced: None,
            onset: None,
            held_since: now,
            louder_since: None,
            is_speaking: false,
        }
    }

    /// True: this packet carries voice.
    fn hear(&mut self, now: Instant, loudness: i32) -> bool {
        let elapsed = now.saturating_duration_since(self.heard).as_secs_f64();
        let loud = f64::from(loudness);
        let is_onset = loudness >= ONSET_LEAST && loud >= self.noise + f64::from(ONSET);
        self.heard = now;
        self.score = (self.score - DECAY_PER_S * elapsed).max(loud);
        self.noise = (self.noise + NOISE_RISE_PER_S * elapsed).min(loud);
        let is_voice = loudness >= VOICE || is_onset;
        if is_voice {
            let goes_on = self
                .voiced
                .is_some_and(|voiced| now < voiced + SYLLABLE_GAP);
            self.onset = self.onset.filter(|_| goes_on).or(Some(now));
            self.voiced = Some(now);
        }
        is_voice
    }

    fn score_at(&self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.heard).as_secs_f64();
        self.score - DECAY_PER_S * elapsed
    }

    /// May lose its position to any voice.
    fn is_idle(&self, now: Instant) -> bool {
        self.voiced.is_none_or(|voiced| voiced + HOLD <= now)
    }
}

/// What a packet or a pause changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) positions: bool,
    pub(super) speaking: Vec<(SourceId, bool)>,
    pub(super) dominant: bool,
}

#[derive(Debug)]
pub(super) struct Speakers {
    pub(super) positions: Vec<Option<SourceId>>,
    pub(super) dominant: Option<SourceId>,
    /// Shards with slots that follow the positions.
    pub(super) followed_by: ShardSet,
    voices: FxHashMap<SourceId, Voice>,
    speaking: Vec<SourceId>,
    timer: Option<Instant>,
}

impl Speakers {
    pub(super) fn new(positions: u8) -> Self {
        Self {
            positions: vec![None; usize::from(positions)],
            dominant: None,
            followed_by: ShardSet::NONE,
            voices: FxHashMap::default(),
            speaking: Vec::new(),
            timer: None,
        }
    }

    /// Shards that play the source while it holds a position.
    pub(super) fn followers_of(&self, id: SourceId) -> ShardSet {
        let voice = self.voices.get(&id);
        match voice.is_some_and(|voice| voice.position.is_some()) {
            true => self.followed_by,
            false => ShardSet::NONE,
        }
    }

    /// 0 silence, 127 the overload point, of late.
    pub(super) fn loudness(&self, now: Instant, id: SourceId) -> u8 {
        let score = self
            .voices
            .get(&id)
            .map_or(0.0, |voice| voice.score_at(now));
        score.clamp(0.0, 127.0) as u8
    }

    /// One audio packet. `level`: the extension's byte, whose first bit is voice activity,
    /// which senders set too rarely alike to rely on.
    pub(super) fn heard(&mut self, now: Instant, id: SourceId, level: Option<u8>) -> Changes {
        let loudness = level.map_or(UNKNOWN, |level| 127 - i32::from(level & 0x7f));
        let voice = self
            .voices
            .entry(id)
            .or_insert_with(|| Voice::new(now, loudness));
        let is_voice = voice.hear(now, loudness);
        let mut changes = Changes::default();
        if voice.position.is_none() {
            changes.positions = self.seek_position(now, id, is_voice);
        }
        if is_voice {
            self.note_speech(now, id, &mut changes);
        }
        changes
    }

    fn seek_position(&mut self, now: Instant, id: SourceId, is_voice: bool) -> bool {
        if let Some(free) = self.positions.iter().position(Option::is_none) {
            self.give(now, free, id);
            return true;
        }
        if !is_voice {
            return false;
        }
        let Some(weakest) = self.weakest(now) else {
            return false;
        };
        let holder = self.positions[weakest].and_then(|holder| self.voices.get(&holder));
        let Some(holder) = holder else { return false };
        let (is_idle, score) = (holder.is_idle(now), holder.score_at(now));
        let has_held = now >= holder.held_since + HOLD;
        let gives_way = is_idle || has_held && self.is_louder(now, id, score);
        if !gives_way {
            return false;
        }
        self.give(now, weakest, id);
        true
    }

    /// The position to lose first: an idle holder before a talking one, then the softer.
    fn weakest(&self, now: Instant) -> Option<usize> {
        let held = self.positions.iter().enumerate();
        let rated = held.filter_map(|(position, holder)| {
            let voice = self.voices.get(holder.as_ref()?)?;
            Some((position, !voice.is_idle(now), voice.score_at(now)))
        });
        let weakest =
            rated.min_by(|one, other| one.1.cmp(&other.1).then(one.2.total_cmp(&other.2)));
        weakest.map(|(position, _, _)| position)
    }

    fn is_louder(&mut self, now: Instant, id: SourceId, than: f64) -> bool {
        let Some(voice) = self.voices.get_mut(&id) else {
            return false;
        };
        if voice.score < than + LOUDER {
            voice.louder_since = None;
            return false;
        }
        now >= *voice.louder_since.get_or_insert(now) + LOUDER_FOR
    }

    fn give(&mut self, now: Instant, position: usize, id: SourceId) {
        let previous = self.positions[position].replace(id);
        if let Some(voice) = previous.and_then(|previous| self.voices.get_mut(&previous)) {
            voice.position = None;
            voice.louder_since = None;
        }
        if let Some(voice) = self.voices.get_mut(&id) {
            voice.position = Some(position);
            voice.held_since = now;
            voice.louder_since = None;
        }
    }

    fn note_speech(&mut self, now: Instant, id: SourceId, changes: &mut Changes) {
        let Some(voice) = self.voices.get_mut(&id) else {
            return;
        };
        let is_on = voice.onset.is_some_and(|onset| now >= onset + SPEAKING_ON);
        if is_on && !voice.is_speaking {
            voice.is_speaking = true;
            self.speaking.push(id);
            changes.speaking.push((id, true));
        }
        if self.voices[&id].is_speaking && self.dominant != Some(id) {
            changes.dominant |= self.challenge(now, id);
        }
    }

    /// A speaker takes over from one who is silent at once, from a softer one in a while.
    fn challenge(&mut self, now: Instant, id: SourceId) -> bool {
        let rival = self
            .dominant
            .and_then(|dominant| self.voices.get(&dominant));
        let rival = rival
            .filter(|rival| rival.is_speaking)
            .map(|rival| rival.score_at(now));
        let wins = match rival {
            None => true,
            Some(score) => self.is_louder(now, id, score),
        };
        if wins {
            self.dominant = Some(id);
        }
        wins
    }

    /// Ends the speech of those who have been silent for long enough.
    pub(super) fn pause(&mut self, now: Instant) -> Changes {
        let mut changes = Changes::default();
        let voices = &mut self.voices;
        self.speaking.retain(|id| {
            let Some(voice) = voices.get_mut(id) else {
                return false;
            };
            let goes_on = voice
                .voiced
                .is_some_and(|voiced| voiced + SPEAKING_OFF > now);
            if !goes_on {
                voice.is_speaking = false;
                changes.speaking.push((*id, false));
            }
            goes_on
        });
        let ended = |id| changes.speaking.iter().any(|&(ended, _)| ended == id);
        if self.dominant.is_some_and(ended) {
            changes.dominant = self.crown_loudest(now);
        }
        changes
    }

    /// The loudest of those who speak; nobody: the last one stays.
    fn crown_loudest(&mut self, now: Instant) -> bool {
        let score = |id: &SourceId| self.voices.get(id).map_or(0.0, |voice| voice.score_at(now));
        let loudest = self
            .speaking
            .iter()
            .max_by(|a, b| score(a).total_cmp(&score(b)));
        let Some(&loudest) = loudest else {
            return false;
        };
        self.dominant.replace(loudest) != Some(loudest)
    }

    pub(super) fn next_pause(&self) -> Option<Instant> {
        let voiced = self
            .speaking
            .iter()
            .filter_map(|id| self.voices.get(id)?.voiced);
        voiced.min().map(|voiced| voiced + SPEAKING_OFF)
    }

    pub(super) fn remove(&mut self, now: Instant, id: SourceId) -> Changes {
        let mut changes = Changes::default();
        let Some(voice) = self.voices.remove(&id) else {
            return changes;
        };
        if let Some(position) = voice.position {
            self.positions[position] = None;
            changes.positions = true;
        }
        self.speaking.retain(|&speaking| speaking != id);
        if voice.is_speaking {
            changes.speaking.push((id, false));
        }
        if self.dominant == Some(id) {
            self.dominant = None;
            self.crown_loudest(now);
            changes.dominant = true;
        }
        changes
    }
}

impl Ingress {
    pub(super) fn heard(&mut self, now: Instant, room: RoomId, source: usize, level: Option<u8>) {
        let id = self.sources[source].id;
        let Some(speakers) = self.rooms.get_mut(&room) else {
            return;
        };
        let changes = speakers.heard(now, id, level);
        self.set_room_timer(room);
        self.tell_changes(room, changes);
    }

    pub(super) fn wake_room(&mut self, now: Instant, room: RoomId) {
        let Some(speakers) = self.rooms.get_mut(&room) else {
            return;
        };
        let changes = speakers.pause(now);
        speakers.timer = None;
        self.set_room_timer(room);
        self.tell_changes(room, changes);
    }

    /// One timer a room, while anybody speaks.
    fn set_room_timer(&mut self, room: RoomId) {
        let Some(speakers) = self.rooms.get_mut(&room) else {
            return;
        };
        if speakers.timer.is_none()
            && let Some(at) = speakers.next_pause()
        {
            speakers.timer = Some(at);
            self.timers.set(at, Timer::Room(room));
        }
    }

    pub(super) fn leave_room(&mut self, now: Instant, source: usize) {
        let source = &self.sources[source];
        let (id, Some(room)) = (source.id, source.room) else {
            return;
        };
        let Some(speakers) = self.rooms.get_mut(&room) else {
            return;
        };
        let changes = speakers.remove(now, id);
        self.tell_changes(room, changes);
    }

    fn tell_changes(&mut self, room: RoomId, changes: Changes) {
        let Some(speakers) = self.rooms.get(&room) else {
            return;
        };
        if changes.positions {
            let positions = speakers.positions.clone();
            self.down.push(Down::Positions {
                room,
                positions: positions.clone(),
            });
            self.events
                .push(Event::AudioPositionsChanged { room, positions });
        }
        for (source, speaking) in changes.speaking {
            self.events
                .push(Event::SpeakingChanged { source, speaking });
        }
        if changes.dominant {
            let source = speakers.dominant;
            self.events
                .push(Event::DominantSpeakerChanged { room, source });
        }
    }
}
