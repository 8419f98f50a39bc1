//! What is left out when sending falls behind: by policy, never by chance.
//!
//! Bursts that waited too long are shed here, when their turn comes. Video goes first, in
//! whole groups of packets, and its slots begin anew at a keyframe: a hole would be NACKed,
//! and the answers would be more load. Audio goes only where it is of no use any more.

use std::time::Duration;

use super::Egress;
use crate::command::MediaKind;
use crate::drop::DropReason;
use crate::handover::Group;
use crate::limits::{AUDIO_LATE, VIDEO_LATE};

impl Egress {
    /// True: the group does not go out any more.
    pub(super) fn shed(&mut self, waited: Duration, group: &Group) -> bool {
        if waited < VIDEO_LATE.min(AUDIO_LATE) {
            return false;
        }
        let Some(feed) = self.feeds.get(&group.layer) else {
            return false;
        };
        let (late, reason) = match feed.description.kind {
            MediaKind::Video => (VIDEO_LATE, DropReason::VideoShed),
            MediaKind::Audio => (AUDIO_LATE, DropReason::AudioShed),
        };
        if waited < late {
            return false;
        }
        let slots = feed.slots.as_slice().iter().copied();
        let shown = slots.filter(|&slot| self.slots[slot].current == Some(group.layer));
        let shown: Vec<usize> = shown.collect();
        let packets = group.packets.len() * shown.len();
        self.drops.add(reason, packets as u64);
        for slot in shown {
            self.set_current(slot, None);
            self.choose(slot);
        }
        true
    }
}
