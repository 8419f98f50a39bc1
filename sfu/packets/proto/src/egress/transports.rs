//! Transports come, change and go: their way, their keys, their extensions' ids.

use super::Egress;
use super::sender::Sender;
use crate::command::{Extension, SrtpKeys};
use crate::ids::TransportId;
use crate::rtp::ExtensionMap;
use crate::srtp::SrtpError;
use crate::transmit::Path;

impl Egress {
    pub(super) fn add_transport(&mut self, id: TransportId, extensions: &[(u8, Extension)]) {
        if self.by_transport.contains_key(&id) {
            return;
        }
        let extensions = ExtensionMap::new(extensions);
        let mapping = self.mapping_of(&extensions);
        let mut sender = Sender::new(id, extensions, mapping);
        sender.may_estimate = self.may_estimate(&sender);
        sender.heeds_estimate = sender.may_estimate;
        let index = self.senders.insert(sender);
        self.by_transport.insert(id, index);
    }

    pub(super) fn set_extensions(&mut self, id: TransportId, extensions: &[(u8, Extension)]) {
        let Some(index) = self.by_transport.get(&id).copied() else {
            return;
        };
        let extensions = ExtensionMap::new(extensions);
        let mapping = self.mapping_of(&extensions);
        let sender = &mut self.senders[index];
        let previous = std::mem::replace(&mut sender.mapping, mapping);
        sender.extensions = extensions;
        if extensions.has(Extension::TransportSequenceNumber) {
            sender.acknowledged = None;
        }
        sender.may_estimate = self.adapts && sender.tells_of_packets();
        self.release_mapping(previous);
        // What was sent with other ids cannot be sent again as it was.
        for &(_, slot) in &self.senders[index].slots {
            self.slots[slot].rewrite.forget_segments();
        }
    }

    fn mapping_of(&mut self, extensions: &ExtensionMap) -> usize {
        let found = self
            .mappings
            .iter()
            .find(|(_, (known, _))| known == extensions);
        let index = found.map(|(index, _)| index);
        let index = index.unwrap_or_else(|| self.mappings.insert((*extensions, 0)));
        self.mappings[index].1 += 1;
        index
    }

    fn release_mapping(&mut self, index: usize) {
        self.mappings[index].1 -= 1;
        if self.mappings[index].1 == 0 {
            self.mappings.remove(index);
            self.walk.blocks.forget(index);
        }
    }

    pub(super) fn set_keys(&mut self, id: TransportId, keys: &SrtpKeys) -> Result<(), SrtpError> {
        let Some(index) = self.by_transport.get(&id).copied() else {
            return Ok(());
        };
        if self.senders[index].set_keys(keys)? {
            // What waits has numbers of before.
            self.senders[index].forget_paced();
            for (_, slot) in self.senders[index].slots.clone() {
                self.restart_slot(slot);
            }
            self.choose_all(index);
        }
        Ok(())
    }

    pub(super) fn set_path(&mut self, id: TransportId, path: Option<Path>) {
        if let Some(index) = self.by_transport.get(&id).copied() {
            self.senders[index].path = path;
            if path.is_none() {
                self.senders[index].forget_paced();
                // What is missed meanwhile must not become a hole: begin anew at a keyframe.
                for (_, slot) in self.senders[index].slots.clone() {
                    self.set_current(slot, None);
                }
            }
            self.choose_all(index);
        }
    }

    /// Its slots go over at their next frame.
    pub(super) fn set_headroom(&mut self, id: TransportId, has_headroom: bool) {
        if let Some(index) = self.by_transport.get(&id).copied() {
            self.senders[index].has_headroom = has_headroom;
        }
    }

    /// Says BYE for all slots and forgets them.
    pub(super) fn remove_transport(&mut self, id: TransportId) {
        let Some(index) = self.by_transport.remove(&id) else {
            return;
        };
        self.say_bye(index);
        for (_, slot) in self.senders[index].slots.clone() {
            self.remove_slot(self.slots[slot].id);
        }
        let sender = self.senders.remove(index);
        self.release_mapping(sender.mapping);
    }
}
