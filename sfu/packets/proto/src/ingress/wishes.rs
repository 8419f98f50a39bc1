//! What the shards of the send side want: which layers and rooms they are handed, and keyframes.

use std::time::Instant;

use super::Ingress;
use super::keyframes::KeyframeRequests;
use crate::handover::{Burst, LayerKey, ShardSet, Up};
use crate::ids::RoomId;

impl Ingress {
    pub(crate) fn handle_up(&mut self, now: Instant, shard: usize, up: Up) {
        match up {
            Up::KeyframeAwaited(key) => {
                self.request_keyframe(now, key, |requests| requests.wait(shard));
            }
            Up::Watched(key) => self.set_watched(key, shard, true),
            Up::Unwatched(key) => self.set_watched(key, shard, false),
            Up::Followed(room) => self.set_followed(room, shard, true),
            Up::Unfollowed(room) => self.set_followed(room, shard, false),
            Up::KeyframeAsked(key) => self.request_keyframe(now, key, KeyframeRequests::ask),
            Up::ArrivalsWanted(key) => {
                if let Some(index) = self.layer_of(key) {
                    self.layers[index].held.want_arrivals(now);
                }
            }
            Up::KeyframeUnawaited(key) => {
                if let Some(index) = self.layer_of(key) {
                    self.layers[index].keyframes.stop_waiting(shard);
                }
            }
            Up::RoundTrip {
                transport,
                round_trip,
            } => {
                if let Some(index) = self.receiver_of(transport) {
                    self.receivers[index].round_trip = Some(round_trip);
                }
            }
        }
    }

    fn set_watched(&mut self, key: LayerKey, shard: usize, is_watched: bool) {
        if let Some(index) = self.layer_of(key) {
            self.layers[index].watched_by.set(shard, is_watched);
        }
    }

    fn set_followed(&mut self, room: RoomId, shard: usize, is_followed: bool) {
        if let Some(speakers) = self.rooms.get_mut(&room) {
            speakers.followed_by.set(shard, is_followed);
        }
    }

    /// Who watches any layer of the burst. Who follows a room gets the voices that hold its
    /// positions without asking: a word's onset would be over before the wish is here.
    pub(crate) fn watchers(&self, burst: &Burst) -> ShardSet {
        let groups = burst.groups.iter();
        let layers = groups.filter_map(|group| self.layer_of(group.layer));
        layers.fold(ShardSet::NONE, |shards, index| {
            let layer = &self.layers[index];
            let source = &self.sources[layer.source];
            let room = source.room.and_then(|room| self.rooms.get(&room));
            let followers = room.map_or(ShardSet::NONE, |room| room.followers_of(source.id));
            shards.join(layer.watched_by).join(followers)
        })
    }

    fn request_keyframe(
        &mut self,
        now: Instant,
        key: LayerKey,
        request: impl FnOnce(&mut KeyframeRequests),
    ) {
        if let Some(index) = self.layer_of(key) {
            request(&mut self.layers[index].keyframes);
            let receiver = self.sources[self.layers[index].source].receiver;
            self.wake(receiver, self.layers[index].keyframes.next(now));
        }
    }
}
