//! Commands, told apart.

use super::Egress;
use crate::command::Command;
use crate::drop::DropReason;

impl Egress {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::AddTransport {
                transport,
                extensions,
                ..
            } => self.add_transport(transport, &extensions),
            Command::SetExtensions {
                transport,
                extensions,
            } => self.set_extensions(transport, &extensions),
            Command::SetKeys { transport, keys } => {
                if self.set_keys(transport, &keys).is_err() {
                    self.drops.count(DropReason::NoKeys);
                }
            }
            Command::SetHeadroom {
                transport,
                has_headroom,
            } => self.set_headroom(transport, has_headroom),
            Command::SetCap { transport, cap_bps } => self.set_cap(transport, cap_bps),
            Command::RemoveTransport { transport } => self.remove_transport(transport),
            Command::AddSource { source, parameters } => {
                let layers = parameters.rids.len().clamp(1, 255) as u8;
                self.add_source(source, parameters.transport, layers, parameters.is_screen);
            }
            Command::RemoveSource { source } => self.remove_source(source),
            Command::AddSlot { slot, parameters } => self.add_slot(slot, parameters),
            Command::Show {
                slot,
                source,
                layer,
            } => self.show(slot, source, layer),
            Command::SetWanted { source, top } => self.set_wanted_layers(source, top),
            Command::SetStage { slot, is_stage } => self.set_stage(slot, is_stage),
            Command::RemoveSlot { slot } => self.remove_slot(slot),
            Command::RemoveRoom { room } => self.remove_room(room),
            // Placement gives these to no shard: they are the receive side's.
            Command::RestartIce { .. }
            | Command::SendDtls { .. }
            | Command::SetForwarding { .. }
            | Command::AddRoom { .. } => {}
        }
    }
}
