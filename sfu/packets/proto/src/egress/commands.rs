//! Commands, told apart.

use super::Egress;
use crate::drop::DropReason;
use crate::handover::ShardCommand;

impl Egress {
    pub(super) fn obey(&mut self, command: ShardCommand) {
        match command {
            ShardCommand::AddTransport {
                transport,
                extensions,
            } => self.add_transport(transport, &extensions),
            ShardCommand::SetExtensions {
                transport,
                extensions,
            } => self.set_extensions(transport, &extensions),
            ShardCommand::SetKeys { transport, keys } => {
                if self.set_keys(transport, &keys).is_err() {
                    self.drops.count(DropReason::NoKeys);
                }
            }
            ShardCommand::SetHeadroom {
                transport,
                has_headroom,
            } => self.set_headroom(transport, has_headroom),
            ShardCommand::RemoveTransport { transport } => self.remove_transport(transport),
            ShardCommand::AddSource { source, transport } => self.add_source(source, transport),
            ShardCommand::RemoveSource { source } => self.remove_source(source),
            ShardCommand::AddSlot { slot, parameters } => self.add_slot(slot, parameters),
            ShardCommand::Show {
                slot,
                source,
                layer,
            } => self.show(slot, source, layer),
            ShardCommand::SetStage { slot, is_stage } => self.set_stage(slot, is_stage),
            ShardCommand::RemoveSlot { slot } => self.remove_slot(slot),
            ShardCommand::RemoveRoom { room } => self.remove_room(room),
        }
    }
}
