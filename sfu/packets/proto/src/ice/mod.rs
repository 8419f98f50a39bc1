//! The ICE-lite side of all transports (RFC 8445 §2.5): who may use which 5-tuple.
//!
//! STUN datagrams come in with the path they took; answers are appended to the batch, and a
//! transport's fate comes back as an [`IceEvent`]. A lite agent sends no checks: it answers
//! those of the peer, who is controlling. An authenticated check validates its 5-tuple; one
//! with USE-CANDIDATE may nominate it ([`agent`] says when). Thirty seconds without an
//! authenticated check end the peer's consent (RFC 7675 §5.1).
//!
//! Knows no DTLS and no media; the router asks [`IceTable::transport_of`] for each datagram.

mod agent;
mod hash;
mod limiter;
mod path;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Instant;

use self::agent::{Agent, Check, Verdict};
use self::hash::SeededState;
use self::limiter::Limiter;
use self::path::canonical;
use crate::command::IceCredentials;
use crate::drop::DropReason;
use crate::event::LostReason;
use crate::ids::TransportId;
use crate::limits::STUN_BYTES;
use crate::stun::{BINDING, BindingError, BindingSuccess, Class, Message, Role, StunKey};
use crate::transmit::{Path, Transmit, TransmitBatch};

/// What a check or a deadline did to a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceEvent {
    /// First nomination, or the first after a loss and a restart.
    Connected { transport: TransportId, path: Path },
    /// A later nomination chose another path.
    Moved { transport: TransportId, path: Path },
    Lost {
        transport: TransportId,
        reason: LostReason,
    },
}

/// All transports, by user name fragment and by 5-tuple.
#[derive(Debug)]
pub struct IceTable {
    agents: HashMap<TransportId, Agent, SeededState>,
    /// Local user name fragments of current and previous generations.
    users: HashMap<Box<[u8]>, TransportId, SeededState>,
    /// Validated 5-tuples, canonical.
    routes: HashMap<Path, TransportId, SeededState>,
    /// For each transport an entry no later than its true deadline: consent moves the deadline
    /// with every check, the entry moves only when it comes up. Those of removed transports
    /// come up to nothing, within the time of a consent: to look for them would take longer the
    /// more transports there are.
    deadlines: BTreeSet<(Instant, TransportId)>,
    refusals: Limiter,
}

impl IceTable {
    /// `seed`: keeps peers from choosing addresses that collide in the tables.
    pub fn new(seed: u64) -> Self {
        let state = SeededState::new(seed);
        Self {
            agents: HashMap::with_hasher(state),
            users: HashMap::with_hasher(state),
            routes: HashMap::with_hasher(state),
            deadlines: BTreeSet::new(),
            refusals: Limiter::new(seed),
        }
    }

    /// A transport that is there already is replaced.
    pub fn add(&mut self, now: Instant, transport: TransportId, credentials: IceCredentials) {
        self.remove(transport);
        self.users
            .insert(credentials.local_ufrag.as_bytes().into(), transport);
        let agent = Agent::new(now, &credentials);
        self.schedule(transport, agent.deadline());
        self.agents.insert(transport, agent);
    }

    /// ICE restart (RFC 8445 §9). The old generation and its 5-tuples stay valid until the
    /// new one nominates. Unknown transports are ignored.
    pub fn restart(&mut self, now: Instant, transport: TransportId, credentials: IceCredentials) {
        let Some(agent) = self.agents.get_mut(&transport) else {
            return;
        };
        let is_scheduled = agent.deadline().is_some();
        let forgotten = agent.restart(now, &credentials);
        let deadline = agent.deadline().filter(|_| !is_scheduled);
        self.forget_user(forgotten, transport);
        self.users
            .insert(credentials.local_ufrag.as_bytes().into(), transport);
        self.schedule(transport, deadline);
    }

    pub fn remove(&mut self, transport: TransportId) {
        let Some(mut agent) = self.agents.remove(&transport) else {
            return;
        };
        self.disconnect(transport, &mut agent);
    }

    /// A STUN datagram from anywhere. Appends the response, if there is one, to `out`.
    ///
    /// # Errors
    /// The datagram went no further; it may have been answered with a STUN error all the same.
    pub fn handle(
        &mut self,
        now: Instant,
        path: Path,
        data: &[u8],
        out: &mut TransmitBatch,
    ) -> Result<Option<IceEvent>, DropReason> {
        if data.len() > STUN_BYTES {
            return Err(DropReason::StunMalformed);
        }
        let message = Message::parse(data).map_err(|_| DropReason::StunMalformed)?;
        if message.class != Class::Request || message.method != BINDING {
            return Err(DropReason::StunUnexpected);
        }
        let Authentic {
            transport,
            generation,
            key,
        } = match self.authenticate(&message) {
            Ok(authentic) => authentic,
            Err(refusal) => return Err(self.refuse(now, path, &message, data.len(), refusal, out)),
        };
        if !respond(path, &message, key, out) {
            return Err(DropReason::StunRefused);
        }
        let check = Check {
            now,
            path,
            generation,
            priority: message.priority.unwrap_or(0),
            use_candidate: message.use_candidate,
        };
        Ok(self.validate(transport, &check))
    }

    /// Hot path: which transport does this validated 5-tuple belong to?
    pub fn transport_of(&self, path: &Path) -> Option<TransportId> {
        self.routes.get(&canonical(path)).copied()
    }

    /// Where to send, as the socket layer named it; `None` before nomination and after loss.
    pub fn nominated(&self, transport: TransportId) -> Option<Path> {
        self.agents.get(&transport)?.nominated()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Ends what has run out. A lost transport answers nothing more until it is restarted.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<IceEvent> {
        let mut events = Vec::new();
        while let Some(&(scheduled, transport)) = self.deadlines.first() {
            if scheduled > now {
                break;
            }
            self.deadlines.pop_first();
            events.extend(self.handle_deadline(now, transport));
        }
        events
    }

    fn handle_deadline(&mut self, now: Instant, transport: TransportId) -> Option<IceEvent> {
        let deadline = self.agents.get(&transport)?.deadline()?;
        if deadline > now {
            self.schedule(transport, Some(deadline));
            return None;
        }
        let mut agent = self.agents.remove(&transport)?;
        self.disconnect(transport, &mut agent);
        let reason = agent.lose();
        self.agents.insert(transport, agent);
        Some(IceEvent::Lost { transport, reason })
    }

    fn schedule(&mut self, transport: TransportId, deadline: Option<Instant>) {
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, transport));
        }
    }

    /// RFC 8489 §9.1.3 with RFC 8445 §7.3: the part of the username before the colon is ours.
    fn authenticate(&self, message: &Message<'_>) -> Result<Authentic<'_>, Refusal> {
        let (Some(username), true) = (message.username, message.has_integrity()) else {
            return Err(Refusal {
                code: 400,
                reason: DropReason::StunUnauthenticated,
            });
        };
        let unknown_user = Refusal {
            code: 401,
            reason: DropReason::StunUnknownUser,
        };
        let ufrag = local_ufrag(username).ok_or(unknown_user)?;
        let transport = *self.users.get(ufrag).ok_or(unknown_user)?;
        let agent = self.agents.get(&transport).ok_or(unknown_user)?;
        let (generation, key) = agent.generation(ufrag).ok_or(unknown_user)?;
        if !message.is_authentic(key) {
            return Err(Refusal {
                code: 401,
                reason: DropReason::StunUnauthenticated,
            });
        }
        Ok(Authentic {
            transport,
            generation,
            key,
        })
    }

    fn validate(&mut self, transport: TransportId, check: &Check) -> Option<IceEvent> {
        let verdict = self.agents.get_mut(&transport)?.handle_check(check);
        let Verdict {
            change,
            evicted,
            forgotten,
        } = verdict;
        if let Some(evicted) = evicted {
            self.unroute(&evicted, transport);
        }
        self.forget_user(forgotten, transport);
        self.routes.insert(canonical(&check.path), transport);
        let path = check.path;
        change.map(|change| match change {
            agent::Change::Connected => IceEvent::Connected { transport, path },
            agent::Change::Moved => IceEvent::Moved { transport, path },
        })
    }

    /// RFC 8489 §9.1.3, but never with more bytes than were asked with, and rarely: whoever
    /// forges a source address gains nothing by way of us.
    fn refuse(
        &mut self,
        now: Instant,
        path: Path,
        message: &Message<'_>,
        request_length: usize,
        refusal: Refusal,
        out: &mut TransmitBatch,
    ) -> DropReason {
        if request_length < REFUSAL_LENGTH {
            return refusal.reason;
        }
        if !self.refusals.allows(now, path.remote.ip()) {
            return DropReason::StunRateLimited;
        }
        let error = BindingError {
            transaction_id: message.transaction_id,
            code: refusal.code,
            unknown: &[],
        };
        answer(path, out, |arena| error.encode(arena, None));
        refusal.reason
    }

    /// Takes a transport's credentials and 5-tuples out of the tables.
    fn disconnect(&mut self, transport: TransportId, agent: &mut Agent) {
        for ufrag in agent.take_users() {
            self.forget_user(Some(ufrag), transport);
        }
        for path in agent.take_paths() {
            self.unroute(&path, transport);
        }
    }

    fn forget_user(&mut self, ufrag: Option<Box<[u8]>>, transport: TransportId) {
        if let Some(ufrag) = ufrag
            && self.users.get(&ufrag) == Some(&transport)
        {
            self.users.remove(&ufrag);
        }
    }

    /// The 5-tuple may have gone over to another transport since.
    fn unroute(&mut self, path: &Path, transport: TransportId) {
        let path = canonical(path);
        if self.routes.get(&path) == Some(&transport) {
            self.routes.remove(&path);
        }
    }
}

struct Authentic<'a> {
    transport: TransportId,
    generation: u32,
    key: &'a StunKey,
}

#[derive(Clone, Copy)]
struct Refusal {
    code: u16,
    reason: DropReason,
}

/// Header, ERROR-CODE, FINGERPRINT.
const REFUSAL_LENGTH: usize = 20 + 8 + 8;

/// Answers an authenticated request; whether with success.
fn respond(path: Path, message: &Message<'_>, key: &StunKey, out: &mut TransmitBatch) -> bool {
    let transaction_id = message.transaction_id;
    let Some(code) = objection(message) else {
        let success = BindingSuccess {
            transaction_id,
            mapped_address: path.remote,
        };
        answer(path, out, |arena| success.encode(arena, key));
        return true;
    };
    let error = BindingError {
        transaction_id,
        code,
        unknown: message.unknown.as_slice(),
    };
    answer(path, out, |arena| error.encode(arena, Some(key)));
    false
}

/// Why an authenticated request is answered with an error.
fn objection(message: &Message<'_>) -> Option<u16> {
    if !message.unknown.is_empty() {
        return Some(420);
    }
    match message.role {
        // RFC 8445 §7.3.1.1: a lite agent facing a full one is always controlled (§6.1.1).
        Some(Role::Controlled(_)) => Some(487),
        Some(Role::Controlling(_)) | None => None,
    }
}

fn local_ufrag(username: &[u8]) -> Option<&[u8]> {
    let colon = username.iter().position(|&byte| byte == b':')?;
    username.get(..colon)
}

fn answer(path: Path, out: &mut TransmitBatch, encode: impl FnOnce(&mut Vec<u8>)) {
    let start = out.arena.len();
    encode(&mut out.arena);
    let len = out.arena.len() - start;
    out.transmits.push(Transmit {
        path,
        start: start as u32,
        len: len as u32,
        segment_size: len as u16,
        dscp: 0,
    });
}

/// The address whose refusals are counted together: all of an IPv6 network of one host
/// (RFC 4291 §2.5.4 leaves a site 64 bits to choose from).
fn source_of(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}
