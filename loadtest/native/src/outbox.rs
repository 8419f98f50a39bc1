//! What a peer wants sent: whole datagrams in one reused arena.

/// Filled by a peer, emptied by the worker after each call.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    arena: Vec<u8>,
    ends: Vec<usize>,
}

impl Outbox {
    /// Appends a datagram that `write` makes at the arena's end; nothing is sent if it fails.
    pub(crate) fn push<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.arena.len();
        let written = write(&mut self.arena, start);
        match written {
            Ok(()) => self.ends.push(self.arena.len()),
            Err(_) => self.arena.truncate(start),
        }
        written
    }

    pub(crate) fn push_slice(&mut self, datagram: &[u8]) {
        self.arena.extend_from_slice(datagram);
        self.ends.push(self.arena.len());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.arena[start..end])
    }

    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_that_could_not_be_written_leaves_nothing() {
        let mut out = Outbox::default();
        out.push_slice(b"one");
        let failed = out.push(|arena, _| {
            arena.extend_from_slice(b"half");
            Err(())
        });
        assert_eq!(failed, Err(()));
        out.push_slice(b"two");
        assert_eq!(out.datagrams().collect::<Vec<_>>(), [b"one", b"two"]);
    }
}
