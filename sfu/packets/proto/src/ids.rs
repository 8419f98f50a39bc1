//! Names of the things that Python and the packet path speak about.
//!
//! Python allocates every id and never reuses one within the life of a process,
//! so that a command may cross an event on the way without confusion.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);
    };
}

id!(
    /// One peer: an ICE, DTLS and SRTP association over one 5-tuple at a time.
    TransportId
);
id!(
    /// One published track with its layers.
    SourceId
);
id!(
    /// One receive m-line of a subscriber, with an SSRC that never changes.
    SlotId
);
id!(
    /// The participants whose audio competes for the same positions.
    RoomId
);
