//! One transport's ICE: generations of credentials, validated 5-tuples, the nominated one.
//!
//! # Which nomination counts
//! Peers nominate in three ways. Regular (aioice, libnice): plain checks first, then one with
//! USE-CANDIDATE on the chosen pair. Aggressive (Firefox): USE-CANDIDATE on every check, the
//! pair of highest priority counts (RFC 5245 §8.1.1.2). Chromium, facing a lite agent: plain
//! checks on all pairs, USE-CANDIDATE on exactly the pair that it has selected, and on
//! another from the moment it selects that. So a check with USE-CANDIDATE moves us
//! - if it belongs to a newer generation of credentials,
//! - if its pair was checked plainly before: then the flag is a decision,
//! - if its priority is higher,
//! - if only the remote port changed: the same pair behind a NAT that rebound,
//! - if the nominated pair has been silent for three seconds;
//!
//! and otherwise it does not, or aggressive peers would make us flap. Silence alone moves us
//! to any pair that is still checked (a peer that nominates once does not repeat itself after
//! its address changed).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::path::canonical;
use crate::command::IceCredentials;
use crate::event::LostReason;
use crate::limits::{CONNECT, CONSENT, TUPLES_PER_TRANSPORT};
use crate::stun::StunKey;
use crate::transmit::Path;

/// Chromium checks its selected pair at least every 2.5 s.
const SILENCE: Duration = Duration::from_secs(3);
/// Three consent checks of RFC 7675 §5.1 lost in a row.
const LONG_SILENCE: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct Agent {
    state: State,
    current: Generation,
    /// The one in use while a restart has not yet nominated.
    previous: Option<Generation>,
    tuples: Vec<Tuple>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Checking {
        until: Instant,
    },
    /// `nominated` is canonical.
    Connected {
        nominated: Path,
        consent_until: Instant,
    },
    Lost,
}

#[derive(Debug)]
struct Generation {
    number: u32,
    ufrag: Box<[u8]>,
    key: StunKey,
}

/// A validated 5-tuple.
#[derive(Clone, Debug)]
struct Tuple {
    /// As the socket layer named it.
    path: Path,
    canonical: Path,
    generation: u32,
    priority: u32,
    last_check: Instant,
    /// A check of this generation came without USE-CANDIDATE.
    checked_plainly: bool,
}

/// One authenticated Binding request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) now: Instant,
    pub(super) path: Path,
    pub(super) generation: u32,
    pub(super) priority: u32,
    pub(super) use_candidate: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Connected,
    Moved,
}

/// What a check changed, for the tables.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) change: Option<Change>,
    pub(super) evicted: Option<Path>,
    /// User name fragment of the generation that ended.
    pub(super) forgotten: Option<Box<[u8]>>,
}

impl Agent {
    pub(super) fn new(now: Instant, credentials: &IceCredentials) -> Self {
        Self {
            state: State::Checking {
                until: now + CONNECT,
            },
            current: Generation::new(0, credentials),
            previous: None,
            tuples: Vec::new(),
        }
    }

    /// Returns the user name fragment that is no longer valid: of two generations that wait,
    /// the one not in use.
    pub(super) fn restart(
        &mut self,
        now: Instant,
        credentials: &IceCredentials,
    ) -> Option<Box<[u8]>> {
        let next = Generation::new(self.current.number + 1, credentials);
        let replaced = std::mem::replace(&mut self.current, next);
        if !matches!(self.state, State::Connected { .. }) {
            self.state = State::Checking {
                until: now + CONNECT,
            };
        }
        if self.previous.is_some() {
            return Some(replaced.ufrag);
        }
        self.previous = Some(replaced);
        None
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Checking { until } => Some(until),
            State::Connected { consent_until, .. } => Some(consent_until),
            State::Lost => None,
        }
    }

    pub(super) fn lose(&mut self) -> LostReason {
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Checking { .. } => LostReason::NeverConnected,
            State::Connected { .. } | State::Lost => LostReason::ConsentExpired,
        }
    }

    pub(super) fn nominated(&self) -> Option<Path> {
        self.nominated_tuple().map(|tuple| tuple.path)
    }

    pub(super) fn generation(&self, ufrag: &[u8]) -> Option<(u32, &StunKey)> {
        let mut generations = self.previous.iter().chain([&self.current]);
        let generation = generations.find(|generation| *generation.ufrag == *ufrag)?;
        Some((generation.number, &generation.key))
    }

    pub(super) fn take_users(&mut self) -> impl Iterator<Item = Box<[u8]>> + use<> {
        let previous = self.previous.take().map(|generation| generation.ufrag);
        [Some(self.current.ufrag.clone()), previous]
            .into_iter()
            .flatten()
    }

    pub(super) fn take_paths(&mut self) -> impl Iterator<Item = Path> + use<> {
        std::mem::take(&mut self.tuples)
            .into_iter()
            .map(|tuple| tuple.path)
    }

    pub(super) fn handle_check(&mut self, check: &Check) -> Verdict {
        let moves = self.nominates(check);
        let evicted = self.record(check);
        if let State::Connected { consent_until, .. } = &mut self.state {
            *consent_until = check.now + CONSENT;
        }
        let mut verdict = Verdict {
            change: None,
            evicted,
            forgotten: None,
        };
        if moves {
            verdict.change = self.nominate(check);
            verdict.forgotten = self.end_previous(check.generation);
        }
        verdict
    }

    /// See the module's documentation. Judges before the check is recorded.
    fn nominates(&self, check: &Check) -> bool {
        let Some(nominated) = self.nominated_tuple() else {
            return check.use_candidate && !matches!(self.state, State::Lost);
        };
        let silence = check.now.saturating_duration_since(nominated.last_check);
        let path = canonical(&check.path);
        if path == nominated.canonical {
            return check.use_candidate;
        }
        let rebound = nominated.priority == check.priority && nominated.differs_in_port(&path);
        if !check.use_candidate {
            return silence > LONG_SILENCE || (rebound && silence > SILENCE);
        }
        let was_checked_plainly = self
            .tuple(&path)
            .is_some_and(|tuple| tuple.checked_plainly && tuple.generation == check.generation);
        check.generation > nominated.generation
            || was_checked_plainly
            || check.priority > nominated.priority
            || rebound
            || silence > SILENCE
    }

    /// Validates the 5-tuple; returns the one that had to go for it.
    fn record(&mut self, check: &Check) -> Option<Path> {
        let path = canonical(&check.path);
        if let Some(tuple) = self.tuples.iter_mut().find(|tuple| tuple.canonical == path) {
            tuple.refresh(check);
            return None;
        }
        let evicted = if self.tuples.len() >= TUPLES_PER_TRANSPORT {
            self.evict()
        } else {
            None
        };
        self.tuples.push(Tuple {
            path: check.path,
            canonical: path,
            generation: check.generation,
            priority: check.priority,
            last_check: check.now,
            checked_plainly: !check.use_candidate,
        });
        evicted
    }

    /// Of those not nominated the one that was checked longest ago.
    fn evict(&mut self) -> Option<Path> {
        let nominated = self.nominated_tuple().map(|tuple| tuple.canonical);
        let candidates = self.tuples.iter().enumerate();
        let (oldest, _) = candidates
            .filter(|(_, tuple)| Some(tuple.canonical) != nominated)
            .min_by_key(|(_, tuple)| tuple.last_check)?;
        Some(self.tuples.swap_remove(oldest).path)
    }

    fn nominate(&mut self, check: &Check) -> Option<Change> {
        let path = canonical(&check.path);
        let change = match self.state {
            State::Connected { nominated, .. } if nominated == path => None,
            State::Connected { .. } => Some(Change::Moved),
            State::Checking { .. } | State::Lost => Some(Change::Connected),
        };
        self.state = State::Connected {
            nominated: path,
            consent_until: check.now + CONSENT,
        };
        change
    }

    /// RFC 8445 §9: the new generation nominated, the old one's credentials end.
    fn end_previous(&mut self, nominated: u32) -> Option<Box<[u8]>> {
        if nominated != self.current.number {
            return None;
        }
        self.previous.take().map(|generation| generation.ufrag)
    }

    fn nominated_tuple(&self) -> Option<&Tuple> {
        match self.state {
            State::Connected { nominated, .. } => self.tuple(&nominated),
            State::Checking { .. } | State::Lost => None,
        }
    }

    fn tuple(&self, canonical: &Path) -> Option<&Tuple> {
        self.tuples
            .iter()
            .find(|tuple| tuple.canonical == *canonical)
    }
}

impl Generation {
    fn new(number: u32, credentials: &IceCredentials) -> Self {
        Self {
            number,
            ufrag: credentials.local_ufrag.as_bytes().into(),
            key: StunKey::new(&credentials.local_password),
        }
    }
}

impl Tuple {
    fn refresh(&mut self, check: &Check) {
        if check.generation > self.generation {
            self.checked_plainly = false;
        }
        self.checked_plainly |= !check.use_candidate;
        self.path = check.path;
        self.generation = check.generation;
        self.priority = check.priority;
        self.last_check = check.now;
    }

    fn differs_in_port(&self, path: &Path) -> bool {
        let mut remote: SocketAddr = self.canonical.remote;
        remote.set_port(path.remote.port());
        *path
            == Path {
                remote,
                ..self.canonical
            }
    }
}
