//! Which protocol a datagram speaks, told by its first two bytes.
//!
//! RFC 7983 §7 shares one port between STUN, DTLS and RTP; RFC 5761 §4 tells RTCP from RTP.
//! Knows nothing of who sent the datagram: that is [`crate::ice`]'s question.

/// The protocols that share our port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// The protocol of a datagram, or `None` where it is in no range of RFC 7983 §7 or too
/// short for the fixed header of what it claims to be.
pub fn classify(data: &[u8]) -> Option<Kind> {
    let (&first, &second) = (data.first()?, data.get(1)?);
    let kind = match first {
        0..=3 => Kind::Stun,
        20..=63 => Kind::Dtls,
        // RFC 5761 §4: RTCP packet types 192..=223 are RTP payload types 64..=95 with the
        // marker bit, which no session with rtcp-mux may use.
        128..=191 if (192..=223).contains(&second) => Kind::Rtcp,
        128..=191 => Kind::Rtp,
        _ => return None,
    };
    (data.len() >= kind.minimum_length()).then_some(kind)
}

impl Kind {
    /// The fixed header: RFC 8489 §5, RFC 6347 §4.1 (and RFC 9147 §4: as short as 3, but
    /// we speak DTLS 1.2 records), RFC 3550 §5.1 and §6.4.
    fn minimum_length(self) -> usize {
        match self {
            Kind::Stun => 20,
            Kind::Dtls => 13,
            Kind::Rtp => 12,
            Kind::Rtcp => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(first: u8, second: u8) -> [u8; 20] {
        let mut data = [0; 20];
        data[0] = first;
        data[1] = second;
        data
    }

    #[test]
    fn first_byte_decides_as_rfc_7983_says() {
        for first in 0..=255u8 {
            let expected = match first {
                0..=3 => Some(Kind::Stun),
                20..=63 => Some(Kind::Dtls),
                128..=191 => Some(Kind::Rtp),
                _ => None,
            };
            assert_eq!(
                classify(&datagram(first, 96)),
                expected,
                "first byte {first}"
            );
        }
    }

    #[test]
    fn rtcp_is_told_by_its_packet_type() {
        for second in 0..=255u8 {
            let expected = match second {
                192..=223 => Kind::Rtcp,
                _ => Kind::Rtp,
            };
            assert_eq!(
                classify(&datagram(0x80, second)),
                Some(expected),
                "second byte {second}"
            );
        }
    }

    #[test]
    fn datagrams_shorter_than_their_header_are_nothing() {
        assert_eq!(classify(&[]), None);
        assert_eq!(classify(&[0x80]), None);
        for (data, minimum) in [
            (datagram(0, 1), 20),
            (datagram(22, 254), 13),
            (datagram(0x80, 96), 12),
            (datagram(0x80, 200), 8),
        ] {
            assert_eq!(classify(&data[..minimum - 1]), None);
            assert!(classify(&data[..minimum]).is_some());
        }
    }
}
