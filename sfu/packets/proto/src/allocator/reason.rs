//! Why a picture is not better than it is, from what is known of its way: one reason, the nearest
//! to the one who asks first.

use std::time::Duration;

/// What a tile can say of its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The subscriber's way does not carry more.
    YourDownlink,
    /// What comes from the publisher has holes.
    SendersUplink,
    /// The publisher could send a better picture and does not.
    SendersCamera,
    /// It would look no better.
    TileIsSmall,
    NoHigherLayer,
    /// More would fit and is not allowed.
    ModeratorsCap,
    ServerIsBusy,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Circumstances {
    /// The server has left out something of it lately.
    pub(crate) is_busy: bool,
    /// A better rung of its ladder does not fit...
    pub(crate) is_limited: bool,
    /// ... and what does not let it is the cap.
    pub(crate) is_capped: bool,
    /// The layer that the tile would take, 0 the highest.
    pub(crate) asked: u8,
    /// The best that the source sends of those; nothing: it sends none.
    pub(crate) best: Option<u8>,
    /// That the source could have.
    pub(crate) layers: u8,
    pub(crate) is_lossy: bool,
}

pub(crate) fn reason(now: &Circumstances) -> Option<Reason> {
    let best = now.best?;
    if now.is_busy {
        Some(Reason::ServerIsBusy)
    } else if now.is_limited && now.is_capped {
        Some(Reason::ModeratorsCap)
    } else if now.is_limited {
        Some(Reason::YourDownlink)
    } else if now.is_lossy {
        Some(Reason::SendersUplink)
    } else if best > now.asked {
        Some(Reason::SendersCamera)
    } else if now.asked > 0 {
        Some(Reason::TileIsSmall)
    } else if now.layers <= 1 {
        Some(Reason::NoHigherLayer)
    } else {
        None
    }
}

impl Reason {
    /// How long it must seem so before it is said of a picture that is there.
    pub(crate) fn must_last(self) -> Duration {
        match self {
            // Layers of a camera start one after the other, up to five seconds apart.
            Reason::SendersUplink | Reason::SendersCamera => Duration::from_secs(8),
            // An estimate begins low, and is right after two seconds.
            Reason::YourDownlink => Duration::from_secs(3),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture that could not be better.
    const GOOD: Circumstances = Circumstances {
        is_busy: false,
        is_limited: false,
        is_capped: false,
        asked: 0,
        best: Some(0),
        layers: 3,
        is_lossy: false,
    };

    #[test]
    fn one_cause_at_a_time_is_named() {
        let cases = [
            (GOOD, None),
            (
                Circumstances {
                    is_busy: true,
                    ..GOOD
                },
                Some(Reason::ServerIsBusy),
            ),
            (
                Circumstances {
                    is_limited: true,
                    ..GOOD
                },
                Some(Reason::YourDownlink),
            ),
            (
                Circumstances {
                    is_limited: true,
                    is_capped: true,
                    ..GOOD
                },
                Some(Reason::ModeratorsCap),
            ),
            (
                Circumstances {
                    is_capped: true,
                    ..GOOD
                },
                None,
            ),
            (
                Circumstances {
                    is_lossy: true,
                    ..GOOD
                },
                Some(Reason::SendersUplink),
            ),
            (
                Circumstances {
                    best: Some(1),
                    ..GOOD
                },
                Some(Reason::SendersCamera),
            ),
            (
                Circumstances {
                    best: Some(2),
                    asked: 1,
                    ..GOOD
                },
                Some(Reason::SendersCamera),
            ),
            (
                Circumstances {
                    best: Some(1),
                    asked: 1,
                    ..GOOD
                },
                Some(Reason::TileIsSmall),
            ),
            (
                Circumstances {
                    best: Some(0),
                    asked: 2,
                    ..GOOD
                },
                Some(Reason::TileIsSmall),
            ),
            (
                Circumstances { layers: 1, ..GOOD },
                Some(Reason::NoHigherLayer),
            ),
            (
                Circumstances {
                    best: None,
                    is_limited: true,
                    ..GOOD
                },
                None,
            ),
        ];
        for (circumstances, expected) in cases {
            assert_eq!(reason(&circumstances), expected, "{circumstances:?}");
        }
    }

    #[test]
    fn of_several_the_nearest_is_named() {
        let all = Circumstances {
            is_limited: true,
            asked: 1,
            best: Some(2),
            is_lossy: true,
            ..GOOD
        };
        assert_eq!(reason(&all), Some(Reason::YourDownlink));
        let busy = Circumstances {
            is_busy: true,
            ..all
        };
        assert_eq!(reason(&busy), Some(Reason::ServerIsBusy));
        let there = Circumstances {
            is_limited: false,
            ..all
        };
        assert_eq!(reason(&there), Some(Reason::SendersUplink));
    }
}
